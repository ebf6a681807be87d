"""Which changed lines of two sides meet, as git's merge sees it: touching is meeting.

Pure: works on stretches of lines of one common version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agentd.conflicts.findings import JsonObject
from agentd.conflicts.trees.changes import FileHunks, Hunk

HUNKS_SHOWN: Final = 6
LINES_SHOWN: Final = 40


class Touch(StrEnum):
    """How two stretches lie to each other."""

    APART = "apart"
    SAME = "same"
    """The same lines become the same text."""
    ADJACENT = "adjacent"
    """They share no line, but none lies between them: git calls it a conflict."""
    OVERLAP = "overlap"


@dataclass(frozen=True, slots=True)
class HunkPair:
    """Two hunks of one file that meet."""

    path: str
    left: Hunk
    right: Hunk
    touch: Touch


def span(hunk: Hunk) -> tuple[int, int]:
    """The changed lines as a half-open stretch counted from 0; empty for an insertion."""
    start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
    return start, start + hunk.old_count


def touch(left: Hunk, right: Hunk) -> Touch:
    """How two hunks over the same lines lie to each other."""
    (left_start, left_end), (right_start, right_end) = span(left), span(right)
    if left_end < right_start or right_end < left_start:
        return Touch.APART
    if (left_start, left_end, left.added) == (right_start, right_end, right.added):
        return Touch.SAME
    if max(left_start, right_start) < min(left_end, right_end):
        return Touch.OVERLAP
    if left_start == left_end == right_start == right_end:
        return Touch.OVERLAP  # Both insert at the same place.
    if left_start < right_start == right_end < left_end:
        return Touch.OVERLAP  # One inserts in the middle of what the other changes.
    if right_start < left_start == left_end < right_end:
        return Touch.OVERLAP
    return Touch.ADJACENT


def meeting_hunks(
    left: Sequence[Hunk], right: Sequence[Hunk]
) -> Iterator[tuple[Hunk, Hunk, Touch]]:
    """The pairs of hunks that meet, where both sides are in the order of their lines."""
    first = 0
    for hunk in left:
        start, end = span(hunk)
        while first < len(right) and span(right[first])[1] < start:
            first += 1
        for other in right[first:]:
            if span(other)[0] > end:
                break
            found = touch(hunk, other)
            if found is not Touch.APART:
                yield hunk, other, found


def conflicting_hunks(
    left: Sequence[FileHunks], right: Sequence[FileHunks], paths: Sequence[str]
) -> tuple[HunkPair, ...]:
    """The hunks that meet in some files and do not say the same."""
    lefts: Mapping[str, FileHunks] = {file.change.path: file for file in left}
    rights: Mapping[str, FileHunks] = {file.change.path: file for file in right}
    return tuple(
        HunkPair(path, mine, other, found)
        for path in paths
        if path in lefts and path in rights
        for mine, other, found in meeting_hunks(lefts[path].hunks, rights[path].hunks)
        if found is not Touch.SAME
    )


def hunks_to_json(pairs: Sequence[HunkPair]) -> list[JsonObject]:
    """Both sides of some hunks, for showing side by side."""
    return [
        {
            "path": pair.path,
            "touch": pair.touch.value,
            "base": {
                "start": min(pair.left.old_start, pair.right.old_start),
                "lines": _texts(max((pair.left, pair.right), key=lambda h: h.old_count).removed),
            },
            "left": _side(pair.left),
            "right": _side(pair.right),
        }
        for pair in pairs[:HUNKS_SHOWN]
    ]


def _side(hunk: Hunk) -> JsonObject:
    return {
        "old_start": hunk.old_start,
        "old_count": hunk.old_count,
        "removed": _texts(hunk.removed),
        "added": _texts(hunk.added),
    }


def _texts(lines: Sequence[bytes]) -> list[str]:
    shown = [line.decode("utf-8", "replace").rstrip("\r\n")[:300] for line in lines[:LINES_SHOWN]]
    if len(lines) > LINES_SHOWN:
        shown.append(f"… {len(lines) - LINES_SHOWN} more lines")
    return shown
