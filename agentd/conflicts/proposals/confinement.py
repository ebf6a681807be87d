"""What a whole resolved file has in the place of each region, if it changes nothing else. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from agentd.conflicts.proposals.regions import LineMerge, Lines, Region, lines_of


def replacements_in(merge: LineMerge, content: bytes) -> tuple[Lines, ...] | None:
    """The lines that stand for each region; None where what is settled is not as it was.

    Settled lines that occur several times may be found in several ways; all give the same file.
    """
    lines = lines_of(content)
    settled = [piece.lines for piece in merge.pieces if not isinstance(piece, Region)]
    first, last = settled[0], settled[-1]
    if len(settled) == 1:
        return () if lines == first else None
    end = len(lines) - len(last)
    if lines[: len(first)] != first or end < len(first) or lines[end:] != last:
        return None
    found = []
    place = len(first)
    for piece in settled[1:-1]:
        start = _find(piece, lines, place, end)
        if start is None:
            return None
        found.append(lines[place:start])
        place = start + len(piece)
    return (*found, lines[place:end])


def _find(wanted: Lines, lines: Sequence[bytes], start: int, end: int) -> int | None:
    """Where some lines stand next, between two places."""
    for place in range(start, end - len(wanted) + 1):
        if tuple(lines[place : place + len(wanted)]) == wanted:
            return place
    return None
