"""CancelTask, TaskStatus, ListTasks."""

from __future__ import annotations

from typing import Any

import orjson

from agentd.core import journal
from agentd.core.clock import Instant
from agentd.core.ids import TaskId
from agentd.core.limits import PAGE_ROWS_MAX
from agentd.core.operations.cursors import number_cursor
from agentd.core.operations.nodes import expire_lapsed
from agentd.core.operations.recording import record
from agentd.core.operations.transaction import Transaction
from agentd.core.states import TaskState
from agentd.core.storage import node_listing, nodes, tasks
from agentd.core.storage.database import Reader
from agentd.errors import InvalidState, NotFound
from agentd.protocol.tasks import (
    CancelTaskParams,
    ListTasksParams,
    TaskStatusParams,
)


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
