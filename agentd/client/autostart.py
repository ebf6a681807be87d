"""A daemon for as long as somebody needs one: for demonstrations and tests.

It decides when a daemon counts as started (it said so and answers Health) and makes sure that none
outlives its starter. It knows nothing of how the daemon works: it runs a program and talks to it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from agentd.client.sync_client import Client
from agentd.errors import AgentdError, InvalidParams, Unavailable
from agentd.paths import SOCKET_PATH_BYTES_MAX, Home, prepare_directory

START_SECS_DEFAULT: Final = 20.0
STOP_SECS_DEFAULT: Final = 20.0
LEASHED_DAEMON: Final = (sys.executable, "-m", "agentd.client.leashed")
_CHECK_SECS: Final = 0.05
"""How often it is looked whether the process died while its sign of readiness is waited for."""


@dataclass(frozen=True, slots=True)
class StartedDaemon:
    """A daemon process that answers."""

    socket_path: Path
    process: subprocess.Popen[bytes]
    log_path: Path
    _leash: IO[bytes]

    def client(self) -> Client:
        """A new client of it."""
        return Client(self.socket_path)

    def stop(self, within_secs: float = STOP_SECS_DEFAULT) -> int:
        """Asks it to finish, kills it if it does not, and returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(within_secs)
        return self.kill()

    def kill(self) -> int:
        """Ends it at once, as a crash would, and returns its exit code."""
        self.process.kill()  # Does nothing where it has ended.
        code = self.process.wait()
        self._leash.close()
        return code

    def log(self) -> str:
        """What it wrote to its standard error until now."""
        return self.log_path.read_text(errors="replace")


@contextlib.contextmanager
def running_daemon(
    environment: Mapping[str, str],
    *,
    start_secs: float = START_SECS_DEFAULT,
    program: Sequence[str] = LEASHED_DAEMON,
) -> Iterator[StartedDaemon]:
    """Runs a daemon for the duration of a `with` block. Arguments and errors as `start_daemon`."""
    started = start_daemon(environment, start_secs=start_secs, program=program)
    try:
        yield started
    finally:
        started.stop()


def private_environment(
    environment: Mapping[str, str], home: Path, **settings: str
) -> dict[str, str]:
    """An environment for a daemon that keeps everything below `home`.

    AGENTD_* variables of `environment` are left out, so that the daemon cannot open the database
    or the socket of another one; `settings` (AGENTD_* names) are added.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("AGENTD_") and name != "RUST_LOG"
    }
    return {**kept, "AGENTD_HOME": str(home), **settings}


def start_daemon(
    environment: Mapping[str, str],
    *,
    start_secs: float = START_SECS_DEFAULT,
    program: Sequence[str] = LEASHED_DAEMON,
) -> StartedDaemon:
    """Starts a daemon with this environment, and returns when it answers.

    `environment` names at least AGENTD_HOME (see `private_environment`); `program` is called with
    its leash (see `leashed`). Raises `Unavailable` (`daemon_unreachable`) with the end of the
    daemon's log where it does not come up. The daemon stops when this process ends, however it
    ends.
    """
    home = Path(environment["AGENTD_HOME"])
    prepare_directory(home)
    prepare_directory(Home(home).logs)
    log_path = Home(home).logs / "daemon.log"
    socket_path = Path(environment.get("AGENTD_SOCKET_PATH", Home(home).socket))
    notify_path = home / "ready.sock"
    if len(os.fsencode(notify_path)) > SOCKET_PATH_BYTES_MAX:
        raise InvalidParams(
            "socket_path_too_long",
            f"{notify_path} is too long for the address of a socket",
            path=str(notify_path),
            limit=SOCKET_PATH_BYTES_MAX,
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, log_path.open("ab") as log:
        notify.bind(str(notify_path))
        try:
            process, leash = _spawn(
                program, {**environment, "NOTIFY_SOCKET": str(notify_path)}, log
            )
            started = StartedDaemon(socket_path, process, log_path, leash)
            try:
                _wait_until_ready(started, notify, start_secs)
            except BaseException:
                started.kill()
                raise
        finally:
            notify_path.unlink()
    return started


def _spawn(
    program: Sequence[str], environment: Mapping[str, str], log: IO[bytes]
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """The daemon's process and the leash on which it is held."""
    read_end, write_end = os.pipe()
    leash = open(write_end, "wb", buffering=0)  # noqa: SIM115 - open for as long as it may live.
    try:
        process = subprocess.Popen(
            [*program, str(read_end)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            pass_fds=[read_end],
        )
    except BaseException:
        leash.close()
        raise
    finally:
        os.close(read_end)
    return process, leash


def _wait_until_ready(started: StartedDaemon, notify: socket.socket, start_secs: float) -> None:
    deadline = time.monotonic() + start_secs
    notify.settimeout(_CHECK_SECS)
    while True:
        try:
            if b"READY=1" in notify.recv(4096).split(b"\n"):
                break
        except TimeoutError:
            if started.process.poll() is not None:
                raise _not_started(started, "it ended at once") from None
            if time.monotonic() > deadline:
                raise _not_started(started, f"not ready after {start_secs:g} seconds") from None
    try:
        with Client(started.socket_path, timeout_secs=start_secs) as client:
            client.call("Health")
    except AgentdError as error:
        raise _not_started(started, error.message) from error


def _not_started(started: StartedDaemon, what: str) -> Unavailable:
    last_lines = "\n".join(started.log().splitlines()[-10:])
    return Unavailable(
        "daemon_unreachable",
        f"the daemon did not start: {what}\n{last_lines}".rstrip(),
        hint="Look at what it said, or run `agentd` in a terminal.",
        path=str(started.socket_path),
    )
