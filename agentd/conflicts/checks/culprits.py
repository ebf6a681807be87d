"""Which bundles make a check fail: a minimal set, found in few runs.

A pure search. The caller gives a function that composes some of the bundles, runs the check and
says what came out; this module decides which combinations are worth a run, and must not know what
a bundle, a merge or a check is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Outcome(StrEnum):
    """What a check said of one combination."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It could not be told: flaky, not run, or the combination could not be composed."""


class Blame(StrEnum):
    """Who is to blame for a failure."""

    NOBODY = "nobody"
    """All of them together do not fail."""
    TARGET = "target"
    """It fails without any of them."""
    ALONE = "alone"
    """One of them is enough."""
    TOGETHER = "together"
    """Several, none of which could be left out."""


@dataclass(frozen=True, slots=True)
class CulpritSet(Generic[Item]):
    """A smallest set that fails: it fails, and without any one of its members it does not."""

    blame: Blame
    members: tuple[Item, ...]
    """In the order of composition; empty where the blame is nobody's or the target's."""
    certain: bool
    """False where the search met a combination whose outcome could not be told."""
    tested: tuple[tuple[tuple[Item, ...], Outcome], ...]
    """Every combination that was run, in the order of the search: the evidence."""


def find_culprits(
    items: Sequence[Item], test: Callable[[tuple[Item, ...]], Outcome]
) -> CulpritSet[Item]:
    """Finds a minimal failing set among bundles, given in their order of composition.

    One culprit among n takes at most 3 + log2(n) runs; a set of k takes about k times as many. The
    earliest failing beginning of the order is searched, so of two sets that fail the one that is
    complete first is found; the caller removes a bundle and asks again for the other. Where
    a superset of a failing set passes (a failure that another bundle mends), the set found still
    fails and is still minimal. Whatever is not known to fail counts as passing: a flaky check
    evicts nobody.
    """
    search = _Search(items, test)
    if not search.fails(items):
        return search.result(Blame.NOBODY, ())
    if search.fails(()):
        return search.result(Blame.TARGET, ())
    found: tuple[Item, ...] = ()
    candidates = tuple(items)
    while not (found and search.fails(found)):
        # `found` alone passes, with all candidates it fails: there is a first one that tips it.
        passing, failing = 0, len(candidates)
        while failing - passing > 1:
            middle = (passing + failing) // 2
            if search.fails((*candidates[:middle], *found)):
                failing = middle
            else:
                passing = middle
        found = (candidates[failing - 1], *found)
        candidates = candidates[: failing - 1]
    while (smaller := _one_less(found, search)) is not None:
        found = smaller
    return search.result(Blame.ALONE if len(found) == 1 else Blame.TOGETHER, found)


def _one_less(found: tuple[Item, ...], search: _Search[Item]) -> tuple[Item, ...] | None:
    """A failing set with one member less. Each removal can make another one possible."""
    for member in found:
        without = tuple(item for item in found if item != member)
        if without and search.fails(without):
            return without
    return None


class _Search(Generic[Item]):
    """Runs each combination once, and remembers."""

    def __init__(self, items: Sequence[Item], test: Callable[[tuple[Item, ...]], Outcome]) -> None:
        if len(set(items)) != len(items):
            raise ValueError("the same item twice")
        self._test = test
        self._outcomes: dict[tuple[Item, ...], Outcome] = {}

    def fails(self, items: Sequence[Item]) -> bool:
        combination = tuple(items)
        if combination not in self._outcomes:
            self._outcomes[combination] = self._test(combination)
        return self._outcomes[combination] is Outcome.FAILED

    def result(self, blame: Blame, members: tuple[Item, ...]) -> CulpritSet[Item]:
        return CulpritSet(
            blame=blame,
            members=members,
            certain=Outcome.UNKNOWN not in self._outcomes.values(),
            tested=tuple(self._outcomes.items()),
        )
