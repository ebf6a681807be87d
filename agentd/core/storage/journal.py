"""The table `journal`: appending to it, and reading it by any of its indexes.

The index by resource follows the journal in steps: up to a mark it finds a resource's events, and
behind the mark a reader looks at each event.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

import aiosqlite
import orjson

from agentd.core.clock import Instant, rfc3339
from agentd.core.journal import NewEvent
from agentd.core.limits import PAGE_CHARS_MAX
from agentd.core.storage import pages

_WITHOUT_TASK = ("seq, event_id, at, action_type, payload, resource_key, owner, provider", 8)
_TASK_AT = _WITHOUT_TASK[1]
_NO_TASK = (None, None)
_WITH_TASK = (f"{_WITHOUT_TASK[0]}, task_pk, node_pk", 10)
_ROWS_AT_ONCE = 16
"""One statement for so many events takes two thirds of the time of a statement for each."""


def _append(columns: tuple[str, int], rows: int) -> str:
    names, number = columns
    row = f"({', '.join('?' * number)})"
    return f"INSERT INTO journal ({names}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - ours


_APPEND: Final = _append(_WITH_TASK, 1)
_APPEND_AT_ONCE: Final = _append(_WITH_TASK, _ROWS_AT_ONCE)
_APPEND_WITHOUT_TASK_AT_ONCE: Final = _append(_WITHOUT_TASK, _ROWS_AT_ONCE)
"""Most events are of locks. Two values less of each take a quarter of the time."""

_COLUMNS = (
    "SELECT j.seq, j.event_id, j.at, j.action_type, t.id, n.id, j.session_id, j.resource_key,"
    " j.owner, j.provider, j.payload FROM journal AS j"
    " LEFT JOIN tasks AS t ON t.pk = j.task_pk LEFT JOIN nodes AS n ON n.pk = j.node_pk"
)

_LAST_OF_TASK = f"{_COLUMNS} WHERE j.task_pk = ? ORDER BY j.seq DESC LIMIT ?"

_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM journal"

_RESOURCES_MARK = "SELECT up_to_seq FROM journal_resources_mark WHERE only_row = 1"
_MOVE_RESOURCES_MARK = "UPDATE journal_resources_mark SET up_to_seq = ? WHERE only_row = 1"
_INDEX_RESOURCES = (  # In the order of the index, so that each of its pages is changed once.
    "INSERT INTO journal_resources (resource_key, seq) SELECT resource_key, seq FROM journal"
    " WHERE seq > ? AND seq <= ? AND resource_key IS NOT NULL ORDER BY resource_key, seq"
)

Query = tuple[str, list[Any]]


class JournalEnd:
    """The journal as one transaction extends it: an event has its `seq` before it is stored.

    Where it `gathers` them, events are stored by `store` only, which has to come before the commit
    and before anything in the same transaction that reads the journal or refers to it.
    """

    __slots__ = ("_connection", "_gathered", "_gathers", "_last_seq")

    def __init__(self, connection: sqlite3.Connection, *, gathers: bool) -> None:
        self._connection = connection
        self._gathers = gathers
        self._last_seq = last_seq(connection)
        self._gathered: list[tuple[Any, ...]] = []

    @property
    def gathered(self) -> int:
        """How many events are not stored yet."""
        return len(self._gathered)

    def append(self, event: NewEvent, event_id: str, at: Instant) -> int:
        """Appends an event and returns its `seq`."""
        self._last_seq = seq = self._last_seq + 1
        self._gathered.append((seq, event_id, at, *event))
        if not self._gathers:
            self.store()
        return seq

    def store(self) -> None:
        """Stores the events that have gathered; where that fails they stay gathered."""
        rows = self._gathered
        execute = self._connection.execute
        rest = len(rows) % _ROWS_AT_ONCE
        for at in range(0, len(rows) - rest, _ROWS_AT_ONCE):
            some = rows[at : at + _ROWS_AT_ONCE]
            if any(row[_TASK_AT:] != _NO_TASK for row in some):
                execute(_APPEND_AT_ONCE, tuple(chain.from_iterable(some)))
            else:
                values = tuple(chain.from_iterable(row[:_TASK_AT] for row in some))
                execute(_APPEND_WITHOUT_TASK_AT_ONCE, values)
        self._connection.executemany(_APPEND, rows[len(rows) - rest :])
        rows.clear()


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


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are asked for: those of which everything that is given here is true."""

    task_pk: int | None = None
    node_pk: int | None = None
    session_id: str | None = None
    resource_key: str | None = None
    action_types: Sequence[str] | None = None


