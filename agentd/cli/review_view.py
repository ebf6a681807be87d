"""A review record as a person reads it: the verdicts first, then what they rest on.

Works on the record alone, so that a review of last week prints like the one just made.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from agentd.cli.terminal import printable, styled

if TYPE_CHECKING:
    from rich.console import Console

Record = Mapping[str, Any]

ACTION_STYLES: Final[Mapping[str, tuple[str, str]]] = {
    "merge": ("✔", "bold green"),
    "rebase": ("↻", "bold yellow"),
    "wait": ("…", "bold yellow"),
    "reject": ("✘", "bold red"),
    "escalate": ("!", "bold magenta"),
}
"""A sign and a style for each action."""

_ACTION_ORDER: Final = tuple(ACTION_STYLES)
_INDENT: Final = 11
_CELL_CHARS: Final = 40
_PATHS_SHOWN: Final = 2
_OUTPUT_LINES: Final = 8
_HUNK_LINES: Final = 20
_NOTES_SHOWN: Final = 3
_OTHER_REASONS: Final = 3
_SHORT: Final = 10
_NAMED_MAX: Final = 20
_SAID_BY: Final[Mapping[str, str]] = {"no_change_attached": "no_change_yet"}
"""Kinds of findings to the reasons that say the same in other words."""


def print_review(console: Console, record: Record, *, show_hunks: bool = False) -> None:
    """Prints the whole review."""
    _print_head(console, record)
    if not record["decisions"]:
        console.print("There is nothing to decide: no bundle was handed in.")
        return
    _print_decisions(console, record)
    _print_verification(console, record)
    if show_hunks:
        _print_hunks(console, record)
    _print_integration(console, record)


def owners_by_bundle(record: Record) -> dict[str, str]:
    """Bundle id to its owner's name, with the id's beginning where two bundles share an owner."""
    owners = [bundle["owner"] for bundle in record["bundles"]]
    return {
        bundle["bundle_id"]: bundle["owner"]
        if owners.count(bundle["owner"]) == 1
        else f"{bundle['owner']} ({bundle['bundle_id'][:_SHORT]})"
        for bundle in record["bundles"]
    }


def target_name(record: Record) -> str:
    """The target as a person calls it: `main (5f3c1a2b4d)`."""
    ref = record["target"].get("ref")
    commit = record["target"]["commit"][:_SHORT]
    return f"{_short_ref(ref)} ({commit})" if ref else str(commit)


def _print_head(console: Console, record: Record) -> None:
    count = len(record["bundles"])
    console.print(
        styled(f"Review {record['review_id'][:8]}", "bold"),
        styled(f"of {record['repository']}"),
        styled(f"· target {target_name(record)}"),
        styled(f"· {count} bundle{'' if count == 1 else 's'}"),
    )


def _print_decisions(console: Console, record: Record) -> None:
    """A line a bundle that can be read down, and below it why."""
    names = owners_by_bundle(record)
    bundles = {bundle["bundle_id"]: bundle for bundle in record["bundles"]}
    rows = [
        (decision, _cells(decision, names, bundles))
        for decision in _by_action(record["decisions"], names)
    ]
    widths = [min(max(len(cells[n]) for _, cells in rows), _CELL_CHARS) for n in range(4)]
    for decision, cells in rows:
        _, style = ACTION_STYLES.get(decision["action"], ("", "bold"))
        line = styled("")
        for cell, width, cell_style in zip(cells, widths, (style, "bold", "", ""), strict=False):
            line.append(cell.ljust(width) + "  ", style=cell_style)
        line.append(cells[4], style="dim")
        console.print()
        console.print(line, no_wrap=True, overflow="ellipsis")
        _print_why(console, decision["reasons"])
        _print_notes(console, record, decision)
    console.print()


def _cells(
    decision: Mapping[str, Any],
    names: Mapping[str, str],
    bundles: Mapping[str, Mapping[str, Any]],
) -> tuple[str, str, str, str, str]:
    sign, _ = ACTION_STYLES.get(decision["action"], ("?", ""))
    bundle = bundles.get(decision["bundle_id"], {})
    paths = list(bundle.get("paths") or bundle.get("declared_paths") or ())
    shown = ", ".join(paths[:_PATHS_SHOWN])
    if len(paths) > _PATHS_SHOWN:
        shown += f" and {len(paths) - _PATHS_SHOWN} more"
    return (
        printable(f"{sign} {decision['action']}"),
        printable(names.get(decision["bundle_id"], decision["bundle_id"])),
        printable(str(bundle.get("provider", ""))),
        f"+{bundle.get('additions', 0)} −{bundle.get('deletions', 0)}",
        printable(shown),
    )


def _by_action(
    decisions: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    def place(decision: Mapping[str, Any]) -> tuple[int, str]:
        action = decision["action"]
        rank = _ACTION_ORDER.index(action) if action in _ACTION_ORDER else len(_ACTION_ORDER)
        return rank, names.get(decision["bundle_id"], "")

    return sorted(decisions, key=place)


def _print_why(console: Console, reasons: Sequence[Mapping[str, Any]]) -> None:
    from rich.padding import Padding

    for reason in reasons[: 1 + _OTHER_REASONS]:
        console.print(Padding(styled(reason["message"]), (0, 0, 0, _INDENT)))
        output = reason.get("evidence", {}).get("output_tail")
        if isinstance(output, str) and output.strip():
            _print_output(console, output)
    if len(reasons) > 1 + _OTHER_REASONS:
        more = f"and {len(reasons) - 1 - _OTHER_REASONS} more reasons: see --json"
        console.print(Padding(styled(more, "dim"), (0, 0, 0, _INDENT)))


def _print_notes(console: Console, record: Record, decision: Mapping[str, Any]) -> None:
    """What somebody should look at although it did not settle the decision."""
    from rich.padding import Padding

    told = {reason["message"] for reason in decision["reasons"]}
    reasons = {reason["reason"] for reason in decision["reasons"]}
    notes = dict.fromkeys(
        finding["message"]
        for finding in record["findings"]
        if finding["severity"] == "warning"
        and finding["bundles"] == [decision["bundle_id"]]
        and finding["message"] not in told
        and _SAID_BY.get(finding["kind"]) not in reasons
    )
    for note in list(notes)[:_NOTES_SHOWN]:
        console.print(Padding(styled(f"note: {note}", "yellow"), (0, 0, 0, _INDENT)))
    if len(notes) > _NOTES_SHOWN:
        more = f"and {len(notes) - _NOTES_SHOWN} more notes: see --json"
        console.print(Padding(styled(more, "dim"), (0, 0, 0, _INDENT)))


def _print_output(console: Console, output: str) -> None:
    filled = [line for line in output.splitlines() if line.strip()]
    for line in filled[-_OUTPUT_LINES:]:
        quoted = styled(f"{' ' * _INDENT}│ {line}", "dim")
        console.print(quoted, no_wrap=True, overflow="ellipsis")


def _print_verification(console: Console, record: Record) -> None:
    """What ran on the integration; what failed on the way there is told with its bundle."""
    runs = record.get("verification") or []
    if not runs:
        return
    integration = record.get("integration") or {}
    console.print(styled("Verification", "bold"))
    for run in runs:
        passed = run.get("status") == "passed"
        same = run.get("tree") == integration.get("tree")
        line = styled("  ✔ " if passed else "  ✘ ", "green" if passed else "red")
        line.append(printable(str(run.get("command", ""))), style="bold")
        line.append(f" {run.get('status')} on {'the integration' if same else 'a trial'}")
        if baseline := run.get("baseline_status"):
            line.append(f", {baseline} on the bare target")
        console.print(line)
    console.print()


def _print_hunks(console: Console, record: Record) -> None:
    from rich.table import Table

    names = owners_by_bundle(record)
    for finding, hunk in conflicting_hunks(record):
        sides = [names.get(bundle, bundle) for bundle in finding["bundles"]]
        left, right = (*sides, "the target")[:2] if sides else ("left", "right")
        touch = {"adjacent": "next to each other"}.get(str(hunk.get("touch")), "on the same lines")
        base = hunk.get("base", {})
        console.print(
            styled(f"{hunk['path']}:{base.get('start', '?')}", "bold"),
            styled(f"· {left} and {right} {touch}"),
        )
        table = Table(box=None, expand=True, pad_edge=False, show_edge=False)
        table.add_column(styled(left), ratio=1, overflow="fold")
        table.add_column(styled(right), ratio=1, overflow="fold")
        table.add_row(_side(hunk["left"]), _side(hunk["right"]))
        console.print(table)
        console.print()


def conflicting_hunks(
    record: Record,
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each pair of hunks that meet, with the finding that tells of it."""
    for finding in record["findings"]:
        for hunk in finding.get("evidence", {}).get("hunks", ()):
            yield finding, hunk


