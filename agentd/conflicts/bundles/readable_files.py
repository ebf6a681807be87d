"""Reads the files that bundles name, where agents may have put them and nowhere else."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agentd.conflicts.findings import Finding, FindingKind, error
from agentd.conflicts.git.repository import Repository, Worktree


@dataclass(frozen=True)
class ReadableFiles:
    """The places of one review from which files may be read."""

    repository: Repository
    directory: Path | None
    """Where relative names may start, besides the repository."""
    readable: tuple[Path, ...]
    """Directories besides the repository."""
    bytes_max: int

    @cached_property
    def worktrees(self) -> tuple[Worktree, ...]:
        """All checkouts of the repository that are registered."""
        return self.repository.worktrees()

    def read(self, text: str) -> bytes | Finding:
        """The content of a file, up to one byte more than is allowed, or why it is not read."""
        for directory in (self.repository.root, self.repository.path, self.directory):
            if directory is None:
                continue
            path = real_place(directory, text)
            if path is None or not os.path.exists(path):
                continue
            if not self._is_readable(path):
                return _outside(text)
            return _read_bounded(path, text, self.bytes_max)
        return error(
            FindingKind.CHANGE_UNREADABLE,
            f"Its patch file {text!r} does not exist; name a file inside the repository, or put "
            "the text into `patch`.",
            text,
        )

    def _is_readable(self, real: Path) -> bool:
        places = [self.repository.root, self.repository.path, *self.readable]
        places += [worktree.path for worktree in self.worktrees]
        return any(real.is_relative_to(place.resolve()) for place in places) and not (
            real.is_relative_to(self.repository.common_dir.resolve())
            and not self.repository.is_bare
        )


def real_place(directory: Path, text: str) -> Path | None:
    """Where a path that an agent wrote leads, from a directory; None where it can lead nowhere.

    Unlike `Path.resolve` it is at ease with names that are too long and links that lead in circles.
    """
    try:
        return Path(os.path.realpath(directory / text))
    except ValueError:  # A NUL, or what no file system can spell.
        return None


def _outside(text: str) -> Finding:
    return error(
        FindingKind.PATH_OUTSIDE_REPOSITORY,
        f"{text!r} leads outside the repository and its worktrees; put the text into `patch`, or "
        "the file into a worktree.",
        text,
    )


def _read_bounded(path: Path, text: str, limit: int) -> bytes | Finding:
    try:
        # Opening a pipe that nobody writes to would wait for ever.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read(limit + 1)
            why: str | None = "it is no regular file"
    except OSError as failure:
        why = failure.strerror
    return error(
        FindingKind.CHANGE_UNREADABLE,
        f"Its patch file {text!r} cannot be read ({why}); make it readable, or put the text into "
        "`patch`.",
        text,
    )