def _conditions(wanted: Filter) -> tuple[str, list[Any]]:
    columns = {
        "task_pk": wanted.task_pk,
        "node_pk": wanted.node_pk,
        "session_id": wanted.session_id,
        "resource_key": wanted.resource_key,
    }
    given = {column: value for column, value in columns.items() if value is not None}
    where = "".join(f" AND j.{column} = ?" for column in given)
    values: list[Any] = list(given.values())
    if wanted.action_types is not None:
        where += f" AND j.action_type IN ({', '.join('?' * len(wanted.action_types))})"
        values += wanted.action_types
    return where, values


def page_query(wanted: Filter, after_seq: int, limit: int) -> Query:
    """The query for a page of events, driven by the narrowest filter that has an index.

    For a resource alone it looks at each event, which is for the few at the journal's end.
    """
    where, values = _conditions(wanted)
    index = ""
    if wanted.node_pk is not None:
        index = " INDEXED BY journal_of_node"
    elif wanted.session_id is not None:
        index = " INDEXED BY journal_of_session"
    elif wanted.task_pk is not None:
        index = " INDEXED BY journal_of_task"
    source = _COLUMNS.replace("journal AS j", f"journal AS j{index}")
    return f"{source} WHERE j.seq > ?{where} ORDER BY j.seq LIMIT ?", [after_seq, *values, limit]


def resource_page_query(wanted: Filter, after_seq: int, limit: int) -> Query:
    """The query for a page of a resource's events, among those up to the mark."""
    where, values = _conditions(wanted)
    source = _COLUMNS.replace(
        "journal AS j", "journal_resources AS r CROSS JOIN journal AS j ON j.seq = r.seq"
    )
    sql = f"{source} WHERE r.resource_key = ? AND r.seq > ?{where} ORDER BY r.seq LIMIT ?"
    return sql, [wanted.resource_key, after_seq, *values, limit]


class EventPage(NamedTuple):
    """Part of the journal, oldest first."""

    events: list[dict[str, Any]]
    reaches_the_end: bool
    """Nothing that is asked for comes after them."""


async def read_page(
    connection: aiosqlite.Connection, wanted: Filter, after_seq: int, limit: int
) -> EventPage:
    """At most `limit` events, and not many more than `PAGE_CHARS_MAX` of their payloads."""
    rows: list[tuple[Any, ...]] = []
    chars_left = PAGE_CHARS_MAX
    has_other_index = wanted.node_pk is not None or wanted.session_id is not None
    if wanted.resource_key is not None and not has_other_index:
        mark = await _read_number(connection, _RESOURCES_MARK)
        if after_seq < mark:
            query = resource_page_query(wanted, after_seq, limit)
            rows, chars_left = await pages.read_page(connection, *query, chars_left)
            after_seq = mark
    if chars_left and len(rows) < limit:
        query = page_query(wanted, after_seq, limit - len(rows))
        last_rows, chars_left = await pages.read_page(connection, *query, chars_left)
        rows += last_rows
    return EventPage(list(map(event_result, rows)), bool(chars_left) and len(rows) < limit)


def resources_mark(connection: sqlite3.Connection) -> int:
    """The `seq` up to which the events of a resource are found by an index."""
    mark: int = connection.execute(_RESOURCES_MARK).fetchone()[0]
    return mark


def index_resources(connection: sqlite3.Connection, limit: int) -> int:
    """Moves the mark over at most `limit` events and returns it."""
    mark = resources_mark(connection)
    new_mark = min(mark + limit, last_seq(connection))
    connection.execute(_INDEX_RESOURCES, (mark, new_mark))
    connection.execute(_MOVE_RESOURCES_MARK, (new_mark,))
    return new_mark


async def read_last_seq(connection: aiosqlite.Connection) -> int:
    """The `seq` of the last event, 0 in an empty journal."""
    return await _read_number(connection, _LAST_SEQ)


async def _read_number(connection: aiosqlite.Connection, sql: str) -> int:
    (row,) = await connection.execute_fetchall(sql)
    number: int = row[0]
    return number


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
