"""A change of a settings file: shown as a diff, or carried out at once and whole.

A file is replaced by another that is complete, so a vendor's program never reads half of one. Its
mode, its owner and the symbolic links that lead to it stay.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agentd.errors import DependencyFailed

_ANYBODY_MAY_WRITE: Final = 0o222


@dataclass(frozen=True, slots=True)
class Change:
    """What a file holds, and what it is to hold; None: there is no such file."""

    path: Path
    before: str | None
    after: str | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return self.before == self.after

    def diff(self) -> str:
        """The change for people to read."""
        before, after = (
            [] if text is None else [f"{line}\n" for line in text.splitlines()]
            for text in (self.before, self.after)
        )
        old, new = (
            "/dev/null" if text is None else str(self.path) for text in (self.before, self.after)
        )
        return "".join(difflib.unified_diff(before, after, old, new))


def read_text(path: Path) -> str | None:
    """What a file holds, None where there is none. Raises `settings_unreadable`."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise unreadable(path, str(why)) from None


def unreadable(path: Path, why: str) -> DependencyFailed:
    """That a settings file cannot be worked with, and was left alone."""
    return DependencyFailed(
        "settings_unreadable",
        f"{path} was left alone: {why}",
        hint="Correct the file, or move it away, and run the command again.",
        path=str(path),
    )


def apply(change: Change) -> None:
    """Carries a change out. Raises `settings_unreadable` where the file is another by now."""
    target = Path(os.path.realpath(change.path))
    if read_text(target) != change.before:
        raise unreadable(change.path, "somebody else changed it in the meantime")
    if change.before is not None and not target.stat().st_mode & _ANYBODY_MAY_WRITE:
        raise unreadable(change.path, "nobody may write to it, by its mode")
    try:
        if change.after is None:
            target.unlink(missing_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, change.after.encode())
    except OSError as error:
        raise unreadable(change.path, f"it cannot be written ({error.strerror})") from None


def _replace(target: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            _like(target, file.fileno())
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _like(target: Path, descriptor: int) -> None:
    """Gives a new file the mode and the owner of the one that it replaces."""
    try:
        old = target.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(descriptor, 0o666 & ~mask)
        return
    os.fchmod(descriptor, old.st_mode & 0o7777)
    if (old.st_uid, old.st_gid) != (os.getuid(), os.getgid()):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