def _side(side: Mapping[str, Any]) -> Any:
    text = styled("")
    for mark, style, lines in (("-", "red", side["removed"]), ("+", "green", side["added"])):
        for line in lines[:_HUNK_LINES]:
            text.append(f"{mark} {printable(line)}\n", style=style)
        if len(lines) > _HUNK_LINES:
            text.append(f"  … {len(lines) - _HUNK_LINES} more lines\n", style="dim")
    text.rstrip()
    return text


def _print_integration(console: Console, record: Record) -> None:
    integration = record.get("integration")
    if not integration:
        console.print(styled("Nothing was merged.", "bold"))
        return
    names = owners_by_bundle(record)
    merged = [names.get(bundle, bundle) for bundle in integration["order"]]
    order = ", ".join(merged[:_NAMED_MAX])
    if len(merged) > _NAMED_MAX:
        order += f" and {len(merged) - _NAMED_MAX} more"
    console.print(
        styled("Integration", "bold"),
        styled(f"{integration['commit'][:_SHORT]} = {target_name(record)} with {order}"),
    )
    if integration.get("ref"):
        console.print(f"Landed on {printable(_short_ref(integration['ref']))}.")


def _short_ref(ref: str) -> str:
    return os.path.basename(ref) if ref.count("/") == 2 else ref.removeprefix("refs/heads/")
