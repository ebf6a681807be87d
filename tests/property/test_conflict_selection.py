"""The chosen set is the best one, whatever the order of the input, and every loss is explained."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from agentd.conflicts.findings import BundleId
from agentd.conflicts.selection import Contender, Edge, EdgeKind, select, worth_of


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Contender], list[Edge]]:
    count = draw(st.integers(1, 9))
    ids = [BundleId(f"b-{number}") for number in range(count)]
    contenders = [
        Contender(
            each,
            verified=draw(st.booleans()),
            owner_rank=draw(st.integers(0, 2)),
            provider_rank=draw(st.integers(0, 2)),
            claims_passed=draw(st.booleans()),
            confidence=draw(st.sampled_from([0, 25, 50, 100])),
            created_at=draw(st.sampled_from([None, "2026-01-01", "2026-01-02"])),
        )
        for each in ids
    ]
    edges = []
    for left, right in combinations(ids, 2):
        if draw(st.integers(0, 2)) == 0:
            first = draw(st.sampled_from([None, None, left, right]))
            kind = draw(st.sampled_from([EdgeKind.CONTENT, EdgeKind.MODIFY_DELETE]))
            deletes = left if kind is EdgeKind.MODIFY_DELETE else None
            edges.append(Edge(left, right, kind, first_lock=first, deletes=deletes))
    return contenders, edges


@given(graphs(), st.randoms())
def test_order_does_not_matter(graph: tuple[list[Contender], list[Edge]], random: Random) -> None:
    contenders, edges = graph
    expected = select(contenders, edges)
    shuffled, turned = list(contenders), list(edges)
    random.shuffle(shuffled)
    random.shuffle(turned)
    again = select(shuffled, turned)
    assert again == expected


@given(graphs())
def test_the_best_of_all_sets_is_chosen(graph: tuple[list[Contender], list[Edge]]) -> None:
    contenders, edges = graph
    worths = worth_of(contenders, edges)
    forbidden = [{edge.left, edge.right} for edge in edges]
    best: tuple[tuple[int, ...], frozenset[BundleId]] = ((), frozenset())
    ids = [each.bundle_id for each in contenders]
    for size in range(1, len(ids) + 1):
        for members in combinations(ids, size):
            if any(pair <= set(members) for pair in forbidden):
                continue
            worth = tuple(map(sum, zip(*(worths[each] for each in members), strict=True)))
            best = max(best, (worth, frozenset(members)), key=lambda each: each[0])
    assert frozenset(select(contenders, edges).chosen) == best[1]


@given(graphs())
def test_losers_know_by_which_edges_they_lost(graph: tuple[list[Contender], list[Edge]]) -> None:
    contenders, edges = graph
    result = select(contenders, edges)
    assert set(result.lost) | set(result.chosen) == {each.bundle_id for each in contenders}
    for loser, lost_by in result.lost.items():
        assert lost_by
        assert all(edge.other(loser) in result.chosen for edge in lost_by)


@given(graphs(), st.lists(st.sampled_from(["x", "y", "z"]), min_size=9, max_size=9), st.randoms())
def test_twins_count_once_and_go_together(
    graph: tuple[list[Contender], list[Edge]], results: list[str], random: Random
) -> None:
    contenders = [
        replace(each, result=result) for each, result in zip(graph[0], results, strict=False)
    ]
    edges = graph[1]
    chosen = select(contenders, edges)
    shuffled = list(contenders)
    random.shuffle(shuffled)
    assert select(shuffled, edges) == chosen
    apart = [{edge.left, edge.right} for edge in edges]
    assert not any(pair <= set(chosen.chosen) for pair in apart)
    for loser, lost_by in chosen.lost.items():
        assert lost_by, f"{loser} could have gone along"


def test_a_proposal_is_worth_no_more_because_two_make_it() -> None:
    alone = Contender(BundleId("b-1"), confidence=90)
    twins = [Contender(BundleId(f"b-{n}"), confidence=50, result="same") for n in (2, 3)]
    edges = [Edge(alone.bundle_id, twin.bundle_id, EdgeKind.CONTENT) for twin in twins]
    assert select([alone, *twins], edges).chosen == (alone.bundle_id,)
    assert set(select(twins, []).chosen) == {"b-2", "b-3"}


def test_large_components_are_solved_greedily_and_that_is_said() -> None:
    ids = [BundleId(f"b-{number:02}") for number in range(30)]
    contenders = [Contender(each) for each in ids]
    edges = [Edge(ids[0], other, EdgeKind.CONTENT) for other in ids[1:]]
    result = select(contenders, edges)
    assert result.approximate == (tuple(ids),)
    assert not {edge.right for edge in edges if edge.left in result.chosen} & set(result.chosen)


def test_twenty_five_that_all_conflict_are_solved_exactly() -> None:
    ids = [BundleId(f"b-{number:02}") for number in range(25)]
    contenders = [Contender(each, confidence=number) for number, each in enumerate(ids)]
    edges = [Edge(left, right, EdgeKind.CONTENT) for left, right in combinations(ids, 2)]
    assert select(contenders, edges).chosen == (ids[-1],)


def test_many_small_ones_outweigh_a_hub_of_equal_rank() -> None:
    hub, *rest = (BundleId(f"b-{number}") for number in range(4))
    contenders = [Contender(each) for each in (hub, *rest)]
    edges = [Edge(hub, other, EdgeKind.CONTENT) for other in rest]
    assert set(select(contenders, edges).chosen) == set(rest)


def test_the_holder_of_the_first_lock_outweighs_many() -> None:
    hub, *rest = (BundleId(f"b-{number}") for number in range(4))
    contenders = [Contender(each, confidence=100) for each in rest] + [Contender(hub, confidence=0)]
    edges = [Edge(hub, other, EdgeKind.CONTENT, first_lock=hub) for other in rest]
    assert select(contenders, edges).chosen == (hub,)
