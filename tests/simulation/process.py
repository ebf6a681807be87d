"""One life of a daemon inside the simulation: its real parts, without threads and without sockets.

The real writer runs its batches when the simulation says so, on a real SQLite file. A process dies
by being forgotten: its transaction is not committed, its answers are not delivered, and the next
life opens the same file.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import aiosqlite

from agentd.core.clock import SystemClock
from agentd.core.dispatch import Dispatcher
from agentd.core.expiry import Expiry
from agentd.core.follow import Followers
from agentd.core.ids import IdSource
from agentd.core.lock_waits import LockWaits
from agentd.core.metrics import Metrics
from agentd.core.node_waits import NodeWaits
from agentd.core.operations.table import READS, WRITES
from agentd.core.operations.transaction import LeaseConfig
from agentd.core.storage.database import Reader, open_writer
from agentd.core.storage.journal import last_instant
from agentd.core.waiting import WaitingRoom
from agentd.core.writer import Writer
from tests.simulation.time_and_turns import SimulatedLoop

WAITERS_MAX = 12
SWEEP_SECS = 1.0
CONFIG = LeaseConfig(node_timeout_secs=30, context_event_limit=5, payload_bytes_max=10_000)


class Fault(StrEnum):
    """What happens to a transaction."""

    FULL_AT_COMMIT = "disk full at commit"
    FULL_ONCE = "disk full for a statement"
    FULL_TWICE = "disk full for a statement, and when it is tried again"
    KILL_BEFORE_COMMIT = "killed before the commit"
    KILL_AFTER_COMMIT = "killed after the commit"
    KILL_AMID_BATCH = "killed amid the batch"


_AMID_BATCH = {
    Fault.FULL_TWICE: Fault.FULL_ONCE,
    Fault.FULL_ONCE: None,
    Fault.KILL_AMID_BATCH: None,
}
"""Faults that strike when an event is appended, after other writes, and what is left of them."""


class Killed(BaseException):
    """The process is gone: nothing in it may catch that."""


class FaultyConnection:
    """The writer's connection, with what may go wrong on the way to the disk."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real
        # A kill of the process loses nothing that the system has; power loss is not played here.
        real.execute("PRAGMA synchronous = OFF")
        self.fault: Fault | None = None
        self._takes_nothing = False

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""
        return self._real.in_transaction

    @property
    def total_changes(self) -> int:
        """How many rows were ever written."""
        return self._real.total_changes

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Runs a statement, or what the fault makes of it."""
        fault = self.fault
        if fault is not None:
            if fault in _AMID_BATCH and sql.startswith("INSERT INTO journal"):
                self.fault = _AMID_BATCH[fault]
                raise _exception(fault)
            if fault not in _AMID_BATCH and sql == "COMMIT":
                self.fault = None
                if fault is Fault.KILL_AFTER_COMMIT:
                    self._real.execute(sql)
                raise _exception(fault)
        if self._takes_nothing and sql == "COMMIT":
            raise _exception(Fault.FULL_AT_COMMIT)
        return self._real.execute(sql, values)

    def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
        """Runs a statement for many rows."""
        return self._real.executemany(sql, rows)

    def fill_disk(self, *, to_the_last_byte: bool) -> None:
        """From here on the file cannot grow, or nothing at all can be committed."""
        self._takes_nothing = to_the_last_byte
        if not to_the_last_byte:
            pages = self._real.execute("PRAGMA page_count").fetchone()[0]
            self._real.execute(f"PRAGMA max_page_count = {pages}")

    def free_disk(self) -> None:
        """There is room again."""
        self._takes_nothing = False
        self._real.execute("PRAGMA max_page_count = 1000000")

    def close(self) -> None:
        """What is not committed is lost."""
        self._real.close()


def _exception(fault: Fault) -> BaseException:
    if fault.name.startswith("KILL"):
        return Killed(fault)
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


class SteppedWriter(Writer):
    """The real writer, whose thread is the simulation."""

    def _work(self) -> None:
        """Leaves the thread without work."""

    def _takes_no_thread(self, batch: object) -> bool:
        """The simulation decides when a batch is carried out, and what happens meanwhile."""
        return False

    def _give_way(self) -> None:
        """Does not wait for itself."""

    @property
    def has_work(self) -> bool:
        """Whether a batch waits for its transaction."""
        return not self._handed_over.empty()

    def work(self) -> None:
        """Runs what was handed over in one transaction, as the thread would."""
        batch = self._handed_over.get()
        assert batch
        self._take(batch)


class _SyncConnection:
    """As much of aiosqlite's interface as reading needs, without its threads."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real

    async def execute_fetchall(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._real.execute(sql, values).fetchall()

    @asynccontextmanager
    async def execute(self, sql: str, values: Sequence[Any] = ()) -> AsyncIterator[_SyncCursor]:
        yield _SyncCursor(self._real.execute(sql, values))


class _SyncCursor:
    def __init__(self, real: sqlite3.Cursor) -> None:
        self._real = real

    async def fetchmany(self, size: int) -> list[Any]:
        return self._real.fetchmany(size)


class SyncReader(Reader):
    """Reads at once, so that it depends on no thread what a reader sees."""

    def __init__(self, path: Path) -> None:
        super().__init__([])
        self._connection = observe(path)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[aiosqlite.Connection]:
        """A connection; nothing else runs before it is given back."""
        yield cast(aiosqlite.Connection, _SyncConnection(self._connection))

    async def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def observe(path: Path) -> sqlite3.Connection:
    """A connection that sees what is committed and changes nothing."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


class Process:
    """The parts of a daemon, tied together as `agentd.core.daemon` does it."""

    def __init__(self, path: Path, ids: IdSource) -> None:
        self._loop = cast(SimulatedLoop, asyncio.get_running_loop())
        self.connection = FaultyConnection(open_writer(path))
        connection = cast(sqlite3.Connection, self.connection)
        self.clock = SystemClock(last_instant(connection))
        self.metrics = Metrics()
        self.writer = SteppedWriter(connection, self.clock, ids, CONFIG, lambda: 0.0)
        self.expiry = Expiry(self.writer, self.clock, SWEEP_SECS)
        self._reader = SyncReader(path)
        self.dispatcher = Dispatcher(
            writer=self.writer,
            reader=self._reader,
            clock=self.clock,
            metrics=self.metrics,
            freshness=self.expiry,
            writes=WRITES,
            reads=READS,
            local={},
        )
        self.room = WaitingRoom(WAITERS_MAX, self.metrics)
        locks, nodes = LockWaits(self.room, self.metrics), NodeWaits(self.room)
        followers = Followers(self.room, self.dispatcher)
        self.dispatcher.take_over("AcquireResourceLock", locks.start)
        self.dispatcher.take_over("AcquireResourceLocks", locks.start)
        self.dispatcher.take_over("AcquireNextNode", nodes.start)
        self.dispatcher.take_over("ListEvents", followers.start)
        for notice in (locks.notice, nodes.notice, followers.notice, self.expiry.notice):
            self.writer.listen(notice)
        self.writer.listen(lambda effects: self.metrics.counts.update(effects.counts))
        self.views: deque[Any] = deque()
        """What the simulation saw of each batch whose answers are not delivered yet."""

    async def end(self) -> None:
        """Forgets the process, whatever it is doing."""
        own = asyncio.current_task()
        await self._loop.quiet()
        while everything := [task for task in asyncio.all_tasks() if task is not own]:
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)
            await self._loop.quiet()  # A timer that was due may have begun something.
        self.connection.close()
        await self._reader.close()
