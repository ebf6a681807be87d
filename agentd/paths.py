"""The home directory, what lies in it, and whether it is safe to use.

Sockets, keys and journals live there, so it must belong to the user alone.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentd.errors import PermissionDenied, Unavailable

SOCKET_PATH_BYTES_MAX = 107
"""What Linux takes in a socket address; macOS takes 103."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where agentd keeps what it keeps."""

    root: Path

    @property
    def env_file(self) -> Path:
        """Settings of the installation."""
        return self.root / ".env"

    @property
    def config_file(self) -> Path:
        """Which program each agent is."""
        return self.root / "config.toml"

    @property
    def socket(self) -> Path:
        """Where the daemon listens unless told otherwise."""
        return self.root / "agentd.sock"

    @property
    def database(self) -> Path:
        """The one database."""
        return self.root / "agent_state.db"

    @property
    def lock_file(self) -> Path:
        """Whoever holds its lock is the daemon."""
        return self.root / "agentd.lock"

    @property
    def settings_lock_file(self) -> Path:
        """Whoever holds its lock may change the settings of the vendors' programs."""
        return self.root / "settings.lock"

    @property
    def pid_file(self) -> Path:
        """The daemon's process id, for people; the lock file is what counts."""
        return self.root / "agentd.pid"

    @property
    def logs(self) -> Path:
        """What agents' programs wrote in a run, and the log of a daemon that a client started."""
        return self.root / "logs"

    @property
    def artifacts(self) -> Path:
        """What agents made, unless told otherwise."""
        return self.root / "artifacts"

    @property
    def hooks(self) -> Path:
        """What the hook remembers of each session."""
        return self.root / "hooks"

    @property
    def quarantine(self) -> Path:
        """The referee's own bare repositories."""
        return self.root / "quarantine"

    @property
    def verification(self) -> Path:
        """Results of verification commands, by tree and command."""
        return self.root / "verification"

    @property
    def scratch(self) -> Path:
        """Checkouts that live as long as one verification."""
        return self.root / "scratch"

    @property
    def bundles(self) -> Path:
        """Bundles of runs without a daemon."""
        return self.root / "bundles"

    @property
    def reviews(self) -> Path:
        """Records of reviews made without a daemon."""
        return self.root / "reviews"


def prepare_directory(path: Path) -> None:
    """Makes a private directory, or makes the one that is there private (mode 0700).

    Raises `PermissionDenied` where it belongs to somebody else or anybody may write to it (others
    may have put something there already, and a place like `/tmp` is not ours to close), and
    `Unavailable` where it cannot be made.
    """
    with unusable_home(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    if status.st_uid != os.getuid():
        raise PermissionDenied(
            "insecure_permissions",
            f"{path} belongs to another user",
            hint="Set AGENTD_HOME to a directory of your own.",
            path=str(path),
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IWOTH | stat.S_ISVTX):
        # Where everybody may put files, such as `/tmp`, closing it would break other programs.
        close = "." if mode & stat.S_ISVTX else f", or run: chmod 700 {path}"
        raise PermissionDenied(
            "insecure_permissions",
            f"other users may write to {path}",
            hint=f"Set AGENTD_HOME to a directory of your own{close}",
            path=str(path),
        )
    if mode & 0o077:
        with unusable_home(path):
            path.chmod(0o700)


@contextmanager
def unusable_home(path: Path) -> Iterator[None]:
    """Turns what the system refuses in a home into `Unavailable` (`home_unusable`)."""
    try:
        yield
    except OSError as error:
        full = "Free space on that disk, or set AGENTD_HOME to a directory on another one."
        raise Unavailable(
            "home_unusable",
            f"cannot use {path}: {error.strerror}",
            hint=full if error.errno in (errno.ENOSPC, errno.EDQUOT) else None,
            path=str(path),
        ) from error
