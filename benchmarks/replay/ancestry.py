"""The best common ancestors of two commits, from the history in memory.

One process lists the history once; asking git for each of thousands of merges would cost one each.
Pure but for what it is given.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_BOTH: Final = 3
"""The marks of left and right together."""
_STALE: Final = 4


class Ancestry:
    """Which commits come from which."""

    def __init__(self, parents: Mapping[str, Sequence[str]], order: Iterable[str]) -> None:
        """Takes every commit's parents, and an order in which children come before parents."""
        self._parents = parents
        self._place = {commit: place for place, commit in enumerate(order)}

    def merge_bases(self, left: str, right: str) -> Sequence[str]:
        """All best common ancestors: those that are no ancestors of another one."""
        if left not in self._place or right not in self._place:
            return ()
        marks: dict[str, int] = {left: 1}
        marks[right] = marks.get(right, 0) | 2
        pending = [(self._place[commit], commit) for commit in marks]
        heapq.heapify(pending)
        queued = set(marks)
        fresh = len(queued)
        bases = []
        while pending and fresh:
            _, commit = heapq.heappop(pending)
            mark = marks[commit]
            fresh -= mark < _STALE
            if mark == _BOTH:
                bases.append(commit)
                mark |= _STALE  # What is above a base is no best one.
            for parent in self._parents.get(commit, ()):
                if parent not in self._place:
                    continue
                before = marks.get(parent, 0)
                marks[parent] = before | mark
                if parent not in queued:
                    queued.add(parent)
                    heapq.heappush(pending, (self._place[parent], parent))
                    fresh += marks[parent] < _STALE
                else:
                    fresh -= before < _STALE <= marks[parent]
        return sorted(bases)
