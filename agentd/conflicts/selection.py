"""Chooses which bundles may live together: the compatible set that is worth most.

Exact for components of up to 25 bundles, greedy above, and that is said. Values are compared one
after another: what comes first decides alone, and the last one, the id, is never equal, so that the
same input gives the same answer in any order. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agentd.conflicts.findings import BundleId, JsonObject

EXACT_MAX: Final = 25

Worth = tuple[int, ...]


class EdgeKind(StrEnum):
    """Why two bundles cannot both be merged."""

    CONTENT = "content"
    ADJACENT = "adjacent"
    ADD_ADD = "add_add"
    MODIFY_DELETE = "modify_delete"
    RENAME = "rename"
    TREE = "tree"
    BINARY = "binary"
    SUBMODULE = "submodule"
    ALTERNATIVES = "alternatives"
    GENERATED = "generated"
    COMPOSITION = "composition"
    SYMBOL = "symbol"
    ASSUMPTION = "assumption"


@dataclass(frozen=True, slots=True)
class Edge:
    """Two bundles of which at most one can win."""

    left: BundleId
    right: BundleId
    kind: EdgeKind
    paths: tuple[str, ...] = ()
    first_lock: BundleId | None = None
    """Which of them locked one of the paths first."""
    deletes: BundleId | None = None
    """Which of them takes away what the other changes."""
    evidence: JsonObject | None = None

    def other(self, bundle: BundleId) -> BundleId:
        """The far end."""
        return self.right if bundle == self.left else self.left


@dataclass(frozen=True, slots=True)
class Contender:
    """A bundle that would merge if it were alone."""

    bundle_id: BundleId
    verified: bool = False
    """By agentd itself, on the tip."""
    owner_rank: int = 0
    """Place in the policy's priorities; smaller is preferred."""
    provider_rank: int = 0
    claims_passed: bool = False
    confidence: int = 50
    """Percent."""
    seen_at: str | None = None
    """By the daemon's clock."""
    created_at: str | None = None
    """By its agent's word, which counts only among those that the daemon did not see."""
    result: str = ""
    """What it makes of the tip; equal ones are twins, which count once and go together."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Who may go on, and why the others may not."""

    chosen: tuple[BundleId, ...]
    """The most valued first."""
    lost: Mapping[BundleId, tuple[Edge, ...]]
    """The edges to chosen bundles by which each loser lost."""
    approximate: tuple[tuple[BundleId, ...], ...] = ()
    """Components that were too large to be solved exactly."""


def select(contenders: Sequence[Contender], edges: Sequence[Edge]) -> Selection:
    """Chooses the most valued set without an edge inside."""
    known = {contender.bundle_id: contender for contender in contenders}
    inside = sorted(
        (edge for edge in edges if edge.left in known and edge.right in known),
        key=lambda edge: (edge.left, edge.right, edge.kind.value, edge.paths),
    )
    neighbours: dict[BundleId, set[BundleId]] = {bundle: set() for bundle in known}
    for edge in inside:
        neighbours[edge.left].add(edge.right)
        neighbours[edge.right].add(edge.left)
    worths = worth_of(tuple(known.values()), inside)
    chosen: set[BundleId] = set()
    approximate = []
    firsts = _first_of_twins(known.values(), neighbours, worths)
    apart = {bundle: neighbours[bundle] & firsts for bundle in firsts}
    for component in _components(apart):
        if len(component) > EXACT_MAX:
            approximate.append(component)
            chosen |= _greedy(component, apart, worths)
        else:
            chosen |= _best(component, apart, worths)
    # A twin goes along; one whose first lost for a reason of that one's alone may still stand.
    chosen |= _greedy(tuple(known.keys() - firsts), neighbours, worths, chosen)
    lost: dict[BundleId, tuple[Edge, ...]] = {
        bundle: tuple(
            edge
            for edge in inside
            if bundle in (edge.left, edge.right) and edge.other(bundle) in chosen
        )
        for bundle in sorted(known)
        if bundle not in chosen
    }
    ranked = sorted(chosen, key=lambda bundle: worths[bundle], reverse=True)
    return Selection(tuple(ranked), lost, tuple(approximate))


