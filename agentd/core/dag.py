"""The shape of a task: names become edges, edges must form no cycle; what may run, and for whom.

A node may run when it is PENDING and all that it depends on is COMPLETED; who may run it is whoever
names every capability that it requires. Pure: the counters that make this cheap are the storage's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from agentd.core.ids import canonical_uuid
from agentd.core.limits import DEPENDENCIES_PER_TASK_MAX, NODES_PER_TASK_MAX
from agentd.core.states import NodeStatus, TaskState
from agentd.errors import InvalidParams, ResourceExhausted


@dataclass(frozen=True, slots=True)
class NodeNames:
    """How a node is called, and what it depends on, by id or key."""

    node_id: str | None
    key: str | None
    dependencies: Sequence[str]

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return self.key or self.node_id or "one without a name"


class Candidate(NamedTuple):
    """A runnable node as the storage finds it."""

    node_pk: int
    priority: int


def resolve(nodes: Sequence[NodeNames]) -> list[tuple[int, ...]]:
    """For each node the positions of the nodes that it depends on, in the order it names them.

    One that is named twice counts once. Raises `InvalidParams` (`duplicate_node`,
    `unknown_dependency`, `dependency_cycle`) and `ResourceExhausted` (`too_many_nodes`).
    """
    _check_size(nodes)
    positions = _positions(nodes)
    edges = [
        tuple(
            dict.fromkeys(
                _find(positions, name, f"initial_nodes[{position}].dependencies[{index}]")
                for index, name in enumerate(node.dependencies)
            )
        )
        for position, node in enumerate(nodes)
    ]
    cycle = find_cycle(edges)
    if cycle:
        names = [nodes[position].name for position in cycle]
        raise InvalidParams(
            "dependency_cycle",
            f"the nodes depend on one another in a circle: {_chain(names)}",
            cycle=names,
        )
    return edges


def _chain(names: Sequence[str]) -> str:
    shown = names if len(names) <= 10 else [*names[:9], "…", names[-1]]
    return " -> ".join(shown)


def check_node_count(count: int) -> None:
    """Raises `ResourceExhausted` (`too_many_nodes`) for more than a task may have."""
    if count > NODES_PER_TASK_MAX:
        raise ResourceExhausted(
            "too_many_nodes",
            f"a task has at most {NODES_PER_TASK_MAX} nodes",
            limit=NODES_PER_TASK_MAX,
        )


def _check_size(nodes: Sequence[NodeNames]) -> None:
    check_node_count(len(nodes))
    if sum(len(node.dependencies) for node in nodes) > DEPENDENCIES_PER_TASK_MAX:
        raise ResourceExhausted(
            "too_many_nodes",
            f"the nodes of a task have at most {DEPENDENCIES_PER_TASK_MAX} dependencies together",
            limit=DEPENDENCIES_PER_TASK_MAX,
        )


def _positions(nodes: Sequence[NodeNames]) -> dict[str, int]:
    """Every name to the position of its node. Keys and ids share one space of names."""
    positions: dict[str, int] = {}
    for position, node in enumerate(nodes):
        for field, name in (("id", node.node_id), ("key", node.key)):
            if name is None:
                continue
            if positions.setdefault(name, position) != position:
                raise InvalidParams(
                    "duplicate_node",
                    f"two nodes are called {name}",
                    path=f"initial_nodes[{position}].{field}",
                    duplicate=name,
                )
    return positions


def _find(positions: Mapping[str, int], name: str, path: str) -> int:
    position = positions.get(name)
    if position is None:
        try:  # An id may be written in capitals or without dashes.
            position = positions.get(canonical_uuid(name))
        except ValueError:
            position = None
    if position is None:
        raise InvalidParams(
            "unknown_dependency", f"no node is called {name}", path=path, dependency=name
        )
    return position


def find_cycle(edges: Sequence[Sequence[int]]) -> list[int]:
    """A cycle among the nodes, its first again at the end; empty if there is none."""
    open_dependencies = [len(dependencies) for dependencies in edges]
    dependents: list[list[int]] = [[] for _ in edges]
    for node, dependencies in enumerate(edges):
        for dependency in dependencies:
            dependents[dependency].append(node)
    ready = [node for node, count in enumerate(open_dependencies) if count == 0]
    done = 0
    while ready:
        done += 1
        for dependent in dependents[ready.pop()]:
            open_dependencies[dependent] -= 1
            if open_dependencies[dependent] == 0:
                ready.append(dependent)
    if done == len(edges):
        return []
    # Whatever is left waits for something that is left, so walking along must come around.
    node = next(node for node, count in enumerate(open_dependencies) if count)
    seen: dict[int, int] = {}
    path: list[int] = []
    while node not in seen:
        seen[node] = len(path)
        path.append(node)
        node = next(other for other in edges[node] if open_dependencies[other])
    return [*path[seen[node] :], node]


def task_state(counts: Mapping[NodeStatus, int], unreachable: int) -> TaskState:
    """Where a task is; `unreachable` of its PENDING nodes wait for a FAILED one, in vain."""
    if counts[NodeStatus.RUNNING] or counts[NodeStatus.PENDING] > unreachable:
        return TaskState.ACTIVE
    return TaskState.FAILED if counts[NodeStatus.FAILED] else TaskState.COMPLETED


def requirements_text(capabilities: Iterable[str]) -> str:
    """The one spelling of a set of capabilities: a sorted JSON array."""
    return orjson.dumps(sorted(set(capabilities))).decode()


def requirements(text: str) -> list[str]:
    """The capabilities in a `requirements_text`."""
    names: list[str] = orjson.loads(text)
    return names


def satisfies(capabilities: AbstractSet[str], requires: str) -> bool:
    """Whether somebody with these capabilities may run a node with that `requirements_text`."""
    return capabilities >= frozenset(requirements(requires))


def first_in_line(candidates: Iterable[Candidate]) -> Candidate | None:
    """The one to run first: highest priority, then registered first."""
    return min(candidates, key=lambda node: (-node.priority, node.node_pk), default=None)
