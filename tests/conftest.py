"""What many tests start from: a home of their own, and a daemon that is really there."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agentd.core.clock import Instant
from agentd.core.daemon import Daemon, Sources
from agentd.core.storage.database import open_writer
from tests.fakes.clock import FakeClock
from tests.fakes.forked_commands import ForkedCommands, forked_commands
from tests.fakes.ids import SequentialIds
from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.raw_client import RawClient
from tests.fakes.settings import settings_for


def pytest_configure() -> None:
    """Lets Ctrl-C reach what tests start.

    A shell that starts a program in the background has it ignore Ctrl-C, and so all below it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def commands() -> Iterator[ForkedCommands]:
    """Runs `agentd-coord` again and again; what that needs is imported once."""
    with forked_commands() as commands:
        yield commands


@pytest.fixture
def home() -> Iterator[Path]:
    """A private directory with a short path: a socket's address takes 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as directory:
        yield Path(directory)


OpenWriter = Callable[[Path], sqlite3.Connection]


class RunningDaemon:
    """A daemon in the test's own event loop, with a clock that the test moves."""

    def __init__(
        self, home: Path, clock: FakeClock, open_connection: OpenWriter, options: dict[str, object]
    ) -> None:
        self.settings = settings_for(home, **options)
        self.clock = clock
        self._open_connection = open_connection
        self._ids = SequentialIds()
        self._clients = AsyncExitStack()
        self._daemon: Daemon | None = None

    @property
    def socket_path(self) -> Path:
        """Where it listens."""
        return self.settings.socket_path

    async def start(self) -> None:
        """Starts it, on whatever the home holds."""

        def clock(floor: Instant) -> FakeClock:
            return self.clock

        sources = Sources(clock=clock, ids=self._ids, open_writer=self._open_connection)
        self._daemon = Daemon(self.settings, sources)
        await self._daemon.start()

    async def stop(self) -> None:
        """Stops it as SIGTERM would."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            await daemon.stop()

    async def restart(self) -> None:
        """Stops and starts it; clients have to connect again."""
        await self.stop()
        await self.start()

    async def advance(self, secs: float) -> None:
        """Moves the clock, and has what is due happen."""
        self.clock.advance(secs)
        assert self._daemon is not None
        await self._daemon.expiry.expire_what_is_due()

    async def client(self) -> RawClient:
        """A new connection, closed at the end of the test."""
        return await self._clients.enter_async_context(await RawClient.connect(self.socket_path))

    async def until_waiting(self, count: int) -> None:
        """Returns when so many calls wait."""
        async with await RawClient.connect(self.socket_path) as observer:
            async with asyncio.timeout(PATIENCE_SECS):
                while (await observer.call("Metrics"))["runtime"]["waiters"] != count:
                    pass  # Each look is a round trip.

    async def close(self) -> None:
        """Ends it and all its clients."""
        await self._clients.aclose()
        await self.stop()


StartDaemon = Callable[..., Awaitable[RunningDaemon]]


@pytest.fixture
async def start_daemon(home: Path) -> AsyncIterator[StartDaemon]:
    """Starts daemons in the test's event loop: `await start_daemon(max_waiters=1)`.

    Keyword arguments are settings, by their names; `open_writer` replaces how the database is
    opened.
    """
    started: list[RunningDaemon] = []

    async def start(*, open_writer: OpenWriter = open_writer, **options: object) -> RunningDaemon:
        daemon = RunningDaemon(home, FakeClock(), open_writer, options)
        started.append(daemon)
        await daemon.start()
        return daemon

    yield start
    for daemon in started:
        await daemon.close()


@pytest.fixture
async def running_daemon(start_daemon: StartDaemon) -> RunningDaemon:
    """A daemon in the test's event loop, with the default settings."""
    return await start_daemon()


class DaemonProcess:
    """A daemon as a user has it: a process of its own."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.socket_path = home / "agentd.sock"
        self.database_path = home / "agent_state.db"
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AGENTD_") and name != "RUST_LOG"
        }
        self.environment = {**kept, "AGENTD_HOME": str(home), **variables}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> DaemonProcess:
        """Starts it and returns when it listens."""
        process = subprocess.Popen(
            [sys.executable, "-m", "agentd.cli.daemon"],
            env={**self.environment, "AGENTD_LOG_FORMAT": "json"},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._process = process
        assert process.stderr is not None
        line = process.stderr.readline()
        assert '"listening"' in line, line + process.stderr.read()
        return self

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Waits for its end and returns its exit code."""
        process, self._process = self._process, None
        assert process is not None
        assert process.stderr is not None
        process.communicate(timeout=PATIENCE_SECS)
        return process.returncode

    def close(self) -> None:
        """Ends it, if the test has not."""
        if self._process is not None:
            self._process.kill()
            self.wait()


StartProcess = Callable[..., DaemonProcess]


@pytest.fixture
def daemon_process(home: Path) -> Iterator[StartProcess]:
    """Starts daemons as processes of their own: `daemon_process(AGENTD_SWEEP_SECS="0.1")`."""
    started: list[DaemonProcess] = []

    def start(**variables: str) -> DaemonProcess:
        process = DaemonProcess(home, **variables)
        started.append(process)
        return process.start()

    yield start
    for process in started:
        process.close()
