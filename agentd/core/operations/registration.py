"""RegisterTask: the plan of a task, and its way into the database, at once or in steps.

A task of very many nodes would hold up everybody else who writes, so it comes in steps, each a
short transaction. Nobody sees it or its nodes before the last step, which is as short as the
others; what is left of a registration that was broken off is taken back, in steps as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from agentd.core import journal
from agentd.core.clock import Instant
from agentd.core.dag import NodeNames, requirements_text, resolve
from agentd.core.ids import NodeId, TaskId
from agentd.core.operations.recording import json_text_within, record
from agentd.core.operations.transaction import Transaction
from agentd.core.storage import nodes, registration, tasks
from agentd.core.storage.registration import Registration
from agentd.errors import AlreadyExists
from agentd.protocol.tasks import RegisterTaskParams

STEP_ROWS: Final = 500
"""Rows written in one step: a few milliseconds."""


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """A task that is in order and can be stored; its lists are by the nodes' positions."""

    params: RegisterTaskParams
    context: str
    """JSON text."""
    edges: Sequence[tuple[int, ...]]
    """For each node the positions of those that it depends on."""
    payload_schemas: Sequence[str]
    """JSON texts."""

    @property
    def is_large(self) -> bool:
        """Whether it is better stored in steps."""
        return len(self.edges) > STEP_ROWS or sum(map(len, self.edges)) > STEP_ROWS

    def node_rows(
        self, positions: range, node_ids: Sequence[NodeId], begun: Registration, now: Instant
    ) -> Iterator[nodes.NewNode]:
        """The nodes at these positions, as they are stored; `node_ids` are theirs."""
        for position, node_id in zip(positions, node_ids, strict=True):
            spec = self.params.initial_nodes[position]
            yield nodes.NewNode(
                begun.first_node_pk + position,
                node_id,
                begun.task_pk,
                position,
                spec.key,
                spec.priority,
                requirements_text(spec.requires),
                len(self.edges[position]),
                spec.max_attempts,
                spec.timeout_secs,
                now,
                self.payload_schemas[position],
            )

    def dependency_rows(self, first_node_pk: int) -> Iterator[nodes.DependencyRow]:
        """What all nodes depend on, as it is stored."""
        for node, dependencies in enumerate(self.edges):
            for position, dependency in enumerate(dependencies):
                yield first_node_pk + node, position, first_node_pk + dependency

    def result(self, task_id: TaskId, node_ids: Sequence[NodeId]) -> dict[str, Any]:
        """What the method returns."""
        keys = (spec.key for spec in self.params.initial_nodes)
        names = (key or node_id for key, node_id in zip(keys, node_ids, strict=True))
        return {
            "task_id": task_id,
            "node_ids": node_ids,
            "nodes": dict(zip(names, node_ids, strict=True)),
        }


def plan_task(params: RegisterTaskParams, payload_bytes_max: int) -> TaskPlan:
    """The plan of a task. Knows no database.

    Raises `InvalidParams` and `ResourceExhausted` for what cannot be registered.
    """
    specs = params.initial_nodes
    edges = resolve([NodeNames(spec.id, spec.key, spec.dependencies) for spec in specs])
    context = json_text_within(payload_bytes_max, params.context, "context")
    schemas = [
        json_text_within(
            payload_bytes_max, spec.payload_schema, f"initial_nodes[{position}].payload_schema"
        )
        for position, spec in enumerate(specs)
    ]
    return TaskPlan(params, context, edges, schemas)


def register_task(tx: Transaction, params: RegisterTaskParams, now: Instant) -> dict[str, Any]:
    """Creates a task with all its nodes, in this one transaction."""
    plan = plan_task(params, tx.config.payload_bytes_max)
    specs = params.initial_nodes
    node_ids = [NodeId(spec.id or tx.ids.new()) for spec in specs]
    task_id = TaskId(params.task_id or tx.ids.new())
    _refuse_used_task_id(tx, params)
    _refuse_used_node_ids(tx, [spec.id for spec in specs if spec.id])
    first_node_pk = nodes.next_pk(tx.connection)
    task_pk = tasks.insert(tx.connection, task_id, params.goal, plan.context, now)
    place = Registration(task_pk, first_node_pk, first_node_pk + len(specs) - 1)
    nodes.insert(tx.connection, plan.node_rows(range(len(specs)), node_ids, place, now))
    nodes.insert_dependencies(tx.connection, plan.dependency_rows(first_node_pk))
    _announce(tx, plan, task_pk, task_id, now)
    return plan.result(task_id, node_ids)


