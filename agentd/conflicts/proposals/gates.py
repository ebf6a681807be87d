"""Holds a resolved file against both of its sides, whoever resolved it.

A resolution is refused that drops or reorders a line of either side, adds one that neither has,
leaves conflict markers, does not parse, or binds a name oftener or seldomer than the sides do.
Commas at a line's end and blank lines are the only things that joining two sides may touch; of an
import on one line that both change, each name counts as a line. Pure: contents in, refusals out;
whether the result works is for the review to find out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from agentd.conflicts.findings import BundleId, JsonObject
from agentd.conflicts.ledger.books import Books, Entry, FileState
from agentd.conflicts.ledger.ledger import audit
from agentd.conflicts.ledger.line_order import LineFile, LineSide, misplaced
from agentd.conflicts.proposals.blocks import outline
from agentd.conflicts.proposals.lost_names import lost_name
from agentd.conflicts.proposals.readers import reader_of
from agentd.conflicts.proposals.regions import lines_of
from agentd.conflicts.proposals.sides import FileSides
from agentd.conflicts.trees.changes import Hunk

_MARKER: Final = re.compile(rb"(<{7}|>{7}|\|{7})( |$)|={7}$")
_MODE: Final = "100644"
_FIRST: Final = BundleId("the first side")
_SECOND: Final = BundleId("the second side")


class Gate(StrEnum):
    """What a resolution has to pass."""

    ANSWER = "answer"
    """It is said in the form that was asked for."""
    CONFINED = "confined"
    """It changes nothing but what conflicts."""
    MARKERS = "markers"
    PARSES = "parses"
    BINDINGS = "bindings"
    USES = "uses"
    """No side uses what the other took out of the file."""
    SYMBOLS = "symbols"
    """Nor what it took out of any other."""
    LEDGER = "ledger"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a resolution may not be proposed."""

    gate: Gate
    path: str
    message: str

    def to_json(self) -> JsonObject:
        """The refusal as a report has it."""
        return {"gate": self.gate.value, "path": self.path, "message": self.message}


def check_file(sides: FileSides, content: bytes) -> tuple[Refusal, ...]:
    """Everything that speaks against a resolution of one file."""
    refusals = [*_markers(sides, content), *_reading(sides, content)]
    opened, listed = sides.opened, sides.import_lists.opened(content)
    refusals += [*_uses(opened), *_ledger(opened, listed), *_order(opened, listed)]
    return tuple(refusals)


def is_read(path: str) -> bool:
    """Whether somebody can say that a file of this name parses."""
    return reader_of(path) is not None


def _markers(sides: FileSides, content: bytes) -> Iterator[Refusal]:
    def found(data: bytes) -> Counter[bytes]:
        return Counter(line for line in data.splitlines() if _MARKER.match(line))

    if found(content) - (found(sides.left) | found(sides.right)):
        yield Refusal(Gate.MARKERS, sides.path, "it has conflict markers")


def _reading(sides: FileSides, content: bytes) -> Iterator[Refusal]:
    reader = reader_of(sides.path)
    if reader is None:
        return
    base, left, right = (reader(each) for each in (sides.base, sides.left, sides.right))
    merged = reader(content)
    if merged is None:
        yield Refusal(Gate.PARSES, sides.path, "it does not parse")
        return
    if base is None or left is None or right is None:
        return
    names, ours, theirs, found = map(outline, (base, left, right, merged))
    for key in sorted({*names, *ours, *theirs, *found}):
        if ours[key] == names[key] or ours[key] == theirs[key]:
            wanted = theirs[key]
        elif theirs[key] == names[key]:
            wanted = ours[key]
        else:
            yield Refusal(
                Gate.BINDINGS, sides.path, f"both sides change how often {key[1]} is there"
            )
            continue
        if found[key] != wanted:
            yield Refusal(
                Gate.BINDINGS,
                sides.path,
                f"{key[1]} is there {found[key]} times instead of {wanted}",
            )


def _uses(sides: FileSides) -> Iterator[Refusal]:
    lost = lost_name(sides)
    if lost is not None:
        message = f"one side adds a use of {lost}, which the other side removes"
        yield Refusal(Gate.USES, sides.path, message)


def _ledger(sides: FileSides, content: bytes) -> Iterator[Refusal]:
    versions = {
        "base": sides.base,
        "left": sides.left,
        "right": sides.right,
        "result": content,
    }
    path = sides.path

    def state(version: str) -> dict[str, FileState]:
        return {path: FileState(_MODE, version)}

    entries = tuple(
        Entry(who, state("base"), state(version), frozenset([path]))
        for who, version in ((_FIRST, "left"), (_SECOND, "right"))
    )
    books = Books(
        target=state("base"),
        result=state("result"),
        entries=entries,
        contents={version: _joinable(data) for version, data in versions.items()},
    )
    for found in audit(books):
        shown = "; ".join(found.lines[:3])
        yield Refusal(Gate.LEDGER, path, f"{found.problem}: {shown}")


def _order(sides: FileSides, content: bytes) -> Iterator[Refusal]:
    file = LineFile(
        sides.path,
        _without_commas(sides.base),
        _without_commas(content),
        (
            LineSide(_FIRST, _hunks_without_commas(sides.left_hunks)),
            LineSide(_SECOND, _hunks_without_commas(sides.right_hunks)),
        ),
        blank_lines_count=False,
    )
    wrong = misplaced(file)
    if wrong is not None:
        line = wrong[1].decode("utf-8", "replace").strip()[:200]
        yield Refusal(Gate.ORDER, sides.path, f"lines of {wrong[0]} are out of order at: {line}")


def _joinable(content: bytes) -> bytes:
    """The lines of a file, as far as joining two sides may not change them."""
    return b"".join(line for line in lines_of(_without_commas(content)) if line.strip())


def _without_commas(content: bytes) -> bytes:
    return b"".join(_without_comma(line) for line in lines_of(content))


def _without_comma(line: bytes) -> bytes:
    return line.rstrip().removesuffix(b",") + b"\n"


def _hunks_without_commas(hunks: Sequence[Hunk]) -> tuple[Hunk, ...]:
    return tuple(
        replace(
            hunk,
            removed=tuple(map(_without_comma, hunk.removed)),
            added=tuple(map(_without_comma, hunk.added)),
        )
        for hunk in hunks
    )
