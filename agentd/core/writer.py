"""The one writer: everything that changes state runs in its thread, many requests a commit.

While one transaction is being synced to disk the next requests gather; then they run one after
another inside a single transaction. One COMMIT makes them all durable, and only then is any of them
answered. One's failure undoes only itself: most fail before they have written anything, and when
one had, the batch is run anew with a savepoint around each request (savepoints around all of them
always would cost every request a fifth of its time). Knows neither methods nor the wire: what a
request does and how it is answered is the `Write`'s own business.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, Protocol

from agentd.core.clock import Clock, Instant
from agentd.core.ids import IdSource
from agentd.core.incidents import record_incident
from agentd.core.operations.transaction import Effects, LeaseConfig, Transaction
from agentd.core.storage.database import translate
from agentd.core.storage.journal import JournalEnd
from agentd.errors import AgentdError, Unavailable

logger = logging.getLogger(__name__)

BATCH_REQUESTS_MAX: Final = 1024
"""Requests in one transaction: bounds how long the first of them waits for its answer."""

_GIVE_WAY_SECS: Final = 0.003
"""How long the event loop stands still at most, once a batch, for one that is being run."""


class Write(Protocol):
    """A request that changes state."""

    behind_waiter: bool

    def run(self, tx: Transaction, now: Instant) -> bool:
        """Does the work, in the writer's thread; false when what it wrote is to be undone.

        May be called again after everything that it wrote was undone.
        """
        ...

    def settle(self, effects: Effects) -> None:
        """What it did is on disk. Called on the event loop."""
        ...

    def abandon(self, error: AgentdError) -> None:
        """Nothing of it is on disk, because the transaction failed. Called on the event loop."""
        ...


def database_failure(error: Exception) -> AgentdError | None:
    """What the outside calls a failure of the database; None for any other exception."""
    return translate(error) if isinstance(error, sqlite3.Error) else None


EffectsListener = Callable[[Effects], None]

_Batch = list[Write]
_Settled = list[tuple[Write, Effects]]


class Writer:
    """Owns the one connection that writes."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Clock,
        ids: IdSource,
        config: LeaseConfig,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._listeners: list[EffectsListener] = []
        self._gathered: _Batch = []
        self._handed_over: SimpleQueue[_Batch | None] = SimpleQueue()
        self._stopped = asyncio.Event()
        self._stopping = False
        self._running = threading.Lock()
        """Held while requests are run, not while they are committed."""
        self._takes_long = False
        """Whether the loop has given way in vain to the batch that is run."""
        self._thread = threading.Thread(target=self._work, name="agentd-writer", daemon=True)
        self._thread.start()

    def listen(self, listener: EffectsListener) -> None:
        """Has `listener` called with the effects of each committed batch, after its answers."""
        self._listeners.append(listener)

    def submit(self, write: Write) -> None:
        """Queues a request. Requests of one turn of the event loop go to the thread together."""
        if self._stopping:
            write.abandon(Unavailable("shutting_down", "the daemon is stopping"))
            return
        self._gathered.append(write)
        if len(self._gathered) == 1:
            self._loop.call_soon(self._hand_over)

    def give_way(self) -> None:
        """Lets a short batch that is being run come to its commit first.

        Each statement hands the interpreter over to whoever waits for it and has to wait to get it
        back; a batch that need not do so ends sooner, and during the commit the loop is alone.
        """
        if self._running.locked() and not self._takes_long:
            if self._running.acquire(timeout=_GIVE_WAY_SECS):
                self._running.release()
            else:
                self._takes_long = True

    async def stop(self) -> None:
        """Finishes what was submitted and ends the thread. The connection stays open."""
        if not self._stopping:
            self._stopping = True
            self._hand_over()
            self._handed_over.put(None)
        await self._stopped.wait()
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        if self._gathered:
            self._handed_over.put(self._gathered)
            self._gathered = []

    def _work(self) -> None:
        waiting: _Batch = []
        stopping = False
        while True:
            if not waiting and not stopping:
                stopping = self._take(self._handed_over.get(), waiting)
            while not self._handed_over.empty():
                stopping |= self._take(self._handed_over.get(), waiting)
            if not waiting:
                break
            batch, waiting = waiting[:BATCH_REQUESTS_MAX], waiting[BATCH_REQUESTS_MAX:]
            self._run(batch)
        self._loop.call_soon_threadsafe(self._stopped.set)

    @staticmethod
    def _take(handed_over: _Batch | None, waiting: _Batch) -> bool:
        if handed_over is None:
            return True
        waiting += handed_over
        return False

    def _run(self, batch: _Batch) -> None:
        try:
            settled = self._transact(batch)
        except (sqlite3.Error, _TransactionLost) as error:
            self._roll_back()
            failure = _failure_of(error)
            logger.error(
                "transaction failed",
                extra={"fields": {"requests": len(batch), "reason": failure.reason}},
            )
            self._loop.call_soon_threadsafe(_abandon, batch, failure)
        else:
            self._loop.call_soon_threadsafe(self._deliver, settled, _merge(settled))

    def _transact(self, batch: _Batch) -> _Settled:
        execute = self._connection.execute
        with self._running:
            now = self._clock.now()
            execute("BEGIN IMMEDIATE")
            settled = self._run_together(batch, now)
            if settled is None:
                execute("ROLLBACK")
                execute("BEGIN IMMEDIATE")
                settled = self._run_apart(batch, now)
        self._takes_long = False
        execute("COMMIT")
        return settled

    def _run_together(self, batch: _Batch, now: Instant) -> _Settled | None:
        """Runs all requests; None when one failed after it had written something."""
        connection = self._connection
        journal = JournalEnd(connection)
        tx = Transaction(connection, journal, self._ids, self._config)
        settled: _Settled = []
        for write in batch:
            tx.effects = effects = Effects()
            tx.behind_waiter = write.behind_waiter
            changes = connection.total_changes + journal.gathered
            if not write.run(tx, now):
                self._check_transaction()
                if connection.total_changes + journal.gathered != changes:
                    return None
                effects = _NO_EFFECTS
            settled.append((write, effects))
        try:
            journal.store()
        except sqlite3.Error:
            self._check_transaction()
            return None
        return settled

    def _run_apart(self, batch: _Batch, now: Instant) -> _Settled:
        """Runs each request in a savepoint, so that it can be undone alone."""
        connection = self._connection
        settled: _Settled = []
        for write in batch:
            connection.execute("SAVEPOINT request")
            journal = JournalEnd(connection, at_once=True)
            effects = Effects()
            tx = Transaction(
                connection, journal, self._ids, self._config, effects, write.behind_waiter
            )
            if not write.run(tx, now):
                self._check_transaction()
                connection.execute("ROLLBACK TO request")
                effects = _NO_EFFECTS
            connection.execute("RELEASE request")
            settled.append((write, effects))
        return settled

    def _check_transaction(self) -> None:
        if not self._connection.in_transaction:
            raise _TransactionLost("the database undid the whole transaction")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                logger.exception("rollback failed")

    def _deliver(self, settled: _Settled, merged: Effects) -> None:
        for write, effects in settled:
            write.settle(effects)
        for listener in self._listeners:
            listener(merged)


_NO_EFFECTS: Final = Effects()


class _TransactionLost(Exception):
    """SQLite rolled back everything by itself, as it does when a disk is full."""


def _failure_of(error: sqlite3.Error | _TransactionLost) -> AgentdError:
    if isinstance(error, _TransactionLost):
        return Unavailable("disk_full", str(error))
    return translate(error) or record_incident(error, during="commit")


def _merge(settled: _Settled) -> Effects:
    merged = Effects()
    for _, effects in settled:
        if effects.freed:
            merged.freed += effects.freed
        if effects.runnable:
            merged.runnable |= effects.runnable
        if effects.last_seq > merged.last_seq:
            merged.last_seq = effects.last_seq
        for counter, increment in effects.counts.items():
            merged.count(counter, increment)
        if effects.earliest_expiry is not None:
            merged.expires(effects.earliest_expiry)
    return merged


def _abandon(batch: _Batch, error: AgentdError) -> None:
    for write in batch:
        write.abandon(error)
