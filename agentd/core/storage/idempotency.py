"""The table `idempotency`: which request a key stood for, and its answer."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from agentd.core.clock import Instant

_FIND = "SELECT method, params_digest, answer FROM idempotency WHERE key = ? AND created_at > ?"
_REMEMBER = (
    "INSERT OR REPLACE INTO idempotency (key, method, params_digest, answer, created_at)"
    " VALUES (?, ?, ?, ?, ?)"
)
_PRUNE = (
    "DELETE FROM idempotency WHERE key IN"
    " (SELECT key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?)"
)


class StoredAnswer(NamedTuple):
    """What was asked under a key, and what was answered."""

    method: str
    params_digest: bytes
    answer: str
    """JSON text."""


def find(connection: sqlite3.Connection, key: str, since: Instant) -> StoredAnswer | None:
    """The answer given under a key later than `since`."""
    row = connection.execute(_FIND, (key, since)).fetchone()
    return StoredAnswer._make(row) if row else None


def remember(
    connection: sqlite3.Connection,
    key: str,
    method: str,
    params_digest: bytes,
    answer: str,
    now: Instant,
) -> None:
    """Keeps an answer; one that was forgotten, but is still there, makes room for it."""
    connection.execute(_REMEMBER, (key, method, params_digest, answer, now))


def prune(connection: sqlite3.Connection, until: Instant, limit: int) -> int:
    """Deletes answers as old as `until` and returns how many."""
    return connection.execute(_PRUNE, (until, limit)).rowcount
