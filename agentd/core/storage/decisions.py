"""The tables `reviews`, `review_bundles` and `review_tasks`: records by what they are about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import aiosqlite
import orjson

from agentd.core.ids import NodeId, ReviewId, TaskId
from agentd.core.limits import PAGE_CHARS_MAX
from agentd.core.storage import pages

_INSERT = "INSERT INTO reviews (seq, review_id, repository, record) VALUES (?, ?, ?, ?)"
_INSERT_BUNDLE = "INSERT INTO review_bundles (bundle_id, review_seq) VALUES (?, ?)"
_INSERT_TASK = "INSERT INTO review_tasks (task_id, review_seq) VALUES (?, ?)"
_EXISTS = "SELECT 1 FROM reviews WHERE review_id = ?"
_ORIGIN = (
    "SELECT n.task_pk, n.pk FROM nodes AS n JOIN tasks AS t ON t.pk = n.task_pk"
    " WHERE n.id = ? AND t.id = ?"
)


def exists(connection: sqlite3.Connection, review_id: ReviewId) -> bool:
    """Whether there is a review of that id."""
    return connection.execute(_EXISTS, (review_id,)).fetchone() is not None


def insert(
    connection: sqlite3.Connection,
    seq: int,
    review_id: ReviewId,
    repository: str,
    record: str,
    *,
    bundle_ids: Iterable[str],
    task_ids: Iterable[str],
) -> None:
    """Keeps a record under the `seq` of its first event."""
    connection.execute(_INSERT, (seq, review_id, repository, record))
    connection.executemany(_INSERT_BUNDLE, [(name, seq) for name in dict.fromkeys(bundle_ids)])
    connection.executemany(_INSERT_TASK, [(name, seq) for name in dict.fromkeys(task_ids)])


def node_keys(
    connection: sqlite3.Connection, task_id: TaskId, node_id: NodeId
) -> tuple[int, int] | None:
    """The row keys of a task and its node."""
    row = connection.execute(_ORIGIN, (node_id, task_id)).fetchone()
    return (row[0], row[1]) if row else None


def page_query(
    *,
    after_seq: int,
    repository: str | None,
    task_id: str | None,
    bundle_id: str | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """The query for a page of records, oldest first, driven by the narrowest filter's index."""
    filters = [
        ("b.bundle_id = ?", "review_bundles AS b", "b.review_seq", bundle_id),
        ("t.task_id = ?", "review_tasks AS t", "t.review_seq", task_id),
        ("r.repository = ?", "reviews AS r", "r.seq", repository),
    ]
    given = [entry for entry in filters if entry[3] is not None]
    tables = dict.fromkeys([*(table for _, table, _, _ in given), "reviews AS r"])
    seqs = dict.fromkeys([*(seq for _, _, seq, _ in given), "r.seq"])
    first, *others = seqs
    conditions = [
        *(condition for condition, _, _, _ in given),
        f"{first} > ?",
        *(f"{other} = {first}" for other in others),
    ]
    # CROSS JOIN keeps the tables in this order, so the first one's index gives the order, too.
    sql = (
        f"SELECT r.seq, r.record FROM {' CROSS JOIN '.join(tables)}"  # noqa: S608
        f" WHERE {' AND '.join(conditions)} ORDER BY {first} LIMIT ?"
    )
    return sql, [*(value for _, _, _, value in given), after_seq, limit]


async def read_page(
    connection: aiosqlite.Connection, query: tuple[str, list[Any]], limit: int
) -> tuple[list[tuple[int, orjson.Fragment]], bool]:
    """The records that a `page_query` finds, each with its `seq`, and whether no more come after.

    Not many more characters than `PAGE_CHARS_MAX` of them.
    """
    rows, chars_left = await pages.read_page(connection, *query, PAGE_CHARS_MAX)
    found = [(seq, orjson.Fragment(record)) for seq, record in rows]
    return found, bool(chars_left) and len(found) < limit
