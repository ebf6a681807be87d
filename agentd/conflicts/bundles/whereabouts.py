"""Where a directory lies in a repository, found out without a process: for answers in a hurry.

Reads the few files by which git itself finds a repository, in their usual form only. Anything
unusual (a bare repository, another layout) is None, and then git has to be asked. It must not know
what anybody wants to do there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FILE_BYTES_MAX: Final = 4_096
_BRANCH: Final = "ref: refs/heads/"
_REBASED: Final = ("rebase-merge/head-name", "rebase-apply/head-name")
"""Where git keeps the name of the branch while it rebases it, with HEAD at no branch."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A worktree and the repository that it belongs to."""

    worktree: Path
    git_dir: Path
    """The worktree's own: its index lies there."""
    common_dir: Path

    @property
    def namespace(self) -> str:
        """What locks of the repository carry: the same as `Repository.namespace`."""
        root = self.common_dir.parent if self.common_dir.name == ".git" else self.common_dir
        return str(root.resolve())

    @property
    def branch(self) -> str | None:
        """The short name of the branch that is checked out, or that a rebase will put back."""
        heads = [_content(self.git_dir / "HEAD") or ""]
        heads += [f"ref: {_content(self.git_dir / name) or ''}" for name in _REBASED]
        found = (head for head in heads if head.startswith(_BRANCH))
        return next((head.removeprefix(_BRANCH) for head in found), None)


def find_worktree(directory: Path) -> Whereabouts | None:
    """The worktree around a directory, or None where only git can tell."""
    place = directory.resolve()
    for candidate in (place, *place.parents):
        marker = candidate / ".git"
        if marker.is_dir():
            return Whereabouts(candidate, marker, marker) if _is_git_dir(marker) else None
        if marker.is_file():
            return _linked(candidate, marker)
    return None


def _linked(worktree: Path, marker: Path) -> Whereabouts | None:
    text = _content(marker)
    if text is None or not text.startswith("gitdir: "):
        return None
    git_dir = (worktree / text.removeprefix("gitdir: ")).resolve()
    common = _content(git_dir / "commondir")
    if common is None:
        return None
    common_dir = (git_dir / common).resolve()
    return Whereabouts(worktree, git_dir, common_dir) if _is_git_dir(common_dir) else None


def _is_git_dir(path: Path) -> bool:
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def _content(path: Path) -> str | None:
    """What a small file holds; the path in one may itself have line breaks."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError:
        return None
    text = data.decode("utf-8", "surrogateescape").rstrip("\r\n")
    return text if text and len(data) <= _FILE_BYTES_MAX else None


def place_within(path: Path, root: Path) -> str | None:
    """An absolute path as the repository names it, below `root`; None where it lies elsewhere.

    The last part need not exist, and is not followed where it is a symbolic link: git keeps the
    link itself.
    """
    plain = Path(os.path.normpath(path))
    # Unlike `Path.resolve` it is at ease with links that lead in circles.
    real_parent = Path(os.path.realpath(plain.parent))
    for candidate in (plain, real_parent / plain.name, Path(os.path.realpath(plain))):
        if candidate.is_relative_to(root):
            return candidate.relative_to(root).as_posix()
    return None
