"""A review record as a person reads it: the verdicts first, then what they rest on.

Works on the record alone, so that a review of last week prints like the one just made.
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agentd.cli.records import Record
from agentd.cli.review_decisions import print_decisions, print_tally
from agentd.cli.terminal import print_indented, printable, styled
from agentd.conflicts.findings import counted

if TYPE_CHECKING:
    from rich.console import Console

_HUNK_LINES: Final = 20
_SHORT: Final = 10
_NAMED_MAX: Final = 20


def print_review(console: Console, record: Record, *, show_hunks: bool = False) -> None:
    """Prints the whole review."""
    _print_head(console, record)
    if not record["decisions"]:
        console.print("There is nothing to decide: no bundle was handed in.")
        return
    print_tally(console, record)
    print_decisions(console, record, owners_by_bundle(record))
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
    line = styled(f"Review {record['review_id'][:8]}", "bold")
    line.append(printable(f" of {record['repository']}"), style="not bold")
    line.append(printable(f" · target {target_name(record)}"), style="not bold")
    line.append(f" · {counted(len(record['bundles']), 'bundle')}", style="not bold")
    print_indented(console, line, 0)


def _print_verification(console: Console, record: Record) -> None:
    """What ran on the integration; what failed on the way there is told with its bundle."""
    runs = record.get("verification") or []
    if not runs:
        return
    integration = record.get("integration") or {}
    console.print(styled("Verification", "bold"))
    for run, count in Counter(_ran(run, integration) for run in runs).items():
        first = styled("  ✔ " if run.passed else "  ✘ ", "green" if run.passed else "red")
        line = styled(run.command, "bold")
        trials = "a trial" if count == 1 else f"{count} trials"
        line.append(f" {run.status} on {'the integration' if run.integrated else trials}")
        if run.baseline:
            line.append(f", {run.baseline} on the bare target")
        print_indented(console, line, first.cell_len, first=first)
    console.print()


class _Ran(NamedTuple):
    """What is told of a run; runs of which the same is told are one line."""

    command: str
    status: str
    baseline: str
    integrated: bool

    @property
    def passed(self) -> bool:
        return self.status == "passed"


def _ran(run: Mapping[str, Any], integration: Mapping[str, Any]) -> _Ran:
    return _Ran(
        command=str(run.get("command", "")),
        status=printable(str(run.get("status", ""))),
        baseline=printable(str(run.get("baseline_status") or "")),
        integrated=run.get("tree") == integration.get("tree"),
    )


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
    line = styled("Integration ", "bold")
    line.append(
        printable(f"{integration['commit'][:_SHORT]} = {target_name(record)} with {order}"),
        style="not bold",
    )
    print_indented(console, line, 0)
    if integration.get("ref"):
        console.print(f"Landed on {printable(_short_ref(integration['ref']))}.")


def _short_ref(ref: str) -> str:
    return os.path.basename(ref) if ref.count("/") == 2 else ref.removeprefix("refs/heads/")
