"""The table `locks`: live locks by key, range, lease and expiry; ended ones by lease and age.

`LockTable` is for the one who writes it, and asks the database only for what it cannot remember.
"""

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
from agentd.core.storage.lock_memory import LockMemory

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
_LIVE_TEXT = LockState.LIVE.value
_LIVE_RESOURCES = "SELECT namespace, resource_key FROM locks WHERE state = 'LIVE'"
_DATA_VERSION = "PRAGMA data_version"
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
    selects = [f"{_SELECT} FROM (VALUES {keys}) {live} = column1"]
    if range_count:
        ranges = ", ".join(["(?, ?)"] * range_count)
        selects.append(
            f"{_SELECT} FROM (VALUES {ranges}) {live} >= column1 AND resource_key < column2"
        )
    return " UNION ALL ".join(selects)


class OverlapQuery(NamedTuple):
    """How to find the live locks that name a resource in common with a key."""

    keys: tuple[ResourceKey, ...]
    are_keys_all: bool
    """Whether a lock that overlaps has one of these keys. Otherwise it may lie in a range, too."""
    sql: str
    values: tuple[str, ...]


@lru_cache(maxsize=1024)  # The same files are asked for again and again.
def overlap_query(namespace: str, key: ResourceKey) -> OverlapQuery:
    """The query for the live locks that name a resource in common with `key`."""
    keys = overlapping_keys(key)
    ranges = covered_ranges(key)
    values = [namespace, *keys]
    for covered in ranges:
        values += (covered.start, covered.stop)
    return OverlapQuery(keys, not ranges, _overlapping(len(keys), len(ranges)), tuple(values))


class LockTable:
    """The table as the writer's one connection changes it, in one transaction after another."""

    __slots__ = ("_connection", "_data_version", "_memory")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._data_version = self._read_data_version()
        self._memory = self._read_live()

    def begin(self) -> None:
        """A transaction has begun. Reads what is live anew if somebody else has written since."""
        version = self._read_data_version()
        if version != self._data_version:
            self._data_version = version
            self._memory = self._read_live()

    def committed(self) -> None:
        """The transaction is on disk."""
        self._memory.settle()

    def mark(self) -> int:
        """The place in the transaction to which `rolled_back` can go back."""
        return self._memory.mark()

    def rolled_back(self, mark: int = 0) -> None:
        """What was written since `mark`, or in the whole transaction, was undone."""
        self._memory.undo(mark)

    def overlapping(self, namespace: str, key: ResourceKey) -> list[Lock]:
        """The live locks that name a resource in common with `key`, lapsed ones among them."""
        query = overlap_query(namespace, key)
        if query.are_keys_all and not self._memory.is_any_held(namespace, query.keys):
            return []
        return [Lock._make(row) for row in self._connection.execute(query.sql, query.values)]

    def insert(
        self,
        lease_secret: str,
        namespace: str,
        key: ResourceKey,
        mode: str,
        owner: str,
        provider: str,
        acquired_at: Instant,
        expires_at: UnixSeconds,
        metadata: str,
    ) -> Lock:
        """Stores a new live lock, which gets the next fencing token."""
        told = (lease_secret, namespace, key, mode, owner, provider)
        values = (*told, acquired_at, expires_at, metadata)
        token = self._connection.execute(_INSERT, values).lastrowid
        assert token is not None  # SQLite sets it after every INSERT into a table with row ids.
        lock = Lock(token, *told, _LIVE_TEXT, acquired_at, expires_at, metadata)
        self._memory.granted(lock)
        return lock

    def by_lease(self, lease_id: LeaseId) -> Lock | None:
        """The lock that has, or had, this lease."""
        lock = self._memory.row(lease_id)
        if lock is not None:
            return lock
        row = self._connection.execute(_BY_TOKEN, (number_in(lease_id),)).fetchone()
        if row is None:
            return None
        lock = Lock._make(row)
        return lock if compare_digest(lock.lease_id.encode(), lease_id.encode()) else None

    def _read_data_version(self) -> int:
        version: int = self._connection.execute(_DATA_VERSION).fetchone()[0]
        return version

    def _read_live(self) -> LockMemory:
        return LockMemory(self._connection.execute(_LIVE_RESOURCES))

    def is_held(self, key: ResourceKey, namespace: str | None, now: Instant) -> bool:
        """Whether anybody holds the key, in a namespace or, where none is given, in any."""
        sql = f"{_IS_HELD} AND (?3 IS NULL OR namespace = ?3) LIMIT 1"
        return self._connection.execute(sql, (key, now // 1000, namespace)).fetchone() is not None

    def is_replaced(self, lock: Lock, now: Instant) -> bool:
        """Whether another lock is held now that this ended one would have excluded."""
        values = (lock.resource_key, now // 1000, lock.namespace, lock.fencing_token, lock.mode)
        return self._connection.execute(_IS_REPLACED, values).fetchone() is not None

    def renew(self, lock: Lock) -> None:
        """Stores a lock's new expiry."""
        self._connection.execute(_RENEW, (lock.expires_at, lock.fencing_token))
        self._memory.rewritten(lock)

    def rewrite(self, lock: Lock) -> None:
        """Stores a lock's new expiry and metadata."""
        self._connection.execute(_REWRITE, (lock.expires_at, lock.metadata, lock.fencing_token))
        self._memory.rewritten(lock)

    def end(self, lock: Lock, state: LockState, now: Instant) -> None:
        """Ends a live lock."""
        self._connection.execute(_END, (_STATE_TEXTS[state], now, lock.fencing_token))
        self._memory.ended(lock)


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
