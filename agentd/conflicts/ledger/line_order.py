"""Whether a merged file has its lines in an order that every side can recognise as its own.

Counting lines does not see a reordering. Here each side is read once more: what it has, without the
stretches of the common version that another side removes or replaces, must stand in the result in
this order. Pure: lines and changed stretches in, answers out; it must not know who merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentd.conflicts.trees.changes import Hunk


@dataclass(frozen=True, slots=True)
class LineSide:
    """What one side made of the common version of a file."""

    who: str
    """A bundle's id, or something that people understand."""
    hunks: tuple[Hunk, ...]


@dataclass(frozen=True, slots=True)
class LineFile:
    """A text file that several sides changed, and the result."""

    path: str
    """In the result."""
    base: bytes
    result: bytes
    sides: tuple[LineSide, ...]
    blank_lines_count: bool = True
    """Whether a blank line that is not where a side has it is out of order."""


def misplaced(file: LineFile) -> tuple[str, bytes] | None:
    """The first side whose lines are not in its order in the result, and the first such line."""
    base = lines_of(file.base)
    result = bare_lines(file.result)
    removed = [_removed(side.hunks) for side in file.sides]
    gone = set[int]().union(*removed)
    checks = [("the target", [line for place, line in enumerate(base) if place not in gone])]
    for place, side in enumerate(file.sides):
        by_others = set[int]().union(*(each for at, each in enumerate(removed) if at != place))
        checks.append((side.who, list(_kept(base, side.hunks, by_others))))
    for who, expected in checks:
        counted = [line for line in expected if file.blank_lines_count or line.strip()]
        missing = _first_not_in_order(counted, result)
        if missing is not None:
            return who, missing
    return None


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a text, each with its newline."""
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def bare_lines(content: bytes) -> list[bytes]:
    """The lines of a text, without their newlines."""
    return [_bare(line) for line in lines_of(content)]


def _bare(line: bytes) -> bytes:
    return line.removesuffix(b"\n")


def _removed(hunks: Sequence[Hunk]) -> set[int]:
    return {hunk.old_start - 1 + offset for hunk in hunks for offset in range(hunk.old_count)}


def _kept(base: Sequence[bytes], hunks: Sequence[Hunk], by_others: set[int]) -> Iterator[bytes]:
    """One side's version, without what others removed of the common one."""
    place = 0
    for hunk in hunks:
        start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
        for kept in range(place, start):
            if kept not in by_others:
                yield base[kept]
        yield from hunk.added
        place = start + hunk.old_count
    for kept in range(place, len(base)):
        if kept not in by_others:
            yield base[kept]


def _first_not_in_order(expected: Sequence[bytes], result: Sequence[bytes]) -> bytes | None:
    rest = iter(result)
    for line in expected:
        bare = _bare(line)
        if not any(bare == other for other in rest):
            return bare
    return None
