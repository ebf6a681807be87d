"""The search for a minimal failing set, against trying everything."""

from __future__ import annotations

from itertools import chain, combinations
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.conflicts.checks.culprits import Blame, CulpritSet, Outcome, find_culprits


def search(items: range, causes: list[frozenset[int]]) -> tuple[CulpritSet[int], int]:
    runs = 0

    def test(chosen: tuple[int, ...]) -> Outcome:
        nonlocal runs
        runs += 1
        assert list(chosen) == sorted(chosen)  # Always in the order of composition.
        failed = any(cause <= set(chosen) for cause in causes)
        return Outcome.FAILED if failed else Outcome.PASSED

    return find_culprits(items, test), runs


def brute_force_minimal(n: int, causes: list[frozenset[int]]) -> list[frozenset[int]]:
    subsets = chain.from_iterable(combinations(range(n), size) for size in range(n + 1))
    failing = [frozenset(s) for s in subsets if any(cause <= set(s) for cause in causes)]
    return [s for s in failing if not any(other < s for other in failing)]


CAUSES = st.integers(1, 7).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(
            st.frozensets(st.integers(0, n - 1), max_size=4),
            max_size=3,
        ),
    )
)


@given(CAUSES)
def test_it_finds_a_minimal_set_of_a_monotone_failure(
    case: tuple[int, list[frozenset[int]]],
) -> None:
    n, causes = case
    minimal = brute_force_minimal(n, causes)
    found, runs = search(range(n), causes)
    assert runs == len(found.tested)
    assert found.certain
    if not minimal:
        assert found.blame is Blame.NOBODY
    elif minimal == [frozenset()]:
        assert found.blame is Blame.TARGET
    else:
        assert frozenset(found.members) in minimal
        assert found.blame is (Blame.ALONE if len(found.members) == 1 else Blame.TOGETHER)
        # Of several, the one that the order completes first.
        assert max(found.members) == min(max(cause) for cause in minimal)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_one_culprit_costs_a_logarithm(case: tuple[int, int]) -> None:
    n, culprit = case
    found, runs = search(range(n), [frozenset({culprit})])
    assert found.members == (culprit,)
    assert found.blame is Blame.ALONE
    assert runs <= 3 + ceil(log2(n))


def test_a_pair_among_many_is_found_cheaply() -> None:
    found, runs = search(range(1000), [frozenset({17, 803})])
    assert found.members == (17, 803)
    assert found.blame is Blame.TOGETHER
    assert runs <= 2 * (3 + ceil(log2(1000)))


def test_a_removal_makes_another_one_possible() -> None:
    failing = {(0,), (0, 2), (0, 2, 3), (0, 1, 2, 3)}
    found = find_culprits(
        range(4), lambda items: Outcome.FAILED if tuple(items) in failing else Outcome.PASSED
    )
    assert (found.blame, found.members) == (Blame.ALONE, (0,))


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.frozensets(st.integers(0, n - 1))))
    )
)
def test_of_any_failure_the_set_found_fails_and_needs_each_member(
    case: tuple[int, set[frozenset[int]]],
) -> None:
    """Also where a failure goes away when more bundles join."""
    n, failing = case

    def test(chosen: tuple[int, ...]) -> Outcome:
        return Outcome.FAILED if frozenset(chosen) in failing else Outcome.PASSED

    found = find_culprits(range(n), test)
    everything = frozenset(range(n))
    if everything not in failing:
        assert found.blame is Blame.NOBODY
    elif frozenset() in failing:
        assert found.blame is Blame.TARGET
    else:
        members = frozenset(found.members)
        assert members in failing
        assert all(members - {member} not in failing for member in members)


def test_what_cannot_be_told_evicts_nobody() -> None:
    found = find_culprits("abc", lambda _: Outcome.UNKNOWN)
    assert (found.blame, found.members, found.certain) == (Blame.NOBODY, (), False)

    def flaky_in_pairs(chosen: tuple[str, ...]) -> Outcome:
        return Outcome.FAILED if len(chosen) == 3 else Outcome.UNKNOWN

    found = find_culprits("abc", flaky_in_pairs)
    assert (found.blame, found.members, found.certain) == (Blame.TOGETHER, ("a", "b", "c"), False)


def test_the_evidence_holds_every_run() -> None:
    found, _ = search(range(4), [frozenset({2})])
    assert found.tested == (
        ((0, 1, 2, 3), Outcome.FAILED),
        ((), Outcome.PASSED),
        ((0, 1), Outcome.PASSED),
        ((0, 1, 2), Outcome.FAILED),
        ((2,), Outcome.FAILED),
    )


def test_the_same_bundle_twice_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="twice"):
        find_culprits("aa", lambda _: Outcome.FAILED)
