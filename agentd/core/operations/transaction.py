"""What an operation that writes is given: its share of the writer's transaction.

An operation is `(tx, params, now) -> result`, where `now` is when the request came: it loads
through `tx.connection` (by way of `core.storage`), decides by a pure rule, writes, and notes in
`tx.effects` what others want to know once the transaction is on disk. Events that it has recorded
may not be stored yet: where it reads the journal or refers to it, it calls `tx.journal.store`
first. It may run in a thread; when it raises, its writes and its effects are undone.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import NamedTuple

from agentd.core.clock import Instant, UnixSeconds
from agentd.core.ids import IdSource, TaskId
from agentd.core.resource_keys import ResourceKey
from agentd.core.storage.journal import JournalEnd
from agentd.core.storage.locks import LockTable


@dataclass(frozen=True, slots=True)
class LeaseConfig:
    """What operations need to know of the settings."""

    node_timeout_secs: int
    context_event_limit: int
    payload_bytes_max: int


class Freed(NamedTuple):
    """A resource that a lock no longer covers."""

    namespace: str
    resource_key: ResourceKey


class Blocker(NamedTuple):
    """Somebody whose lock denied a request."""

    owner: str
    expires_at: UnixSeconds


class Effects:
    """What happens outside the database after the commit, and only then."""

    __slots__ = ("blockers", "counts", "earliest_expiry", "freed", "last_seq", "runnable")

    def __init__(self) -> None:  # Written out: one is made for each request.
        self.freed: list[Freed] = []
        """Wakes those who wait for a lock."""
        self.runnable: set[TaskId] = set()
        """Tasks in which a node became runnable: wakes those who wait for one."""
        self.last_seq = 0
        """The last event appended, or 0: wakes those who follow the journal."""
        self.earliest_expiry: UnixSeconds | None = None
        """The earliest end among the leases granted or renewed: when to sweep at the latest."""
        self.blockers: tuple[Blocker, ...] = ()
        """Whom a denied lock request waits for."""
        self.counts: dict[str, int] = {}
        """Increments of the runtime counters, by their names in the Metrics result. A denied
        request that may still wait is not counted as denied; whoever ends its wait does that."""

    def count(self, counter: str, increment: int = 1) -> None:
        """Notes an increment of a runtime counter."""
        self.counts[counter] = self.counts.get(counter, 0) + increment

    def expires(self, expires_at: UnixSeconds) -> None:
        """Notes the end of a lease that was granted or renewed."""
        if self.earliest_expiry is None or expires_at < self.earliest_expiry:
            self.earliest_expiry = expires_at


@dataclass(slots=True)
class Transaction:
    """One request's share of the writer's transaction."""

    connection: sqlite3.Connection
    locks: LockTable
    ids: IdSource
    config: LeaseConfig
    begun: Instant
    """When it began, from which leases count that it grants; requests have come before that."""
    effects: Effects = field(default_factory=Effects)
    behind_waiter: bool = False
    """Somebody who waits for an overlapping lock came first, so a free lock is not for this one."""
    gathers_events: bool = False
    """Whoever commits has the events stored before."""
    journal: JournalEnd = field(init=False)

    def __post_init__(self) -> None:
        self.journal = JournalEnd(self.connection, gathers=self.gathers_events)
