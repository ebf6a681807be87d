"""The one writer: everything that changes state passes through it, many requests a commit.

While one transaction is being synced to disk the next requests gather, and those who are answered
then may add theirs (`gathering` decides how long); then they run one after another inside a single
transaction. That is done in a thread of its own, or on the event loop where a thread would cost
more than it saves (`quick_commits` decides). One COMMIT makes them all durable, and only then is
any of them answered. One's failure undoes only itself: most fail before they have written anything,
and when one had, the batch is run anew with a savepoint around each request (savepoints around all
of them always would cost every request a fifth of its time). Knows neither methods nor the wire:
what a request does and how it is answered is the `Write`'s own business.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import Final, NamedTuple, Protocol

from agentd.core.clock import Clock, Instant
from agentd.core.gathering import Gathering, Verdict
from agentd.core.ids import IdSource
from agentd.core.incidents import record_incident
from agentd.core.operations.transaction import Effects, LeaseConfig, Transaction
from agentd.core.quick_commits import QuickCommits
from agentd.core.storage.database import translate
from agentd.core.storage.locks import LockTable
from agentd.errors import AgentdError, Unavailable

logger = logging.getLogger(__name__)

BATCH_REQUESTS_MAX: Final = 1024
"""Requests in one transaction: bounds how long the first of them waits for its answer."""

_GIVE_WAY_SECS: Final = 0.003
"""How long the event loop stands still at most, once a batch, while it is being run."""


class Write(Protocol):
    """A request that changes state."""

    behind_waiter: bool
    received: Instant
    """When it was submitted. It is judged by that however long it had to wait: a sign of life that
    came in time is not late because the daemon was busy with something large."""

    @property
    def is_brief(self) -> bool:
        """Whether it takes no longer than a request that is answered at once."""
        ...

    def run(self, tx: Transaction, now: Instant) -> bool:
        """Does the work, in any thread; false when what it wrote is to be undone.

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


class _Outcome(NamedTuple):
    """What has become of a batch."""

    requests: int
    report: Callable[[], None]
    """Tells them. To be called on the event loop."""
    commit_secs: float | None
    """How long the commit took; None where it failed."""


