"""The table `journal`: appending to it, and reading it by any of its indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import aiosqlite
import orjson

from agentd.core.clock import Instant, rfc3339
from agentd.core.journal import NewEvent

_APPEND = (
    "INSERT INTO journal (event_id, at, action_type, payload, task_pk, node_pk,"
    " resource_key, owner, provider) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

_COLUMNS = (
    "SELECT j.seq, j.event_id, j.at, j.action_type, t.id, n.id, j.session_id, j.resource_key,"
    " j.owner, j.provider, j.payload FROM journal AS j"
    " LEFT JOIN tasks AS t ON t.pk = j.task_pk LEFT JOIN nodes AS n ON n.pk = j.node_pk"
)

_LAST_OF_TASK = f"{_COLUMNS} WHERE j.task_pk = ? ORDER BY j.seq DESC LIMIT ?"

_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM journal"


def append(connection: sqlite3.Connection, event: NewEvent, event_id: str, at: Instant) -> int:
    """Appends an event and returns its `seq`."""
    seq = connection.execute(_APPEND, (event_id, at, *event)).lastrowid
    assert seq is not None  # SQLite sets it after every INSERT into a table with row ids.
    return seq


def append_many(
    connection: sqlite3.Connection,
    events: Sequence[NewEvent],
    event_ids: Sequence[str],
    at: Instant,
) -> int:
    """Appends events in their order and returns the `seq` of the last."""
    rows = [(event_id, at, *event) for event, event_id in zip(events, event_ids, strict=True)]
    connection.executemany(_APPEND, rows)
    return last_seq(connection)


def last_seq(connection: sqlite3.Connection) -> int:
    """The `seq` of the last event, 0 in an empty journal."""
    seq: int = connection.execute(_LAST_SEQ).fetchone()[0]
    return seq


def last_instant(connection: sqlite3.Connection) -> Instant:
    """When the last event happened, 0 in an empty journal: time may not go back behind it."""
    row = connection.execute("SELECT at FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    return Instant(row[0] if row else 0)


def event_result(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row as the wire's `Event`."""
    return {
        "seq": row[0],
        "event_id": row[1],
        "at": rfc3339(row[2]),
        "action_type": row[3],
        "task_id": row[4],
        "node_id": row[5],
        "session_id": row[6],
        "resource_key": row[7],
        "owner": row[8],
        "provider": row[9],
        "payload": orjson.Fragment(row[10]),
    }


def last_of_task(connection: sqlite3.Connection, task_pk: int, limit: int) -> list[dict[str, Any]]:
    """The last events of a task, oldest first."""
    rows = connection.execute(_LAST_OF_TASK, (task_pk, limit)).fetchall()
    return [event_result(row) for row in reversed(rows)]


def page_query(
    *,
    after_seq: int,
    task_pk: int | None,
    node_pk: int | None,
    session_id: str | None,
    resource_key: str | None,
    action_types: Sequence[str] | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """The query for a page of events, driven by the narrowest filter's index."""
    filters: list[tuple[str, str, Any]] = [
        ("node_pk", "journal_of_node", node_pk),
        ("session_id", "journal_of_session", session_id),
        ("resource_key", "journal_of_resource", resource_key),
        ("task_pk", "journal_of_task", task_pk),
    ]
    given = [entry for entry in filters if entry[2] is not None]
    where = "".join(f" AND j.{column} = ?" for column, _, _ in given)
    values: list[Any] = [after_seq, *(value for _, _, value in given)]
    if action_types is not None:
        where += f" AND j.action_type IN ({', '.join('?' * len(action_types))})"
        values += action_types
    index = f" INDEXED BY {given[0][1]}" if given else ""
    source = _COLUMNS.replace("journal AS j", f"journal AS j{index}")
    sql = f"{source} WHERE j.seq > ?{where} ORDER BY j.seq LIMIT ?"
    return sql, [*values, limit]


async def read_page(
    connection: aiosqlite.Connection, query: tuple[str, list[Any]]
) -> list[dict[str, Any]]:
    """The events that a `page_query` finds."""
    sql, values = query
    return [event_result(tuple(row)) for row in await connection.execute_fetchall(sql, values)]


async def read_last_seq(connection: aiosqlite.Connection) -> int:
    """The `seq` of the last event, 0 in an empty journal."""
    rows = list(await connection.execute_fetchall(_LAST_SEQ))
    seq: int = rows[0][0]
    return seq


async def read_task_pk(connection: aiosqlite.Connection, task_id: str | None) -> int | None:
    """The row key of a task."""
    return await _read_pk(connection, "SELECT pk FROM tasks WHERE id = ?", task_id)


async def read_node_pk(connection: aiosqlite.Connection, node_id: str | None) -> int | None:
    """The row key of a node."""
    return await _read_pk(connection, "SELECT pk FROM nodes WHERE id = ?", node_id)


async def _read_pk(connection: aiosqlite.Connection, sql: str, name: str | None) -> int | None:
    if name is None:
        return None
    rows = list(await connection.execute_fetchall(sql, (name,)))
    return rows[0][0] if rows else None
