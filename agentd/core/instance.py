"""Being the one daemon of a home: its lock, its pid file, its socket, and telling systemd.

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
from contextlib import suppress
from pathlib import Path
from typing import Final

from agentd.errors import AlreadyExists, InvalidParams, Unavailable
from agentd.paths import SOCKET_PATH_BYTES_MAX, Home, prepare_directory

_SYSTEMD_FIRST_FD: Final = 3
_PROBE_SECS: Final = 2.0
_LOCK_ATTEMPTS: Final = 5
"""More than one, because `is_running` holds the lock for an instant when it looks."""
_LOCK_PAUSE_SECS: Final = 0.02


class InstanceLock:
    """Held by the daemon as long as it lives."""

    def __init__(self, home: Home, descriptor: int) -> None:
        self._home = home
        self._descriptor = descriptor

    @classmethod
    def take(cls, home: Home) -> InstanceLock:
        """Becomes the daemon of this home. Raises `AlreadyExists` (`already_running`)."""
        prepare_directory(home.root)
        descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_LOCK_ATTEMPTS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_SECS)
            else:
                return cls(home, descriptor)
        os.close(descriptor)
        raise already_running(home)

    def announce(self) -> None:
        """Writes the pid file."""
        self._home.pid_file.write_text(f"{os.getpid()}\n")

    def release(self) -> None:
        """Removes the pid file and lets the next daemon in."""
        self._home.pid_file.unlink(missing_ok=True)
        os.close(self._descriptor)


def already_running(home: Home) -> AlreadyExists:
    """The refusal of a second daemon."""
    pid = running_pid(home)
    who = f"process {pid}" if pid else "another process"
    return AlreadyExists("already_running", f"{who} is the daemon of {home.root}", pid=pid)


def is_running(home: Home) -> bool:
    """Whether a daemon holds the lock of this home."""
    try:
        descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
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