class Writer:
    """Owns the one connection that writes."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Clock,
        ids: IdSource,
        config: LeaseConfig,
        stopwatch: Callable[[], float] = perf_counter,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> None:
        """Makes the writer.

        `stopwatch` gives seconds since any moment, for the time that commits take; `is_gone` says
        whether the database was deleted, so that nothing may be called stored any more.
        """
        self._connection = connection
        self._locks = LockTable(connection)
        self._clock = clock
        self._ids = ids
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._listeners: list[EffectsListener] = []
        self._stopwatch = stopwatch
        self._is_gone = is_gone
        self._gathered: _Batch = []
        self._gathering = Gathering(BATCH_REQUESTS_MAX)
        self._quick_commits = QuickCommits()
        self._looking = False
        """Whether the rule is asked at the next turn of the event loop."""
        self._pause: asyncio.TimerHandle | None = None
        self._handed_over: SimpleQueue[_Batch | None] = SimpleQueue()
        self._under_way = False
        """Whether there is a batch that is not settled."""
        self._running = threading.Lock()
        """Held from the handing over of a batch to the thread until its requests have run."""
        self._idle = asyncio.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="agentd-writer", daemon=True)
        self._thread.start()

    def listen(self, listener: EffectsListener) -> None:
        """Has `listener` called with the effects of each committed batch, after its answers."""
        self._listeners.append(listener)

    def submit(self, write: Write) -> None:
        """Queues a request. Requests of one turn of the event loop are run together."""
        if self._stopping:
            write.abandon(Unavailable("shutting_down", "the daemon is stopping"))
            return
        write.received = self._clock.now()
        self._gathered.append(write)
        if not self._under_way:
            self._look_soon()

    async def stop(self) -> None:
        """Finishes what was submitted and ends the thread. The connection stays open."""
        self._stopping = True
        self._hand_over()
        if self._under_way:
            await self._idle.wait()
        self._handed_over.put(None)
        await asyncio.to_thread(self._thread.join)

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Begins the next transaction if it is time."""
        self._looking = False
        if self._under_way:
            return
        match self._gathering.verdict(len(self._gathered)):
            case Verdict.BEGIN:
                self._hand_over()
            case Verdict.LOOK_AGAIN:
                self._look_soon()
            case Verdict.WAIT:
                pass

    def _pause_is_over(self) -> None:
        self._gathering.tire(len(self._gathered))
        self._look_soon()

    def _hand_over(self) -> None:
        """Has what has gathered carried out, unless the last batch still is."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._under_way or not self._gathered:
            return
        batch = self._gathered[:BATCH_REQUESTS_MAX]
        self._gathered = self._gathered[BATCH_REQUESTS_MAX:]
        self._under_way = True
        if self._takes_no_thread(batch):
            self._loop.call_soon(self._go_on, self._run(batch, _ignore))
            return
        self._running.acquire()
        self._handed_over.put(batch)
        self._give_way()

    def _takes_no_thread(self, batch: _Batch) -> bool:
        """Whether the event loop carries a batch out by itself."""
        return self._quick_commits.are_usual and all(write.is_brief for write in batch)

    def _give_way(self) -> None:
        """Lets a short batch come to its commit, during which the event loop is alone.

        Only one of two threads can run Python. Each statement would hand the interpreter over to
        the loop if that waited for it, to get it back after a wait of its own; the switches cost
        more than what the loop could do meanwhile.
        """
        if self._running.acquire(timeout=_GIVE_WAY_SECS):
            self._running.release()

    def _go_on(self, outcome: _Outcome) -> None:
        """Has the last batch answered and then the next one run."""
        self._under_way = False
        outcome.report()
        if outcome.commit_secs is None:
            self._quick_commits.failed()
        else:
            self._quick_commits.committed(outcome.commit_secs)
        if self._stopping:
            self._hand_over()
            if not self._under_way:
                self._idle.set()
            return
        pause = self._gathering.committed(
            answered=outcome.requests,
            gathered=len(self._gathered),
            commit_secs=outcome.commit_secs or 0.0,
        )
        if pause:
            self._pause = self._loop.call_later(pause, self._pause_is_over)
        if self._gathered:
            self._look_soon()

    def _work(self) -> None:
        while (batch := self._handed_over.get()) is not None:
            self._take(batch)

    def _take(self, batch: _Batch) -> None:
        """Carries out what was handed over."""
        outcome = self._run(batch, self._running.release)
        self._loop.call_soon_threadsafe(self._go_on, outcome)

    def _run(self, batch: _Batch, at_commit: Callable[[], None]) -> _Outcome:
        """Carries a batch out. Calls `at_commit` when nothing but the commit is left to do."""
        try:
            settled, commit_secs = self._transact(batch, at_commit)
        except (sqlite3.Error, _TransactionLost, _DatabaseGone) as error:
            self._roll_back()
            failure = _failure_of(error)
            logger.error(
                "transaction failed",
                extra={"fields": {"requests": len(batch), "reason": failure.reason}},
            )
            return _Outcome(len(batch), partial(_abandon, batch, failure), None)
        report = partial(self._deliver, settled, _merge(settled))
        return _Outcome(len(batch), report, commit_secs)

    def _transact(self, batch: _Batch, at_commit: Callable[[], None]) -> tuple[_Settled, float]:
        """What the requests did, on disk, and how many seconds the commit took."""
        execute = self._connection.execute
        try:
            if self._is_gone():
                raise _DatabaseGone("the database was deleted while the daemon had it open")
            begun = self._clock.now()
            execute("BEGIN IMMEDIATE")
            self._locks.begin()
            settled = self._run_together(batch, begun)
            if settled is None:
                execute("ROLLBACK")
                self._locks.rolled_back()
                execute("BEGIN IMMEDIATE")
                settled = self._run_apart(batch, begun)
        finally:
            at_commit()
        commit_begun = self._stopwatch()
        execute("COMMIT")
        self._locks.committed()
        return settled, self._stopwatch() - commit_begun

    def _run_together(self, batch: _Batch, begun: Instant) -> _Settled | None:
        """Runs all requests; None when one failed after it had written something."""
        connection = self._connection
        tx = Transaction(
            connection, self._locks, self._ids, self._config, begun, gathers_events=True
        )
        journal = tx.journal
        settled: _Settled = []
        for write in batch:
            tx.effects = effects = Effects()
            tx.behind_waiter = write.behind_waiter
            changes = connection.total_changes + journal.gathered
            if not write.run(tx, write.received):
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

    def _run_apart(self, batch: _Batch, begun: Instant) -> _Settled:
        """Runs each request in a savepoint, so that it can be undone alone."""
        connection = self._connection
        settled: _Settled = []
        for write in batch:
            connection.execute("SAVEPOINT request")
            mark = self._locks.mark()
            effects = Effects()
            tx = Transaction(
                connection,
                self._locks,
                self._ids,
                self._config,
                begun,
                effects,
                write.behind_waiter,
            )
            if not write.run(tx, write.received):
                self._check_transaction()
                connection.execute("ROLLBACK TO request")
                self._locks.rolled_back(mark)
                effects = _NO_EFFECTS
            connection.execute("RELEASE request")
            settled.append((write, effects))
        return settled

    def _check_transaction(self) -> None:
        if not self._connection.in_transaction:
            raise _TransactionLost("the database undid the whole transaction")

    def _roll_back(self) -> None:
        self._locks.rolled_back()
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


def _ignore() -> None:
    """Nobody waits for the commit."""


class _TransactionLost(Exception):
    """SQLite rolled back everything by itself, as it does when a disk is full."""


class _DatabaseGone(Exception):
    """What would be written now would be lost."""


def _failure_of(error: sqlite3.Error | _TransactionLost | _DatabaseGone) -> AgentdError:
    if isinstance(error, _DatabaseGone):
        hint = "Stop the daemon and start it again; it begins with a new database."
        return Unavailable("disk_full", str(error), hint=hint)
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
