"""RegisterTask, CancelTask, TaskStatus, ListTasks."""

from __future__ import annotations

from typing import Any

import orjson

from agentd.core import journal
from agentd.core.clock import Instant
from agentd.core.dag import NodeNames, requirements_text, resolve
from agentd.core.ids import NodeId, TaskId
from agentd.core.limits import PAGE_ROWS_MAX
from agentd.core.operations.cursors import number_cursor
from agentd.core.operations.nodes import expire_lapsed
from agentd.core.operations.recording import json_text, record
from agentd.core.operations.transaction import Transaction
from agentd.core.states import TaskState
from agentd.core.storage import node_listing, nodes, tasks
from agentd.core.storage.database import Reader
from agentd.errors import AlreadyExists, InvalidState, NotFound
from agentd.protocol.tasks import (
    CancelTaskParams,
    ListTasksParams,
    RegisterTaskParams,
    TaskStatusParams,
)


def register_task(tx: Transaction, params: RegisterTaskParams, now: Instant) -> dict[str, Any]:
    """Creates a task with all its nodes."""
    specs = params.initial_nodes
    node_ids = [NodeId(spec.id or tx.ids.new()) for spec in specs]
    edges = resolve(
        [
            NodeNames(node_id, spec.key, spec.dependencies)
            for node_id, spec in zip(node_ids, specs, strict=True)
        ]
    )
    context = json_text(tx, params.context, "context")
    task_id = TaskId(params.task_id or tx.ids.new())
    _refuse_used_ids(tx, params)
    task_pk = tasks.insert(tx.connection, task_id, params.goal, context, now)
    rows = [
        nodes.NewNode(
            node_ids[position],
            task_pk,
            position,
            spec.key,
            spec.priority,
            requirements_text(spec.requires),
            len(edges[position]),
            spec.max_attempts,
            spec.timeout_secs,
            now,
            json_text(tx, spec.payload_schema, f"initial_nodes[{position}].payload_schema"),
        )
        for position, spec in enumerate(specs)
    ]
    nodes.insert_all(tx.connection, rows, edges)
    record(tx, journal.task_registered(task_pk, params.goal, len(rows)), now)
    if rows:  # Without a cycle, at least one of them can run.
        tx.effects.runnable.add(task_id)
    tx.effects.count("registered_tasks")
    names = (spec.key or node_id for spec, node_id in zip(specs, node_ids, strict=True))
    return {
        "task_id": task_id,
        "node_ids": node_ids,
        "nodes": dict(zip(names, node_ids, strict=True)),
    }


def _refuse_used_ids(tx: Transaction, params: RegisterTaskParams) -> None:
    if params.task_id and tasks.pk_of(tx.connection, TaskId(params.task_id)) is not None:
        raise AlreadyExists(
            "id_in_use", f"there is a task {params.task_id} already", id=params.task_id
        )
    given = [spec.id for spec in params.initial_nodes if spec.id]
    used = nodes.any_in_use(tx.connection, given) if given else None
    if used is not None:
        raise AlreadyExists("id_in_use", f"there is a node {used} already", id=used)


def cancel_task(tx: Transaction, params: CancelTaskParams, now: Instant) -> dict[str, Any]:
    """Fails what has not started. A repeated cancellation changes nothing and is no error."""
    connection = tx.connection
    task_pk = tasks.pk_of(connection, TaskId(params.task_id))
    if task_pk is None:
        raise NotFound("task_not_found", f"there is no task {params.task_id}")
    # Whoever let a lease lapse does not run any more: those nodes go with the others.
    expire_lapsed(tx, task_pk, now)
    task = tasks.by_pk(connection, task_pk)
    if task.cancelled_at is not None:
        return {"counts": tasks.counts_result(task)}
    if task.state != TaskState.ACTIVE.value:
        raise InvalidState("task_finished", f"task {task.id} is {task.state}")
    payload = {"reason": "cancelled", "message": params.reason}
    tasks.cancel(connection, task.pk, now)
    cancelled = nodes.cancel_pending(connection, task.pk, orjson.dumps(payload).decode(), now)
    running = tasks.by_pk(connection, task.pk).running
    record(tx, journal.task_cancelled(task.pk, params.reason, len(cancelled), running), now)
    for node_pk in cancelled:
        record(tx, journal.node_cancelled(task.pk, node_pk, params.reason), now)
    return {"counts": tasks.counts_result(tasks.by_pk(connection, task.pk))}


async def task_status(reader: Reader, params: TaskStatusParams, now: Instant) -> dict[str, Any]:
    """Returns a task with its nodes, all of them or a page."""
    in_pages = params.limit is not None or params.cursor is not None
    after = -1 if params.cursor is None else number_cursor(params.cursor)
    limit = params.limit or PAGE_ROWS_MAX
    async with reader.snapshot() as connection:
        task = await tasks.read(connection, TaskId(params.task_id))
        if task is None:
            raise NotFound("task_not_found", f"there is no task {params.task_id}")
        result = {
            "task": tasks.info_result(task),
            "state": task.state,
            "counts": tasks.counts_result(task),
        }
        if not in_pages:
            return {**result, "nodes": await node_listing.read_nodes(connection, task)}
        page = await node_listing.read_page(connection, task, after, limit)
    cursor = None if page.last_position is None else str(page.last_position)
    return {**result, "nodes": page.nodes, "next_cursor": cursor}


async def list_tasks(reader: Reader, params: ListTasksParams, now: Instant) -> dict[str, Any]:
    """Lists tasks, newest first."""
    query = tasks.page_query(
        state=params.state,
        before_pk=None if params.cursor is None else number_cursor(params.cursor),
        limit=params.limit + 1,
    )
    async with reader.snapshot() as connection:
        found, is_full = await tasks.read_page(connection, query)
    page = found[: params.limit]
    goes_on = is_full or len(found) > len(page)
    return {
        "tasks": [tasks.summary_result(task) for task in page],
        "next_cursor": str(page[-1].pk) if goes_on else None,
    }
