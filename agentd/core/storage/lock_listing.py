"""Listing the locks that are held, whole or by the page, from the index of the live ones."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import aiosqlite

from agentd.core.clock import Instant
from agentd.core.limits import PAGE_CHARS_MAX
from agentd.core.locks import Lock
from agentd.core.resource_keys import KeyRange
from agentd.core.storage import pages
from agentd.core.storage.locks import COLUMNS

_ORDER: Final = "resource_key, namespace, fencing_token"
_LIVE: Final = COLUMNS.replace("FROM locks", "FROM locks INDEXED BY locks_live")

Query = tuple[str, list[Any]]


class Position(NamedTuple):
    """A lock's place in the list."""

    resource_key: str
    namespace: str
    fencing_token: int

    @classmethod
    def of(cls, lock: Lock) -> Position:
        """The place of a lock that was read."""
        return cls(lock.resource_key, lock.namespace, lock.fencing_token)


def list_query(
    *,
    now: Instant,
    key_range: KeyRange | None = None,
    namespace: str | None = None,
    owner: str | None = None,
    after: Position | None = None,
    limit: int | None = None,
) -> Query:
    """The query for the locks held now, ordered by key and namespace."""
    where = "state = 'LIVE' AND expires_at > ?"
    values: list[Any] = [now // 1000]
    if after is not None and (key_range is None or after.resource_key >= key_range.start):
        where += f" AND ({_ORDER}) > (?, ?, ?)"
        values += after
    elif key_range is not None:
        where += " AND resource_key >= ?"
        values.append(key_range.start)
    if key_range is not None:
        where += " AND resource_key < ?"
        values.append(key_range.stop)
    for column, value in (("namespace", namespace), ("owner", owner)):
        if value is not None:
            where += f" AND {column} = ?"
            values.append(value)
    sql = f"{_LIVE} WHERE {where} ORDER BY {_ORDER}"
    if limit is not None:
        sql += " LIMIT ?"
        values.append(limit)
    return sql, values


async def read_list(connection: aiosqlite.Connection, query: Query) -> list[Lock]:
    """All locks that a `list_query` finds."""
    return [Lock._make(row) for row in await connection.execute_fetchall(*query)]


async def read_page(connection: aiosqlite.Connection, query: Query) -> tuple[list[Lock], bool]:
    """The locks that a `list_query` finds, and whether their metadata ended the page."""
    page = await pages.read_page(connection, *query, PAGE_CHARS_MAX)
    return [Lock._make(row) for row in page.rows], not page.chars_left
