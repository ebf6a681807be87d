"""The decisions of a review as a person reads them: a line a bundle, and below it why.

Bundles of which the same is to be said stand together, and it is said once; what is true of all
bundles with one action is said before them. So the page of a large review stays short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from agentd.cli.actions import ACTION_ORDER, ACTION_STYLES, tally
from agentd.cli.records import Record
from agentd.cli.terminal import print_indented, printable, styled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_INDENT: Final = 11
_CELLS_MAX: Final = (10, 40, 14, 12)
"""Characters of the columns: action, owner, provider, lines. What is longer is shown whole, and
the rest of its line moves to the right."""
_PATHS_SHOWN: Final = 2
_OUTPUT_LINES: Final = 8
_NOTES_SHOWN: Final = 3
_OTHER_REASONS: Final = 3
_SHARED_MIN: Final = 3
"""Bundles of which it is worth saying once what is true of all."""
_SAID_BY: Final[Mapping[str, str]] = {"no_change_attached": "no_change_yet"}
"""Kinds of findings to the reasons that say the same in other words."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What there is to say about a bundle."""

    action: str
    cells: tuple[str, str, str, str]
    paths: str
    reasons: tuple[tuple[str, str], ...]
    """Messages, each with the output that shows it."""
    notes: tuple[str, ...]

    @property
    def why(self) -> tuple[object, ...]:
        return self.reasons, self.notes


def print_decisions(console: Console, record: Record, names: Mapping[str, str]) -> None:
    """All decisions, those with one action together."""
    bundles = {bundle["bundle_id"]: bundle for bundle in record["bundles"]}
    told = [
        _told(decision, record, names, bundles.get(decision["bundle_id"], {}))
        for decision in _by_action(record["decisions"], names)
    ]
    widths = [
        max((len(each.cells[n]) for each in told if len(each.cells[n]) <= most), default=0)
        for n, most in enumerate(_CELLS_MAX)
    ]
    for _, group in groupby(told, key=lambda each: each.action):
        members = list(group)
        shared = _shared(members)
        if shared:
            _print_shared(console, len(members), shared)
        for block in _blocks(members):
            console.print()
            for each in block:
                _print_row(console, each, widths)
            _print_why(console, block[0], 1 if shared else 0)
    console.print()


def _by_action(
    decisions: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    def place(decision: Mapping[str, Any]) -> tuple[int, str, str]:
        action = decision["action"]
        rank = ACTION_ORDER.index(action) if action in ACTION_ORDER else len(ACTION_ORDER)
        return rank, action, names.get(decision["bundle_id"], "")

    return sorted(decisions, key=place)


def _told(
    decision: Mapping[str, Any],
    record: Record,
    names: Mapping[str, str],
    bundle: Mapping[str, Any],
) -> _Told:
    sign, _ = ACTION_STYLES.get(decision["action"], ("?", ""))
    paths = list(bundle.get("paths") or bundle.get("declared_paths") or ())
    shown = ", ".join(paths[:_PATHS_SHOWN])
    if len(paths) > _PATHS_SHOWN:
        shown += f" and {len(paths) - _PATHS_SHOWN} more"
    reasons = tuple(
        (str(reason["message"]), _output(reason.get("evidence", {})))
        for reason in decision["reasons"]
    )
    return _Told(
        action=decision["action"],
        cells=(
            printable(f"{sign} {decision['action']}"),
            printable(names.get(decision["bundle_id"], decision["bundle_id"])),
            printable(str(bundle.get("provider", ""))),
            f"+{bundle.get('additions', 0)} −{bundle.get('deletions', 0)}",
        ),
        paths=printable(shown),
        reasons=reasons,
        notes=tuple(_notes(record, decision)),
    )


def _output(evidence: Mapping[str, Any]) -> str:
    output = evidence.get("output_tail")
    return output.strip("\n") if isinstance(output, str) and output.strip() else ""


def _notes(record: Record, decision: Mapping[str, Any]) -> Iterator[str]:
    """What somebody should look at although it did not settle the decision."""
    told = {reason["message"] for reason in decision["reasons"]}
    reasons = {reason["reason"] for reason in decision["reasons"]}
    yield from dict.fromkeys(
        finding["message"]
        for finding in record["findings"]
        if finding["severity"] == "warning"
        and finding["bundles"] == [decision["bundle_id"]]
        and finding["message"] not in told
        and _SAID_BY.get(finding["kind"]) not in reasons
    )


def _shared(members: Sequence[_Told]) -> str:
    """The first reason of all, where all have the same; otherwise nothing."""
    firsts = {each.reasons[:1] for each in members}
    if len(members) < _SHARED_MIN or len(firsts) > 1:
        return ""
    ((message, output),) = firsts.pop() or (("", ""),)
    return "" if output else message


def _blocks(members: Sequence[_Told]) -> list[list[_Told]]:
    """Bundles of which the same is said, in the order of the first of each."""
    found: dict[tuple[object, ...], list[_Told]] = {}
    for each in members:
        found.setdefault(each.why, []).append(each)
    return list(found.values())


def _print_shared(console: Console, count: int, message: str) -> None:
    console.print()
    print_indented(console, styled(f"Of each of these {count}: {message}"), _INDENT)


def _print_row(console: Console, told: _Told, widths: Sequence[int]) -> None:
    """What is said of a bundle in one line, or in two where the paths have no room in it."""
    _, style = ACTION_STYLES.get(told.action, ("", "bold"))
    line = styled("")
    for cell, width, cell_style in zip(told.cells, widths, (style, "bold", "", ""), strict=True):
        line.append(cell.ljust(width) + "  ", style=cell_style)
    if line.cell_len + len(told.paths) <= console.width:
        line.append(told.paths, style="dim")
        line.rstrip()
        console.print(line, soft_wrap=True)
        return
    line.rstrip()
    print_indented(console, line, 0)
    print_indented(console, styled(told.paths, "dim"), _INDENT)


def _print_why(console: Console, told: _Told, said: int) -> None:
    """The reasons and notes but for those that were `said` before."""
    shown = told.reasons[said : 1 + _OTHER_REASONS]
    for message, output in shown:
        print_indented(console, styled(message), _INDENT)
        for line in [line for line in output.splitlines() if line.strip()][-_OUTPUT_LINES:]:
            quoted = styled(f"{' ' * _INDENT}│ {line}", "dim")
            console.print(quoted, no_wrap=True, overflow="ellipsis")
    more = len(told.reasons) - 1 - _OTHER_REASONS
    if more > 0:
        _print_more(console, f"and {more} more reasons: see --json")
    for note in told.notes[:_NOTES_SHOWN]:
        print_indented(console, styled(f"note: {note}", "yellow"), _INDENT)
    if len(told.notes) > _NOTES_SHOWN:
        _print_more(console, f"and {len(told.notes) - _NOTES_SHOWN} more notes: see --json")


def _print_more(console: Console, text: str) -> None:
    print_indented(console, styled(text, "dim"), _INDENT)


def print_tally(console: Console, record: Record) -> None:
    """How many bundles have which action."""
    line: Text = styled("")
    for action, count in tally([decision["action"] for decision in record["decisions"]]):
        _, style = ACTION_STYLES.get(action, ("", "bold"))
        line.append(" · " if line.plain else "")
        line.append(printable(f"{count} {action}"), style=style)
    print_indented(console, line, 0)
