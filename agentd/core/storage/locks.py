"""The table `locks`: live locks by key, range, lease and expiry; ended ones by lease and age."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import lru_cache
from hmac import compare_digest
from typing import Any, NamedTuple

import orjson

from agentd.core.clock import Instant, UnixSeconds, rfc3339
from agentd.core.ids import LeaseId, number_in
from agentd.core.locks import Lock
from agentd.core.resource_keys import ResourceKey, covered_ranges, overlapping_keys
from agentd.core.states import LockState

_SELECT = (
    "SELECT fencing_token, lease_secret, namespace, resource_key, mode, owner, provider, state,"
    " acquired_at, expires_at, metadata"
)
COLUMNS = f"{_SELECT} FROM locks"
_INSERT = (
    "INSERT INTO locks (lease_secret, namespace, resource_key, mode, owner, provider, acquired_at,"
    " expires_at, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_BY_TOKEN = f"{COLUMNS} WHERE fencing_token = ?"
_IS_HELD = "SELECT 1 FROM locks WHERE state = 'LIVE' AND resource_key = ?1 AND expires_at > ?2"
_IS_REPLACED = (
    f"{_IS_HELD} AND namespace = ?3 AND fencing_token <> ?4"
    " AND (mode = 'exclusive' OR ?5 = 'exclusive') LIMIT 1"
)
_RENEW = "UPDATE locks SET expires_at = ? WHERE fencing_token = ?"
_REWRITE = "UPDATE locks SET expires_at = ?, metadata = ? WHERE fencing_token = ?"
# The journal keeps the metadata; the ended row is there to answer repeated requests.
_END = "UPDATE locks SET state = ?, ended_at = ?, metadata = '{}' WHERE fencing_token = ?"
_STATE_TEXTS = {state: state.value for state in LockState}
_LAPSED = f"{COLUMNS} WHERE state = 'LIVE' AND expires_at <= ? ORDER BY expires_at LIMIT ?"
_NEXT_EXPIRY = "SELECT min(expires_at) FROM locks WHERE state = 'LIVE'"
_OLD = (
    "SELECT fencing_token, acquired_at, ended_at FROM locks WHERE fencing_token > 0"
    " AND fencing_token < (SELECT max(fencing_token) FROM locks) ORDER BY fencing_token"
)
_FORGET = "DELETE FROM locks WHERE fencing_token = ?"


@lru_cache(maxsize=64)
def _overlapping(key_count: int, range_count: int) -> str:
    """Keys and ranges are joined one after another: an IN builds a table of them each time."""
    live = "CROSS JOIN locks WHERE state = 'LIVE' AND namespace = ?1 AND resource_key"
    keys = ", ".join(f"(?{number})" for number in range(2, key_count + 2))
    selects = [f"{{what}} FROM (VALUES {keys}) {live} = column1"]
    if range_count:
        ranges = ", ".join(["(?, ?)"] * range_count)
        selects.append(
            f"{{what}} FROM (VALUES {ranges}) {live} >= column1 AND resource_key < column2"
        )
    return " UNION ALL ".join(selects)


class OverlapQueries(NamedTuple):
    """How to find the live locks that name a resource in common with a key."""

    any: str
    """Has a row if there are some. Mostly there are none, and each column costs even then."""
    all: str
    values: tuple[str, ...]


@lru_cache(maxsize=1024)  # The same files are asked for again and again.
def overlap_queries(namespace: str, key: ResourceKey) -> OverlapQueries:
    """The queries for the live locks that name a resource in common with `key`."""
    keys = overlapping_keys(key)
    ranges = covered_ranges(key)
    values = [namespace, *keys]
    for covered in ranges:
        values += (covered.start, covered.stop)
    sql = _overlapping(len(keys), len(ranges))
    return OverlapQueries(
        f"{sql.format(what='SELECT 1')} LIMIT 1", sql.format(what=_SELECT), tuple(values)
    )


def overlapping(connection: sqlite3.Connection, namespace: str, key: ResourceKey) -> list[Lock]:
    """The live locks that name a resource in common with `key`, lapsed ones among them."""
    queries = overlap_queries(namespace, key)
    if connection.execute(queries.any, queries.values).fetchone() is None:
        return []
    return [Lock._make(row) for row in connection.execute(queries.all, queries.values)]


def insert(connection: sqlite3.Connection, values: tuple[Any, ...]) -> int:
    """Stores a new live lock and returns its fencing token.

    `values`: a `numbered_tail`, namespace, key, mode, owner, provider, acquired at, expires at,
    metadata.
    """
    token = connection.execute(_INSERT, values).lastrowid
    assert token is not None  # SQLite sets it after every INSERT into a table with row ids.
    return token


def by_lease(connection: sqlite3.Connection, lease_id: LeaseId) -> Lock | None:
    """The lock that has, or had, this lease."""
    row = connection.execute(_BY_TOKEN, (number_in(lease_id),)).fetchone()
    if row is None:
        return None
    lock = Lock._make(row)
    return lock if compare_digest(lock.lease_id.encode(), lease_id.encode()) else None


def is_held(
    connection: sqlite3.Connection, key: ResourceKey, namespace: str | None, now: Instant
) -> bool:
    """Whether anybody holds the key, in a namespace or, where none is given, in any."""
    sql = f"{_IS_HELD} AND (?3 IS NULL OR namespace = ?3) LIMIT 1"
    return connection.execute(sql, (key, now // 1000, namespace)).fetchone() is not None


def is_replaced(connection: sqlite3.Connection, lock: Lock, now: Instant) -> bool:
    """Whether another lock is held now that this ended one would have excluded."""
    values = (lock.resource_key, now // 1000, lock.namespace, lock.fencing_token, lock.mode)
    return connection.execute(_IS_REPLACED, values).fetchone() is not None


def renew(connection: sqlite3.Connection, lock: Lock) -> None:
    """Stores a lock's new expiry."""
    connection.execute(_RENEW, (lock.expires_at, lock.fencing_token))