def begin(plan: TaskPlan, tx: Transaction, now: Instant) -> Registration:
    """The first step: a task that nobody sees yet, without its nodes."""
    _refuse_used_task_id(tx, plan.params)
    return registration.begin(
        tx.connection,
        plan.params.goal,
        plan.context,
        first_node_pk=nodes.next_pk(tx.connection),
        node_count=len(plan.edges),
        now=now,
    )


def node_steps(plan: TaskPlan) -> Iterator[range]:
    """The positions of the nodes that one step adds, step by step."""
    count = len(plan.edges)
    return (range(at, min(at + STEP_ROWS, count)) for at in range(0, count, STEP_ROWS))


def add_nodes(
    plan: TaskPlan, positions: range, begun: Registration, tx: Transaction, now: Instant
) -> list[NodeId]:
    """One of the steps that add nodes; returns their ids."""
    specs = plan.params.initial_nodes[positions.start : positions.stop]
    _refuse_used_node_ids(tx, [spec.id for spec in specs if spec.id])
    node_ids = [NodeId(spec.id or tx.ids.new_ordered()) for spec in specs]
    nodes.insert(tx.connection, plan.node_rows(positions, node_ids, begun, now))
    return node_ids


def dependency_steps(plan: TaskPlan, begun: Registration) -> Iterator[list[nodes.DependencyRow]]:
    """What one step of `add_dependencies` adds, step by step."""
    rows = plan.dependency_rows(begun.first_node_pk)
    return iter(lambda: list(islice(rows, STEP_ROWS)), [])


def add_dependencies(rows: Sequence[nodes.DependencyRow], tx: Transaction, now: Instant) -> None:
    """One of the steps that say what depends on what, which follow those that add nodes."""
    nodes.insert_dependencies(tx.connection, rows)


def publish(
    plan: TaskPlan, node_ids: Sequence[NodeId], begun: Registration, tx: Transaction, now: Instant
) -> dict[str, Any]:
    """The last step: the task is there, whole."""
    _refuse_used_task_id(tx, plan.params)
    task_id = TaskId(plan.params.task_id or tx.ids.new())
    registration.publish(tx.connection, begun, task_id, now)
    _announce(tx, plan, begun.task_pk, task_id, now)
    return plan.result(task_id, node_ids)


def take_back(tx: Transaction, now: Instant) -> bool:
    """Takes back some of a registration that was broken off; whether there may be more of it."""
    begun = registration.find(tx.connection)
    return begun is not None and registration.take_back(tx.connection, begun, STEP_ROWS)


def _announce(tx: Transaction, plan: TaskPlan, task_pk: int, task_id: TaskId, now: Instant) -> None:
    node_count = len(plan.edges)
    record(tx, journal.task_registered(task_pk, plan.params.goal, node_count), now)
    if node_count:  # Without a cycle, at least one of them can run.
        tx.effects.runnable.add(task_id)
    tx.effects.count("registered_tasks")


def _refuse_used_task_id(tx: Transaction, params: RegisterTaskParams) -> None:
    if params.task_id and tasks.pk_of(tx.connection, TaskId(params.task_id)) is not None:
        raise AlreadyExists(
            "id_in_use", f"there is a task {params.task_id} already", id=params.task_id
        )


def _refuse_used_node_ids(tx: Transaction, given: Sequence[str]) -> None:
    used = nodes.any_in_use(tx.connection, given) if given else None
    if used is not None:
        raise AlreadyExists("id_in_use", f"there is a node {used} already", id=used)
