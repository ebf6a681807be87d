"""Lays two versions of a file over their common one: what is settled, and where they disagree.

As git's line merge sees it: changes that touch are in each other's way. It differs in one thing,
which is what it is for: where both only insert at one place, the places to which the insertions
could be moved without changing either version are known, since a diff may cut a block of lines in
several ways. Pure; it must not know what the lines mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from agentd.conflicts.hunk_overlap import span
from agentd.conflicts.trees.changes import Hunk

Lines: TypeAlias = tuple[bytes, ...]

_SLIDES_MAX: Final = 200
"""How far an insertion is moved at most."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Lines that both agree on, or that only one of them changed."""

    lines: Lines


@dataclass(frozen=True, slots=True)
class Region:
    """Where both change the same lines of the base, or insert at the same place."""

    base: Lines
    left: Lines
    right: Lines
    left_start: int
    """Lines of the left version before it."""
    right_start: int

    @property
    def inserts_only(self) -> bool:
        """Whether neither side takes away a line."""
        return not self.base


Piece: TypeAlias = Settled | Region
_Moved: TypeAlias = tuple[Settled, Region, Settled]


@dataclass(frozen=True, slots=True)
class LineMerge:
    """A file, merged as far as lines go."""

    pieces: tuple[Piece, ...]
    """Settled lines and regions in turn; settled ones, perhaps none, at either end."""

    @property
    def regions(self) -> tuple[Region, ...]:
        """Where the sides disagree."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Region))

    def resolved(self, resolutions: Sequence[Lines]) -> bytes:
        """The file with lines for each region, in order."""
        rest = iter(resolutions)
        parts = [piece.lines if isinstance(piece, Settled) else next(rest) for piece in self.pieces]
        return b"".join(line for part in parts for line in part)

    def spans(self, resolutions: Sequence[Lines]) -> tuple[range, ...]:
        """The lines of the resolved file, from 0, that each region becomes."""
        rest = iter(resolutions)
        found = []
        place = 0
        for piece in self.pieces:
            lines = piece.lines if isinstance(piece, Settled) else next(rest)
            if isinstance(piece, Region):
                found.append(range(place, place + len(lines)))
            place += len(lines)
        return tuple(found)

    def with_commas_settled(self) -> LineMerge:
        """The same, with those lines settled to which both sides only add the same commas.

        Whoever adds behind the last entry of a list has to put a comma there first.
        """
        pieces: list[Piece] = []
        for piece in self.pieces:
            if not isinstance(piece, Region) or not _adds_commas(piece):
                pieces.append(piece)
                continue
            count = len(piece.base)
            before = pieces.pop()
            assert isinstance(before, Settled)
            pieces += [
                Settled(before.lines + piece.left[:count]),
                Region(
                    (),
                    piece.left[count:],
                    piece.right[count:],
                    piece.left_start + count,
                    piece.right_start + count,
                ),
            ]
        return LineMerge(tuple(pieces))

    def slid(self, index: int, by: int) -> LineMerge | None:
        """The same with both insertions of a region moved down by some lines, or up.

        None where they cannot be moved so far without changing a version.
        """
        place = 2 * index + 1
        before, region, after = self.pieces[place - 1 : place + 2]
        assert isinstance(before, Settled)
        assert isinstance(region, Region)
        assert isinstance(after, Settled)
        if by == 0:
            return self
        if not region.inserts_only or abs(by) > _SLIDES_MAX:
            return None
        moved = (
            _slid_down(before, region, after, by)
            if by > 0
            else _slid_up(before, region, after, -by)
        )
        if moved is None:
            return None
        ends = (place == 1, place + 2 == len(self.pieces))
        if not all(end or piece.lines for end, piece in zip(ends, moved[::2], strict=True)):
            return None  # It would touch the next region.
        return LineMerge((*self.pieces[: place - 1], *moved, *self.pieces[place + 2 :]))


def _adds_commas(region: Region) -> bool:
    count = len(region.base)
    common = region.left[:count]
    return (
        0 < count < min(len(region.left), len(region.right))
        and common == region.right[:count]
        and [line.rstrip().removesuffix(b",") for line in common]
        == [line.rstrip() for line in region.base]
    )


def _slid_down(before: Settled, region: Region, after: Settled, by: int) -> _Moved | None:
    if by > len(after.lines):
        return None
    passed = after.lines[:by]
    sides = []
    for lines in (region.left, region.right):
        longer = lines + passed
        # The block and the lines that it passes read the same from either end.
        if longer[:by] != passed:
            return None
        sides.append(longer[by:])
    return (
        Settled(before.lines + passed),
        Region((), sides[0], sides[1], region.left_start + by, region.right_start + by),
        Settled(after.lines[by:]),
    )


def _slid_up(before: Settled, region: Region, after: Settled, by: int) -> _Moved | None:
    if by > len(before.lines):
        return None
    passed = before.lines[len(before.lines) - by :]
    sides = []
    for lines in (region.left, region.right):
        longer = passed + lines
        if longer[len(longer) - by :] != passed:
            return None
        sides.append(longer[: len(longer) - by])
    return (
        Settled(before.lines[: len(before.lines) - by]),
        Region((), sides[0], sides[1], region.left_start - by, region.right_start - by),
        Settled(passed + after.lines),
    )


def lay_over(base: Lines, left: Sequence[Hunk], right: Sequence[Hunk]) -> LineMerge:
    """Lays two versions over their base; the hunks are those of a diff without context."""
    pieces: list[Piece] = []
    settled: list[bytes] = []
    place = 0
    ahead = [0, 0]
    """How many lines each version is longer so far."""
    for group in _groups(left, right):
        start = min(span(hunk)[0] for hunks in group for hunk in hunks)
        end = max(span(hunk)[1] for hunks in group for hunk in hunks)
        settled += base[place:start]
        mine, theirs = (_applied(base, hunks, start, end) for hunks in group)
        if not group[1] or mine == theirs:
            settled += mine
        elif not group[0]:
            settled += theirs
        else:
            pieces.append(Settled(tuple(settled)))
            settled = []
            pieces.append(Region(base[start:end], mine, theirs, start + ahead[0], start + ahead[1]))
        ahead[0] += len(mine) - (end - start)
        ahead[1] += len(theirs) - (end - start)
        place = end
    settled += base[place:]
    return LineMerge((*pieces, Settled(tuple(settled))))


def _groups(
    left: Sequence[Hunk], right: Sequence[Hunk]
) -> list[tuple[tuple[Hunk, ...], tuple[Hunk, ...]]]:
    """The hunks of both sides, those together that touch one another, also through others."""
    queue = sorted(
        [(span(hunk), 0, hunk) for hunk in left] + [(span(hunk), 1, hunk) for hunk in right]
    )
    groups: list[tuple[list[Hunk], list[Hunk]]] = []
    end = -1
    for (start, stop), side, hunk in queue:
        if not groups or start > end:
            groups.append(([], []))
        groups[-1][side].append(hunk)
        end = max(end, stop)
    return [(tuple(mine), tuple(theirs)) for mine, theirs in groups]


def _applied(base: Lines, hunks: Sequence[Hunk], start: int, end: int) -> Lines:
    """A stretch of the base as one side has it."""
    lines: list[bytes] = []
    place = start
    for hunk in hunks:
        first, last = span(hunk)
        lines += base[place:first]
        lines += hunk.added
        place = last
    return (*lines, *base[place:end])


def lines_of(content: bytes) -> Lines:
    """A file's lines with their ends, split as git splits them."""
    return tuple(line + b"\n" for line in content.split(b"\n")[:-1]) + (
        (content.rsplit(b"\n", 1)[-1],) if content and not content.endswith(b"\n") else ()
    )
