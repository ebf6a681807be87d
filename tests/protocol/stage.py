"""A daemon in this process, on real files and a real socket; the test has its time in hand."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from agentd.core.clock import Clock, Instant
from agentd.core.daemon import Daemon, Sources
from agentd.core.storage.database import open_writer
from agentd.settings import VARIABLES, Settings, read_settings
from tests.fakes.clock import FakeClock
from tests.fakes.ids import SequentialIds


class BreakableIds(SequentialIds):
    """Identities that count, until they are told to fail as a bug would."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    def new(self) -> str:
        """The next one. Raises when broken."""
        if self.broken:
            raise ZeroDivisionError("a bug that the test planted")
        return super().new()


class Stage:
    """What transcripts are played on."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = FakeClock()
        self.ids = BreakableIds()
        self._connection: sqlite3.Connection
        self._intruder: sqlite3.Connection | None = None
        self._daemon: Daemon | None = None
        self._stopping: asyncio.Task[None] | None = None

    @property
    def socket_path(self) -> Path:
        """Where the daemon listens."""
        return self.settings.socket_path

    async def start(self) -> None:
        """Starts the daemon."""

        def clock(floor: Instant) -> Clock:
            assert floor <= self.clock.now()
            return self.clock

        self._daemon = Daemon(
            self.settings, Sources(clock=clock, ids=self.ids, open_writer=self._open_writer)
        )
        await self._daemon.start()

    async def stop(self) -> None:
        """Stops the daemon, if it runs, and waits until it has."""
        self.begin_stop()
        if self._stopping is not None:
            await self._stopping
        self._stopping = None

    def begin_stop(self) -> None:
        """Tells the daemon to stop."""
        if self._daemon is not None:
            self._stopping = asyncio.get_running_loop().create_task(self._daemon.stop())
            self._daemon = None

    async def restart(self) -> None:
        """Another daemon on the same files."""
        await self.stop()
        await self.start()

    async def sweep(self) -> None:
        """Lets the daemon look whether a lease ran out."""
        assert self._daemon is not None
        await self._daemon.expiry.expire_what_is_due()

    def disk(self, state: str) -> None:
        """`full`: the database cannot grow; `free`: it can again."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        limit = pages if state == "full" else 1 << 30
        self._connection.execute(f"PRAGMA max_page_count = {limit}")

    def database(self, state: str) -> None:
        """`locked`: another connection holds the write lock; `free`: not any more."""
        if self._intruder is not None:
            self._intruder.close()
            self._intruder = None
        if state == "locked":
            self._intruder = sqlite3.connect(self.settings.database_path, isolation_level=None)
            self._intruder.execute("BEGIN IMMEDIATE")

    def _open_writer(self, path: Path) -> sqlite3.Connection:
        self._connection = open_writer(path)
        # The usual five seconds would only be waited for.
        self._connection.execute("PRAGMA busy_timeout = 20")
        return self._connection


@contextlib.asynccontextmanager
async def staged(home: Path, variables: Mapping[str, str]) -> AsyncIterator[Stage]:
    """A stage with a running daemon with these AGENTD_* settings. It sweeps only when told to."""
    known = {name for variable in VARIABLES.values() for name in variable.names}
    assert variables.keys() <= known, "no such setting"
    stage = Stage(
        read_settings({"AGENTD_HOME": str(home), "AGENTD_SWEEP_SECS": "3600", **variables})
    )
    await stage.start()
    try:
        yield stage
    finally:
        stage.database("free")
        await stage.stop()
