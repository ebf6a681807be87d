"""The table `registration`: the task that is being registered in steps, and taking it back.

There is one at most. What it consists of lies in `tasks`, `nodes` and `node_dependencies` already,
but the task has no id by which it could be named.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from agentd.core.clock import Instant
from agentd.core.ids import TaskId
from agentd.core.storage import tasks

_NO_ID: Final = TaskId("being registered")
"""Stands where the id will be. No client can ask for it: it is no UUID."""

_FIND = "SELECT task_pk, first_node_pk, last_node_pk FROM registration WHERE only_row = 1"
_BEGIN = (
    "INSERT INTO registration (only_row, task_pk, first_node_pk, last_node_pk) VALUES (1, ?, ?, ?)"
)
_END = "DELETE FROM registration WHERE only_row = 1"
_PUBLISH = "UPDATE tasks SET id = ?, created_at = ? WHERE pk = ?"
_REMOVE_DEPENDENCIES = (
    "DELETE FROM node_dependencies WHERE (node_pk, position) IN (SELECT node_pk, position"
    " FROM node_dependencies WHERE node_pk BETWEEN ? AND ? ORDER BY node_pk LIMIT ?)"
)
_REMOVE_NODES = (
    "DELETE FROM nodes WHERE pk IN"
    " (SELECT pk FROM nodes WHERE pk BETWEEN ? AND ? ORDER BY pk LIMIT ?)"
)
_REMOVE_TASK = "DELETE FROM tasks WHERE pk = ?"


class Registration(NamedTuple):
    """Where the task's rows are; not all of the nodes need be there yet."""

    task_pk: int
    first_node_pk: int
    last_node_pk: int


def find(connection: sqlite3.Connection) -> Registration | None:
    """The registration that is not finished."""
    row = connection.execute(_FIND).fetchone()
    return Registration._make(row) if row else None


def begin(
    connection: sqlite3.Connection,
    goal: str,
    context: str,
    *,
    first_node_pk: int,
    node_count: int,
    now: Instant,
) -> Registration:
    """Stores a task that nobody sees, and sets row keys aside for its nodes."""
    task_pk = tasks.insert(connection, _NO_ID, goal, context, now)
    begun = Registration(task_pk, first_node_pk, first_node_pk + node_count - 1)
    connection.execute(_BEGIN, begun)
    return begun


def publish(
    connection: sqlite3.Connection, begun: Registration, task_id: TaskId, now: Instant
) -> None:
    """Gives the task its id: from here on it is there, whole."""
    connection.execute(_PUBLISH, (task_id, now, begun.task_pk))
    connection.execute(_END)


def take_back(connection: sqlite3.Connection, begun: Registration, limit: int) -> bool:
    """Deletes at most `limit` rows of what nobody has seen; whether there may be more."""
    scope = (begun.first_node_pk, begun.last_node_pk, limit)
    if connection.execute(_REMOVE_DEPENDENCIES, scope).rowcount:
        return True
    if connection.execute(_REMOVE_NODES, scope).rowcount:
        return True
    connection.execute(_END)
    connection.execute(_REMOVE_TASK, (begun.task_pk,))
    return False
