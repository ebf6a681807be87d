"""What an operation that writes is given: its share of the writer's transaction.

An operation is `(tx, params, now) -> result`: it loads through `tx.connection` (by way of
`core.storage`), decides by a pure rule, writes, and notes in `tx.effects` what others want to know
once the transaction is on disk. It runs in the writer's thread, inside its own savepoint; when it
raises, its writes and its effects are gone.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from agentd.core.clock import UnixSeconds
from agentd.core.ids import IdSource, TaskId
from agentd.core.resource_keys import ResourceKey


@dataclass(frozen=True, slots=True)
class LeaseConfig:
    """What operations need to know of the settings."""

    node_timeout_secs: int
    context_event_limit: int
    payload_bytes_max: int


@dataclass(frozen=True, slots=True)
class Freed:
    """A resource that a lock no longer covers."""

    namespace: str
    resource_key: ResourceKey


@dataclass(frozen=True, slots=True)
class Blocker:
    """Somebody whose lock denied a request."""

    owner: str
    expires_at: UnixSeconds


@dataclass(slots=True)
class Effects:
    """What happens outside the database after the commit, and only then."""

    freed: list[Freed] = field(default_factory=list)
    """Wakes those who wait for a lock."""
    runnable: set[TaskId] = field(default_factory=set)
    """Tasks in which a node became runnable: wakes those who wait for one."""
    last_seq: int = 0
    """The last event appended, or 0: wakes those who follow the journal."""
    earliest_expiry: UnixSeconds | None = None
    """The earliest end among the leases granted or renewed: when to sweep next at the latest."""
    blockers: tuple[Blocker, ...] = ()
    """Whom a denied lock request waits for."""
    counts: dict[str, int] = field(default_factory=dict)
    """Increments of the runtime counters, by their names in the Metrics result. A denied request
    that may still wait is not counted as denied; whoever ends its wait does that."""

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
    ids: IdSource
    config: LeaseConfig
    effects: Effects = field(default_factory=Effects)
    behind_waiter: bool = False
    """Somebody who waits for an overlapping lock came first, so a free lock is not for this one."""
