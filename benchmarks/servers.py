"""Starts and stops the servers that are compared, each on the measured disk.

They listen on Unix sockets only and are ended by their process id.
"""

from __future__ import annotations

import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import BenchmarkFailed
from benchmarks.workplace import Workplace

ROOT = Path(__file__).parent.parent
START_SECS_MAX = 30.0
STOP_SECS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that takes connections."""

    dialect: str
    """How `benchmarks.load` talks to it."""
    address: str
    pid: int


class Missing(BenchmarkFailed):
    """A program to compare with is not installed. The message says how to install it."""


@contextmanager
def agentd(workplace: Workplace, home: Path | None = None) -> Iterator[Server]:
    """A daemon of ours with its default settings, in `home` or in a new one."""
    if home is None:
        home = agentd_home(workplace)
    address = workplace.sockets / "agentd.sock"
    environment = agentd_environment(workplace, home, address)
    command = [sys.executable, "-m", "agentd.cli.daemon"]
    with running(command, home, environment, address) as pid:
        yield Server("json-lines", str(address), pid)


def agentd_home(workplace: Workplace) -> Path:
    """An empty home for a daemon of ours."""
    home = workplace.subdirectory("agentd")
    home.chmod(0o700)
    return home


def agentd_environment(workplace: Workplace, home: Path, address: Path) -> dict[str, str]:
    """The environment of a daemon of ours."""
    return {
        **workplace.environment(home),
        "AGENTD_HOME": str(home),
        "AGENTD_SOCKET_PATH": str(address),
    }


@contextmanager
def naive(workplace: Workplace) -> Iterator[Server]:
    """The naive daemon."""
    directory = workplace.subdirectory("naive")
    address = workplace.sockets / "naive.sock"
    command = [
        sys.executable,
        "-m",
        "benchmarks.naive_daemon",
        str(address),
        str(directory / "locks.db"),
    ]
    with running(command, directory, workplace.environment(directory), address) as pid:
        yield Server("json-lines", str(address), pid)


@contextmanager
def redis(workplace: Workplace) -> Iterator[Server]:
    """Redis, which answers a write after its append-only file is synced."""
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("redis-server is not installed (Debian: apt install redis-server)")
    directory = workplace.subdirectory("redis")
    address = workplace.sockets / "redis.sock"
    options = {
        "port": "0",
        "unixsocket": str(address),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "always",
        "auto-aof-rewrite-percentage": "0",
        "save": "",
    }
    command = [program, *(word for name, value in options.items() for word in (f"--{name}", value))]
    with running(command, directory, workplace.environment(directory), address) as pid:
        yield Server("resp", str(address), pid)


@contextmanager
def running(
    command: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    address: Path,
    account: pwd.struct_passwd | None = None,
    *,
    stop_signal: int = 15,
) -> Iterator[int]:
    """A server process, from when it takes connections."""
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT if account is None else directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
    try:
        deadline = time.monotonic() + START_SECS_MAX
        while not takes_connections(address):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace").strip()[-2000:]
                raise BenchmarkFailed(f"{command[0]} did not start:\n{said}")
            time.sleep(0.01)
        yield process.pid
    finally:
        stop(process, stop_signal)


def takes_connections(address: Path) -> bool:
    """Whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def stop(process: subprocess.Popen[bytes], signal_number: int = 15) -> None:
    """Ends a process that was started here, gently first."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        process.wait(STOP_SECS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