def rewrite(connection: sqlite3.Connection, lock: Lock) -> None:
    """Stores a lock's new expiry and metadata."""
    connection.execute(_REWRITE, (lock.expires_at, lock.metadata, lock.fencing_token))


def end(connection: sqlite3.Connection, lock: Lock, state: LockState, now: Instant) -> None:
    """Ends a live lock."""
    connection.execute(_END, (_STATE_TEXTS[state], now, lock.fencing_token))


def lapsed(connection: sqlite3.Connection, now: Instant, limit: int) -> list[Lock]:
    """Live locks whose lease has run out, the longest ago first."""
    rows = connection.execute(_LAPSED, (now // 1000, limit)).fetchall()
    return [Lock._make(row) for row in rows]


def next_expiry(connection: sqlite3.Connection) -> UnixSeconds | None:
    """When the first of the live locks runs out."""
    expiry: UnixSeconds | None = connection.execute(_NEXT_EXPIRY).fetchone()[0]
    return expiry


def prune(connection: sqlite3.Connection, ended_before: Instant, limit: int) -> int:
    """Forgets ended locks, but not the newest lock of all, and returns how many.

    None that was acquired later can have ended before, so it looks no further than to the first.
    """
    doomed: list[tuple[int]] = []
    with closing(connection.execute(_OLD)) as rows:
        for token, acquired_at, ended_at in rows:
            if acquired_at > ended_before or len(doomed) == limit:
                break
            if ended_at is not None and ended_at <= ended_before:
                doomed.append((token,))
    connection.executemany(_FORGET, doomed)
    return len(doomed)


def info_result(lock: Lock) -> dict[str, Any]:
    """A lock as anybody may see it: the wire's `LockInfo`."""
    return {
        "resource_key": lock.resource_key,
        "namespace": lock.namespace,
        "owner": lock.owner,
        "provider": lock.provider,
        "mode": lock.mode,
        "fencing_token": lock.fencing_token,
        "acquired_at": rfc3339(lock.acquired_at),
        "expires_at": lock.expires_at,
        "metadata": orjson.Fragment(lock.metadata),
    }


def granted_result(lock: Lock) -> dict[str, Any]:
    """A lock as its holder sees it: the wire's `GrantedLock`."""
    result = info_result(lock)
    result["lease_id"] = lock.lease_id
    return result
