"""The table `tasks`: tasks with their counters, which triggers keep in step with the nodes."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

import aiosqlite
import orjson

from agentd.core.clock import Instant, rfc3339
from agentd.core.ids import TaskId
from agentd.core.limits import PAGE_CHARS_MAX
from agentd.core.states import NodeStatus, TaskState
from agentd.core.storage import pages

_COLUMNS = (
    "SELECT pk, id, created_at, cancelled_at, pending, running, completed, failed, unreachable,"
    " state, goal, context FROM tasks"
)
_LISTED = _COLUMNS.replace("context FROM", "'' FROM")
"""A list shows no contexts, which may be most of what there is to read."""
_INSERT = "INSERT INTO tasks (id, created_at, goal, context) VALUES (?, ?, ?, ?)"
_BY_ID = f"{_COLUMNS} WHERE id = ?"
_BY_PK = f"{_COLUMNS} WHERE pk = ?"
_PK = "SELECT pk FROM tasks WHERE id = ?"
_PUBLISHED = "pk IS NOT (SELECT task_pk FROM registration WHERE only_row = 1)"
_CANCEL = "UPDATE tasks SET cancelled_at = ? WHERE pk = ?"


class Task(NamedTuple):
    """A task as it is stored."""

    pk: int
    id: TaskId
    created_at: Instant
    cancelled_at: Instant | None
    pending: int
    running: int
    completed: int
    failed: int
    unreachable: int
    state: str
    goal: str
    context: str
    """JSON text; empty in a list."""

    @property
    def counts(self) -> dict[NodeStatus, int]:
        """The task's nodes by status."""
        return {
            NodeStatus.PENDING: self.pending,
            NodeStatus.RUNNING: self.running,
            NodeStatus.COMPLETED: self.completed,
            NodeStatus.FAILED: self.failed,
        }


def insert(
    connection: sqlite3.Connection, task_id: TaskId, goal: str, context: str, now: Instant
) -> int:
    """Stores a task without nodes and returns its row key."""
    pk = connection.execute(_INSERT, (task_id, now, goal, context)).lastrowid
    assert pk is not None  # SQLite sets it after every INSERT into a table with row ids.
    return pk


def by_id(connection: sqlite3.Connection, task_id: TaskId) -> Task | None:
    """The task of that id."""
    row = connection.execute(_BY_ID, (task_id,)).fetchone()
    return Task._make(row) if row else None


def by_pk(connection: sqlite3.Connection, task_pk: int) -> Task:
    """The task of that row key, which must exist."""
    return Task._make(connection.execute(_BY_PK, (task_pk,)).fetchone())


def pk_of(connection: sqlite3.Connection, task_id: TaskId) -> int | None:
    """The row key of a task."""
    row = connection.execute(_PK, (task_id,)).fetchone()
    return row[0] if row else None


def cancel(connection: sqlite3.Connection, task_pk: int, now: Instant) -> None:
    """Marks a task as cancelled."""
    connection.execute(_CANCEL, (now, task_pk))


def info_result(task: Task) -> dict[str, Any]:
    """The wire's `TaskInfo`."""
    return {
        "id": task.id,
        "goal": task.goal,
        "context": orjson.Fragment(task.context),
        "created_at": rfc3339(task.created_at),
    }


def counts_result(task: Task) -> dict[str, int]:
    """The task's nodes by status, as the wire has them."""
    return {status.value: count for status, count in task.counts.items()}


def summary_result(task: Task) -> dict[str, Any]:
    """The wire's `TaskSummary`."""
    return {
        "id": task.id,
        "goal": task.goal,
        "state": task.state,
        "counts": counts_result(task),
        "created_at": rfc3339(task.created_at),
    }


def page_query(
    *, state: TaskState | None, before_pk: int | None, limit: int
) -> tuple[str, list[Any]]:
    """The query for a page of tasks, newest first."""
    filters = {"state = ?": state and state.value, "pk < ?": before_pk}
    given = {text: value for text, value in filters.items() if value is not None}
    where = " AND ".join([*given, _PUBLISHED])
    return f"{_LISTED} WHERE {where} ORDER BY pk DESC LIMIT ?", [*given.values(), limit]


async def read_page(
    connection: aiosqlite.Connection, query: tuple[str, list[Any]]
) -> tuple[list[Task], bool]:
    """The tasks that a `page_query` finds, and whether their goals ended the page."""
    page = await pages.read_page(connection, *query, PAGE_CHARS_MAX, _goal_chars)
    return [Task._make(row) for row in page.rows], not page.chars_left


def _goal_chars(row: tuple[Any, ...]) -> int:
    return len(Task._make(row).goal)


async def read(connection: aiosqlite.Connection, task_id: TaskId) -> Task | None:
    """The task of that id."""
    rows = list(await connection.execute_fetchall(_BY_ID, (task_id,)))
    return Task._make(rows[0]) if rows else None
