"""Reading a page of rows that may be large: it ends at a number of characters, too.

A row count alone bounds nothing where each row may hold as much as a request line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import aiosqlite

_FETCHED_AT_ONCE: Final = 64
"""Rows for which the thread that reads is asked once."""


class Page(NamedTuple):
    """Rows in the order of their query."""

    rows: list[tuple[Any, ...]]
    chars_left: int
    """Of those that the page may have; none when they and not the query have ended it."""


def _last_text(row: tuple[Any, ...]) -> int:
    return len(row[-1])


async def read_page(
    connection: aiosqlite.Connection,
    sql: str,
    values: list[Any],
    chars_max: int,
    chars_of: Callable[[tuple[Any, ...]], int] = _last_text,
) -> Page:
    """The rows of a query until they have `chars_max` together, by the texts in their last column.

    The row that reaches it is still there, so that a page of one row always comes on.
    """
    rows: list[tuple[Any, ...]] = []
    chars_left = chars_max
    async with connection.execute(sql, values) as cursor:
        while chars_left > 0 and (fetched := await cursor.fetchmany(_FETCHED_AT_ONCE)):
            for row in map(tuple, fetched):
                rows.append(row)
                chars_left -= chars_of(row)
                if chars_left <= 0:
                    break
    return Page(rows, max(0, chars_left))
