"""Being the one daemon of a home and a database: locks, pid file, socket, and telling systemd.

The lock file decides; a lock ends with its process, so nothing stale can keep a daemon from
starting. A socket file that is left over is removed only after a connection to it has failed.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from agentd.errors import AlreadyExists, InvalidParams, Unavailable
from agentd.paths import SOCKET_PATH_BYTES_MAX, Home, prepare_directory, unusable_home

_SYSTEMD_FIRST_FD: Final = 3
_PROBE_SECS: Final = 2.0
_LOCK_ATTEMPTS: Final = 5
"""More than one, because `is_running` holds the lock for an instant when it looks."""
_LOCK_PAUSE_SECS: Final = 0.02


class InstanceLock:
    """Held by the daemon as long as it lives."""

    def __init__(self, home: Home, locks: ExitStack) -> None:
        self._home = home
        self._locks = locks

    @classmethod
    def take(cls, home: Home, database: Path) -> InstanceLock:
        """Becomes the daemon of this home and of this database, wherever that lies.

        Raises `AlreadyExists` (`already_running`), and what `prepare_directory` does.
        """
        prepare_directory(home.root)
        if not database.parent.exists():
            prepare_directory(database.parent)
        with ExitStack() as locks:
            if not _lock(home.lock_file, locks):
                raise already_running(home)
            with unusable_home(
                home.pid_file
            ):  # Of one that was killed: its number may be anyone's.
                home.pid_file.unlink(missing_ok=True)
            lock_file = _lock_file_of(database)
            is_same = lock_file.exists() and lock_file.samefile(home.lock_file)
            if not is_same and not _lock(lock_file, locks):
                raise AlreadyExists(
                    "already_running",
                    f"a daemon with another home uses the database {database}",
                    hint="Use that one, or give each home a database of its own.",
                    pid=None,
                )
            return cls(home, locks.pop_all())

    def announce(self) -> None:
        """Writes the pid file."""
        with unusable_home(self._home.pid_file):
            self._home.pid_file.write_text(f"{os.getpid()}\n")
        self._locks.callback(self._home.pid_file.unlink, missing_ok=True)

    def release(self) -> None:
        """Removes the pid file and lets the next daemon in."""
        self._locks.close()


def _lock(path: Path, locks: ExitStack) -> bool:
    """Locks a file until `locks` is closed; false where another process has it.

    Raises `Unavailable` (`home_unusable`) where there can be no such file.
    """
    with unusable_home(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    locks.callback(os.close, descriptor)
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_SECS)
        else:
            return True
    return False


def _lock_file_of(database: Path) -> Path:
    """What a daemon locks that uses a database: of one that lies in a home, that home's lock."""
    path = database.resolve()
    around = Home(path.parent)
    return around.lock_file if path == around.database else path.with_name(f"{path.name}.lock")


def already_running(home: Home) -> AlreadyExists:
    """The refusal of a second daemon."""
    pid = running_pid(home)
    who = f"process {pid}" if pid else "another process"
    return AlreadyExists("already_running", f"{who} is the daemon of {home.root}", pid=pid)


def is_running(home: Home) -> bool:
    """Whether a daemon holds the lock of this home."""
    if not home.lock_file.exists():
        return False
    with unusable_home(home.lock_file):
        descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def running_pid(home: Home) -> int | None:
    """What the pid file says; it is worth something only while `is_running`."""
    try:
        return int(home.pid_file.read_text())
    except (OSError, ValueError):
        return None


def bind_socket(path: Path) -> socket.socket:
    """A listening address that only this user can connect to.

    Raises `InvalidParams` (`socket_path_too_long`), `AlreadyExists` (`already_running`) when
    somebody answers there, and `Unavailable` (`home_unusable`) when it cannot be made.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise InvalidParams(
            "socket_path_too_long",
            f"the socket path {path} has {len(os.fsencode(path))} bytes; "
            f"the system takes {SOCKET_PATH_BYTES_MAX}",
            path=str(path),
            limit=SOCKET_PATH_BYTES_MAX,
        )
    if not path.parent.exists():
        prepare_directory(path.parent)
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        raise Unavailable(
            "home_unusable",
            f"cannot listen on {path}: {error.strerror}",
            hint="Set AGENTD_SOCKET_PATH to a path in a directory that you can write to.",
        ) from error
    finally:
        os.umask(mask)
    return listening


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Unavailable(
            "home_unusable",
            f"{path} is in the way: it is no socket",
            hint="Move it away, or set AGENTD_SOCKET_PATH to another path.",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            reason = "another daemon answers there"
    raise AlreadyExists(
        "already_running", f"cannot listen on {path}: {reason}", path=str(path), pid=None
    )


def inherited_socket(environment: Mapping[str, str]) -> socket.socket | None:
    """The listening socket that systemd hands over (sd_listen_fds(3)), if it does."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return None
    if environment.get("LISTEN_FDS") != "1":
        return None
    return socket.socket(fileno=_SYSTEMD_FIRST_FD)


def notify_systemd(environment: Mapping[str, str], state: str) -> None:
    """Tells systemd `READY=1` or `STOPPING=1` (sd_notify(3)) where it asks for it."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # The abstract namespace.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect(address)
        notify.send(state.encode())
