"""An agent's program as a process, and the certain end of all that it started.

It leads a process group of its own. Ending that is not enough: several of these programs start
their shell commands in groups of their own and leave them behind. So this process becomes the one
to which orphans come back (Linux), and at the end whoever came is ended, as is everybody whose
environment carries the mark of this run. The session's name would not do: two repositories may
each have a session of that name.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self, TypeVar

from agentd.conflicts.checks.process_run import end_marked
from agentd.errors import DependencyFailed
from agentd.providers.chronicle import Chronicle, Stream

T = TypeVar("T")
SESSION_VARIABLE: Final = "AGENTD_SESSION_ID"
_RUN_VARIABLE: Final = "AGENTD_RUN_MARK"
_TERM_GRACE_SECS: Final = 3.0
_DRAIN_SECS: Final = 2.0
"""How long output is still read after everybody was ended."""
_CHUNK_BYTES: Final = 65_536
_STREAM_BYTES_MAX: Final = 2**20
_PR_SET_CHILD_SUBREAPER: Final = 36
_SWEEPS_MAX: Final = 50
_ERROR_LINE_BYTES_MAX: Final = 65_536


class AgentProcess:
    """A program that runs. Whoever started it awaits `end`, whatever happens."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        exited: asyncio.Event,
        mark: str,
        chronicle: Chronicle,
        before: frozenset[int],
    ) -> None:
        self._process = process
        self._exited = exited
        self._mark = mark
        self._chronicle = chronicle
        self._before = before
        """Children of ours that are none of the program's."""

    @classmethod
    async def start(
        cls,
        arguments: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        session: str,
        chronicle: Chronicle,
    ) -> Self:
        """Starts a program. Raises `provider_failed` where that cannot be."""
        _adopt_orphans()
        mark = secrets.token_hex(16)
        before = frozenset(_children(os.getpid()))
        loop = asyncio.get_running_loop()
        protocol = _Protocol(_STREAM_BYTES_MAX, loop)
        try:
            transport, _ = await loop.subprocess_exec(
                lambda: protocol,
                *arguments,
                cwd=directory,
                env={**environment, SESSION_VARIABLE: session, _RUN_VARIABLE: mark},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise DependencyFailed(
                "provider_failed",
                f"{arguments[0]} cannot be started: {error}",
                hint="Look at its [agents.…] in config.toml.",
            ) from error
        process = asyncio.subprocess.Process(transport, protocol, loop)
        return cls(process, protocol.exited, mark, chronicle, before)

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Its standard input."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Its standard output."""
        assert self._process.stdout is not None
        return self._process.stdout

    def write(self, data: bytes) -> None:
        """Gives it some bytes, and keeps them in the log."""
        self._chronicle.keep(Stream.INPUT, data)
        if not self.stdin.is_closing():
            self.stdin.write(data)

    async def finish_input(self, data: bytes = b"") -> None:
        """Gives it the last of its input. That it has closed it already is its own business."""
        with contextlib.suppress(ConnectionError):
            if data:
                self.write(data)
                await self.stdin.drain()
            self.stdin.close()
            await self.stdin.wait_closed()

    async def read_output(self, take: Callable[[bytes], None]) -> None:
        """Passes on its output as it comes, until it ends."""
        while chunk := await self.stdout.read(_CHUNK_BYTES):
            self._chronicle.keep(Stream.OUTPUT, chunk)
            take(chunk)

    async def read_errors(self, take: Callable[[str], None]) -> None:
        """Passes on the lines of its standard error; of a very long one the beginning."""
        assert self._process.stderr is not None
        rest = b""
        while chunk := await self._process.stderr.read(_CHUNK_BYTES):
            self._chronicle.keep(Stream.ERRORS, chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                take(line.decode("utf-8", "replace"))
            rest = rest[:_ERROR_LINE_BYTES_MAX]
        if rest:
            take(rest.decode("utf-8", "replace"))

    async def wait(self) -> int:
        """Its exit code, as soon as it has ended; negative where a signal ended it."""
        await self._exited.wait()
        code = self._process.returncode
        assert code is not None
        return code

    async def end(self) -> int:
        """Ends it and all that it started, where they have not ended; its exit code."""
        if self._process.returncode is None:
            _signal_group(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._exited.wait(), _TERM_GRACE_SECS)
        _signal_group(self._process.pid, signal.SIGKILL)
        code = await self.wait()
        await self._sweep()
        return code

    async def _sweep(self) -> None:
        """Ends whoever is left of the program's, and reaps what came back to us."""
        end_marked(self._mark, _RUN_VARIABLE)
        for _ in range(_SWEEPS_MAX):
            left = _descendants(os.getpid(), self._before)
            if not left:
                return
            _kill(left)
            await asyncio.sleep(0.01)


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Knows when the process itself has ended: asyncio's own `wait` also waits for its output,
    which a child of its may hold open."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit, loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


async def drained(reading: asyncio.Task[None]) -> None:
    """Waits for the rest of what an ended program wrote; somebody may hold its output open."""
    await asyncio.wait({reading}, timeout=_DRAIN_SECS)
    if not reading.done():
        reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading


async def while_reading(reading: asyncio.Task[None], work: Awaitable[T]) -> T:
    """What the work brings, while a program's output is read.

    Raises what the reading raises, and ends the work then: a program whose output nobody takes
    waits for ever.
    """
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait({working, reading}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            await reading
        return await working
    finally:
        if not working.done():
            working.cancel()
            await asyncio.wait({working})


def _kill(pids: Sequence[int]) -> None:
    """Kills processes, and reaps those that have ended and are children of ours."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _adopt_orphans() -> None:
    """Has the children of whoever ends below us come back to us. Only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _parents() -> dict[int, int]:
    """Every process and its parent; nothing where there is no /proc."""
    proc = Path("/proc")
    parents: dict[int, int] = {}
    if not proc.is_dir():
        return parents
    for name in os.listdir(proc):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # Behind the name, which may hold anything: state, then the parent.
                fields = (proc / name / "stat").read_text(errors="replace").rpartition(")")[2]
                parents[int(name)] = int(fields.split()[1])
    return parents


def _children(pid: int) -> list[int]:
    return [child for child, parent in _parents().items() if parent == pid]


def _descendants(root: int, without: frozenset[int]) -> list[int]:
    """All processes below one, but for some of its children and theirs."""
    parents = _parents()
    found: list[int] = []
    waiting = [root]
    while waiting:
        parent = waiting.pop()
        below = [pid for pid, its in parents.items() if its == parent and pid not in without]
        found += below
        waiting += below
    return found
