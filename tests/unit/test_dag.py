"""The shape of a task: names, cycles, states, capabilities, order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.core.dag import (
    Candidate,
    NodeNames,
    find_cycle,
    first_in_line,
    requirements,
    requirements_text,
    resolve,
    satisfies,
    task_state,
)
from agentd.core.states import NodeStatus, TaskState
from agentd.errors import InvalidParams

Edges = list[list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Edges:
    size = draw(st.integers(1, 8))
    nodes = st.integers(0, size - 1)
    return draw(st.lists(st.lists(nodes, max_size=3, unique=True), min_size=size, max_size=size))


def reaches(edges: Edges, start: int, goal: int) -> bool:
    seen: set[int] = set()
    todo = list(edges[start])
    while todo:
        node = todo.pop()
        if node == goal:
            return True
        if node not in seen:
            seen.add(node)
            todo += edges[node]
    return False


@given(graphs())
def test_a_cycle_is_found_exactly_when_a_node_reaches_itself(edges: Edges) -> None:
    cycle = find_cycle(edges)
    assert bool(cycle) is any(reaches(edges, node, node) for node in range(len(edges)))
    if cycle:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(after in edges[node] for node, after in pairwise(cycle))


def test_a_long_chain_is_no_problem() -> None:
    size = 50_000
    edges = [[number + 1] for number in range(size - 1)]
    assert find_cycle([*edges, []]) == []
    assert len(find_cycle([*edges, [0]])) == size + 1


def test_names_become_positions() -> None:
    identity = "6f1ed002-ab5f-4c2a-9e5b-0a1b2c3d4e5f"
    nodes = [
        NodeNames(identity, "a", []),
        NodeNames("id-b", "b", ["a", identity.upper(), identity.replace("-", "")]),
        NodeNames("id-c", None, ["b", "a", "id-b"]),
    ]
    assert resolve(nodes) == [(), (0,), (1, 0)]


def test_a_long_cycle_is_shown_shortened_but_told_whole() -> None:
    names = [f"n{number}" for number in range(30)]
    nodes = [
        NodeNames(f"id{number}", name, [names[number - 1]]) for number, name in enumerate(names)
    ]
    with pytest.raises(InvalidParams) as caught:
        resolve(nodes)
    assert len(caught.value.data["cycle"]) == 31
    assert "…" in caught.value.message
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("pending", "running", "completed", "failed", "unreachable", "state"),
    [
        (0, 0, 0, 0, 0, TaskState.COMPLETED),
        (1, 0, 0, 0, 0, TaskState.ACTIVE),
        (0, 1, 0, 1, 0, TaskState.ACTIVE),
        (0, 0, 2, 0, 0, TaskState.COMPLETED),
        (0, 0, 1, 1, 0, TaskState.FAILED),
        (2, 0, 0, 1, 2, TaskState.FAILED),
        (2, 0, 0, 1, 1, TaskState.ACTIVE),
    ],
)
def test_the_state_of_a_task(
    pending: int, running: int, completed: int, failed: int, unreachable: int, state: TaskState
) -> None:
    counts = dict(zip(NodeStatus, (pending, running, completed, failed), strict=True))
    assert task_state(counts, unreachable) is state


def test_requirements_have_one_spelling() -> None:
    assert requirements_text(["b", "a", "b"]) == '["a","b"]'
    assert requirements_text([]) == "[]"
    assert requirements('["a","b"]') == ["a", "b"]


NAMES = st.frozensets(st.sampled_from(["a", "b", 'c"', "ü"]))


@given(NAMES, NAMES)
def test_whoever_has_all_required_capabilities_may_run_a_node(
    has: frozenset[str], needs: frozenset[str]
) -> None:
    assert satisfies(has, requirements_text(needs)) is (needs <= has)


def test_the_first_in_line_has_the_highest_priority_then_the_lowest_key() -> None:
    line = [Candidate(3, 1), Candidate(2, 5), Candidate(1, 5), Candidate(4, -1)]
    assert first_in_line(line) == Candidate(1, 5)
    assert first_in_line([]) is None