def worth_of(contenders: Sequence[Contender], edges: Sequence[Edge]) -> dict[BundleId, Worth]:
    """What each is worth, as numbers that add up within a set.

    In this order: verified, first lock over later, the policy's priorities, an edit over the
    deletion of what is edited, an own check that passed, confidence, age, id. For rankings the
    numbers are powers, so that no number of lower places outweighs a higher one.
    """
    count = len(contenders)
    ages = sorted(contenders, key=_age)
    by_id = sorted(each.bundle_id for each in contenders)
    age_place = {each.bundle_id: place for place, each in enumerate(ages)}
    id_place = {bundle: place for place, bundle in enumerate(by_id)}
    owner_worth = _rank_worth([each.owner_rank for each in contenders])
    provider_worth = _rank_worth([each.provider_rank for each in contenders])
    edges_of: dict[BundleId, list[Edge]] = {each.bundle_id: [] for each in contenders}
    for edge in edges:
        edges_of[edge.left].append(edge)
        edges_of[edge.right].append(edge)
    worths: dict[BundleId, Worth] = {}
    for each in contenders:
        own = edges_of[each.bundle_id]
        worths[each.bundle_id] = (
            int(each.verified),
            int(_is_first(each.bundle_id, own)),
            owner_worth[each.owner_rank],
            provider_worth[each.provider_rank],
            int(all(edge.deletes != each.bundle_id for edge in own)),
            int(each.claims_passed),
            each.confidence,
            1 << (count - 1 - age_place[each.bundle_id]),
            1 << (count - 1 - id_place[each.bundle_id]),
        )
    return worths


def _age(each: Contender) -> tuple[bool, str, BundleId]:
    """The oldest first; nobody gets ahead of what the daemon saw by stating an early date."""
    return each.seen_at is None, each.seen_at or each.created_at or "~", each.bundle_id


def _is_first(bundle: BundleId, edges: Sequence[Edge]) -> bool:
    firsts = [edge.first_lock for edge in edges if edge.first_lock is not None]
    return bool(firsts) and all(first == bundle for first in firsts)


def _rank_worth(ranks: Sequence[int]) -> dict[int, int]:
    base = len(ranks) + 1
    distinct = sorted(set(ranks), reverse=True)
    return {rank: base**place - 1 for place, rank in enumerate(distinct)}


def _components(
    neighbours: Mapping[BundleId, set[BundleId]],
) -> tuple[tuple[BundleId, ...], ...]:
    seen: set[BundleId] = set()
    components = []
    for start in sorted(neighbours):
        if start in seen:
            continue
        component = []
        waiting = [start]
        seen.add(start)
        while waiting:
            bundle = waiting.pop()
            component.append(bundle)
            fresh = neighbours[bundle] - seen
            seen |= fresh
            waiting += fresh
        components.append(tuple(sorted(component)))
    return tuple(components)


def _first_of_twins(
    contenders: Iterable[Contender],
    neighbours: Mapping[BundleId, set[BundleId]],
    worths: Mapping[BundleId, Worth],
) -> set[BundleId]:
    """The most valued one of those with the same result, and all that have edges to it."""
    firsts: set[BundleId] = set()
    by_result: dict[str, list[BundleId]] = {}
    for each in sorted(contenders, key=lambda one: worths[one.bundle_id], reverse=True):
        twins = by_result.setdefault(each.result or each.bundle_id, [])
        if not twins or not neighbours[each.bundle_id].isdisjoint(twins):
            firsts.add(each.bundle_id)
        twins.append(each.bundle_id)
    return firsts


def _greedy(
    component: Sequence[BundleId],
    neighbours: Mapping[BundleId, set[BundleId]],
    worths: Mapping[BundleId, Worth],
    taken: Collection[BundleId] = (),
) -> set[BundleId]:
    chosen: set[BundleId] = set(taken)
    for bundle in sorted(component, key=lambda each: worths[each], reverse=True):
        if not neighbours[bundle] & chosen:
            chosen.add(bundle)
    return chosen


def _best(
    component: Sequence[BundleId],
    neighbours: Mapping[BundleId, set[BundleId]],
    worths: Mapping[BundleId, Worth],
) -> set[BundleId]:
    """The most valued independent set, by branching on the bundle with the most conflicts."""
    place = {bundle: index for index, bundle in enumerate(component)}
    adjacent = [sum(1 << place[other] for other in neighbours[bundle]) for bundle in component]
    nothing: Worth = (0,) * len(worths[component[0]])
    solved: dict[int, tuple[Worth, int]] = {0: (nothing, 0)}

    def solve(left: int) -> tuple[Worth, int]:
        if left in solved:
            return solved[left]
        members = [index for index in range(len(component)) if left >> index & 1]
        pivot = max(members, key=lambda index: ((adjacent[index] & left).bit_count(), -index))
        bit = 1 << pivot
        worth, taken = solve(left & ~bit & ~adjacent[pivot])
        result = _sum(worth, worths[component[pivot]]), taken | bit
        if adjacent[pivot] & left:
            result = max(result, solve(left & ~bit))
        solved[left] = result
        return result

    _, best = solve((1 << len(component)) - 1)
    return {bundle for bundle, index in place.items() if best >> index & 1}


def _sum(left: Worth, right: Worth) -> Worth:
    return tuple(one + other for one, other in zip(left, right, strict=True))
