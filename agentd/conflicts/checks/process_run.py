"""Runs one program to its end, whatever it does: within a time, with bounded output, leaving none.

It ends the program and everything that it started: its process group, and on Linux also whoever
left the group but still carries the environment variable that marks the run. It must not know
what the program is for.
"""

from __future__ import annotations

import errno
import hashlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

MARKER: Final = "AGENTD_SCRATCH"
"""The variable whose value marks all processes of a run."""

_TERM_GRACE_SECS: Final = 2.0
_DRAIN_SECS: Final = 1.0
"""How long output is still read after everybody was ended. Only a process that escaped both the
group and the marker could hold it open longer."""
_POLL_SECS: Final = 0.05
_KILL_ROUNDS_MAX: Final = 200
_CHUNK_BYTES: Final = 65_536


class Ending(Enum):
    """Who ended the program."""

    ITSELF = "itself"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a program ended and what it wrote, standard output and errors in one."""

    ending: Ending
    exit_code: int
    """As a shell tells it: 128 + n where signal n ended the process."""
    seconds: float
    output_tail: str
    output_bytes: int
    output_sha256: str


def run_process(
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    timeout_secs: float,
    output_bytes_max: int,
    inherited: Sequence[int] = (),
    cancelled: Callable[[], bool] = lambda: False,
) -> ProcessResult:
    """Runs a program without input until it ends, the time is over or it is cancelled.

    Asked to end (SIGTERM), a program has two seconds before it is made to (SIGKILL). Raises
    `OSError` if it cannot be started. On any exception, KeyboardInterrupt included, its processes
    are ended before the exception goes on.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        arguments,
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=inherited,
    )
    output = _Output(output_bytes_max)
    marker = environment.get(MARKER)
    try:
        with _Watch(process, output) as watch:
            ending = _wait(watch, started + timeout_secs, cancelled)
            seconds = time.monotonic() - started
            _end_all(process, marker)
            watch.until(time.monotonic() + _DRAIN_SECS, lambda: watch.output_ended)
    finally:
        _end_all(process, marker)
        process.wait()
    code = process.returncode
    return ProcessResult(
        ending=ending,
        exit_code=code if code >= 0 else 128 - code,
        seconds=seconds,
        output_tail=output.tail(),
        output_bytes=output.size,
        output_sha256=output.sha256(),
    )


def end_marked(marker: str, variable: str = MARKER) -> None:
    """Ends every process whose environment has the marker. Without /proc it finds none."""
    wanted = f"{variable}={marker}".encode()
    for _ in range(_KILL_ROUNDS_MAX):
        found = [pid for pid in _own_processes() if wanted in _environment_of(pid)]
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class _Output:
    """Output as it comes: a digest of all of it, and its end."""

    def __init__(self, tail_bytes_max: int) -> None:
        self._tail_bytes_max = tail_bytes_max
        self._kept = bytearray()
        self._digest = hashlib.sha256()
        self.size = 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._digest.update(chunk)
        self._kept += chunk
        if len(self._kept) > 2 * self._tail_bytes_max + _CHUNK_BYTES:
            del self._kept[: -self._tail_bytes_max]

    def tail(self) -> str:
        kept = bytes(self._kept[-self._tail_bytes_max :])
        if self.size > len(kept):
            # The cut may have gone through a character; at most three bytes of it are left.
            start = next((at for at, byte in enumerate(kept[:4]) if byte & 0xC0 != 0x80), 0)
            kept = kept[start:]
        return kept.decode("utf-8", "replace")

    def sha256(self) -> str:
        return self._digest.hexdigest()


class _Watch:
    """Reads a process's output and notices its end, without reaping it.

    Its process id, which is also its group's, cannot be given to anybody else before it is reaped;
    so signals to the group reach the right processes.
    """

    def __init__(self, process: subprocess.Popen[bytes], output: _Output) -> None:
        assert process.stdout is not None
        self._pipe = process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._process = process
        self._output = output
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pipe, selectors.EVENT_READ)
        self._pidfd: int | None = None
        self.output_ended = False

    def __enter__(self) -> _Watch:
        with suppress(AttributeError, OSError):  # Not Linux, or a kernel without it: we poll.
            self._pidfd = os.pidfd_open(self._process.pid)
            self._selector.register(self._pidfd, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self._pipe.close()
        if self._pidfd is not None:
            os.close(self._pidfd)

    @property
    def group(self) -> int:
        """The process group, led by the process."""
        return self._process.pid

    @property
    def process_ended(self) -> bool:
        """Whether the process has ended; it stays unreaped where the system allows to look."""
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        if self._process.returncode is not None:
            return True
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, look) is not None

    def until(self, deadline: float, reached: Callable[[], bool]) -> bool:
        """Reads until something is reached; False if the deadline came first."""
        while not reached():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._step(min(left, _POLL_SECS))
        return True

    def _step(self, secs: float) -> None:
        if self._pidfd is not None and self.process_ended:
            self._selector.unregister(self._pidfd)  # Else it would be ready again and again.
            os.close(self._pidfd)
            self._pidfd = None
        for key, _ in self._selector.select(secs):
            if key.fileobj is self._pipe:
                self._read()

    def _read(self) -> None:
        try:
            chunk = os.read(self._pipe.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return
        if chunk:
            self._output.add(chunk)
        else:
            self._selector.unregister(self._pipe)
            self.output_ended = True


def _wait(watch: _Watch, deadline: float, cancelled: Callable[[], bool]) -> Ending:
    """Waits for the end of the process; asks it to end where it must."""
    stopped = False

    def over() -> bool:
        nonlocal stopped
        stopped = stopped or cancelled()
        return stopped or watch.process_ended

    in_time = watch.until(deadline, over)
    if in_time and not stopped:
        return Ending.ITSELF
    _signal_group(watch.group, signal.SIGTERM)
    watch.until(time.monotonic() + _TERM_GRACE_SECS, lambda: watch.process_ended)
    return Ending.CANCELLED if stopped else Ending.TIMEOUT


def _end_all(process: subprocess.Popen[bytes], marker: str | None) -> None:
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGKILL)
    if marker is not None:
        end_marked(marker)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
    except OSError as error:  # macOS says so for a group that has only zombies left.
        if error.errno != errno.EPERM:
            raise


def _own_processes() -> list[int]:
    proc = Path("/proc")
    if not proc.is_dir():
        return []
    return [int(name) for name in os.listdir(proc) if name.isdigit() and int(name) != os.getpid()]


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # It has ended, or belongs to somebody else.
        return []
