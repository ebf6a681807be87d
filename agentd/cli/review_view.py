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
_OUTPUT_LINES: Final = 12
_HUNK_LINES: Final = 20
_OTHER_REASONS: Final = 3
_SHORT: Final = 10


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
    _print_next_steps(console, record, hunks_shown=show_hunks)


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
    from rich.table import Table

    names = owners_by_bundle(record)
    bundles = {bundle["bundle_id"]: bundle for bundle in record["bundles"]}
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(1, 2, 0, 0))
    table.add_column("DECISION", no_wrap=True)
    table.add_column("BUNDLE", overflow="fold", ratio=2)
    table.add_column("CHANGE", overflow="fold", ratio=2)
    table.add_column("WHY", overflow="fold", ratio=6)
    for decision in _by_action(record["decisions"]):
        sign, style = ACTION_STYLES.get(decision["action"], ("?", "bold"))
        bundle = bundles.get(decision["bundle_id"], {})
        table.add_row(
            styled(f"{sign} {decision['action']}", style),
            _who(names.get(decision["bundle_id"], decision["bundle_id"]), bundle),
            _what(bundle),
            _why(decision["reasons"]),
        )
    console.print(table)
    console.print()


def _by_action(decisions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    def place(decision: Mapping[str, Any]) -> int:
        action = decision["action"]
        return _ACTION_ORDER.index(action) if action in _ACTION_ORDER else len(_ACTION_ORDER)

    return sorted(decisions, key=place)


def _who(name: str, bundle: Mapping[str, Any]) -> Any:
    text = styled(name, "bold")
    if provider := bundle.get("provider"):
        text.append(f"\n{printable(provider)}", style="dim")
    return text


def _what(bundle: Mapping[str, Any]) -> Any:
    paths = list(bundle.get("paths") or bundle.get("declared_paths") or ())
    text = styled(f"+{bundle.get('additions', 0)} −{bundle.get('deletions', 0)}")
    for path in paths[:3]:
        text.append(f"\n{printable(path)}", style="dim")
    if len(paths) > 3:
        text.append(f"\nand {len(paths) - 3} more", style="dim")
    return text


def _why(reasons: Sequence[Mapping[str, Any]]) -> Any:
    if not reasons:
        return styled("")
    text = styled(reasons[0]["message"])
    for reason in reasons[1 : 1 + _OTHER_REASONS]:
        text.append(f"\n{printable(reason['message'])}", style="dim")
    if len(reasons) > 1 + _OTHER_REASONS:
        text.append(f"\nand {len(reasons) - 1 - _OTHER_REASONS} more reasons", style="dim")
    return text


def _print_verification(console: Console, record: Record) -> None:
    runs = record.get("verification") or []
    if not runs:
        return
    console.print(styled("Verification", "bold"))
    integration = record.get("integration") or {}
    for run in runs:
        passed = run.get("status") == "passed"
        on_result = run.get("tree") == integration.get("tree")
        where = "on the combination" if on_result else "on a combination that was tried"
        baseline = run.get("baseline_status")
        console.print(
            styled("  ✔" if passed else "  ✘", "green" if passed else "red"),
            styled(str(run.get("command", "")), "bold"),
            styled(
                f"{run.get('status')} {where}"
                + (f", {baseline} on the bare target" if baseline else "")
                + (f" (exit {run['exit_code']})" if run.get("exit_code") else "")
            ),
        )
        if not passed and run.get("output_tail"):
            for line in str(run["output_tail"]).rstrip().splitlines()[-_OUTPUT_LINES:]:
                console.print(styled(f"      │ {line}", "dim"))
    console.print()


def _print_hunks(console: Console, record: Record) -> None:
    from rich.table import Table

    names = owners_by_bundle(record)
    for finding, hunk in _conflicting_hunks(record):
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


def _conflicting_hunks(
    record: Record,
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
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
    order = ", ".join(names.get(bundle, bundle) for bundle in integration["order"])
    console.print(
        styled("Integration", "bold"),
        styled(f"{integration['commit'][:_SHORT]} = {target_name(record)} with {order}"),
    )


def _print_next_steps(console: Console, record: Record, *, hunks_shown: bool) -> None:
    integration = record.get("integration")
    if integration and integration.get("ref"):
        branch = _short_ref(integration["ref"])
        console.print(f"Landed on {printable(branch)}.")
        if integration["ref"] != record["target"].get("ref"):
            console.print(styled(f"Next: git merge --ff-only {branch}", "dim"))
    elif integration:
        console.print(styled("Nothing was written. To land it: add --apply", "dim"))
    if not hunks_shown and any(True for _ in _conflicting_hunks(record)):
        command = f"agentd-coord decisions {record['review_id'][:8]} --hunks"
        console.print(styled(f"Both sides of the conflicts: {command}", "dim"))


def _short_ref(ref: str) -> str:
    return os.path.basename(ref) if ref.count("/") == 2 else ref.removeprefix("refs/heads/")
