"""Where a path lies: in which repository, and under which name there. Reads only what git would.

Each path belongs to the repository around it, in whichever worktree: that is what gives it the name
by which agents in other worktrees know it. A path in no repository is nobody's business.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, NamedTuple

_FILE_BYTES_MAX: Final = 4_096
_PACKED_REFS_BYTES_MAX: Final = 8 * 1024 * 1024
_REF: Final = "ref: "


class Repository(NamedTuple):
    """A worktree, and what the locks of its repository carry."""

    worktree: str
    """Absolute, without symbolic links."""
    namespace: str
    """The top of the main worktree: equal in all worktrees, as `agentd-coord` has it."""
    git_dir: str
    """The worktree's own; empty where there is no git."""
    common_dir: str


class Place(NamedTuple):
    """A file in a repository."""

    repository: Repository
    path: str
    """Relative to the worktree, with `/`."""

    @property
    def resource_key(self) -> str:
        """What a lock on it is called."""
        return f"file:{self.path}"


class Ground:
    """Finds the places of paths, each directory looked at once."""

    def __init__(self, directory: str, worktree: str) -> None:
        """`directory` is what relative paths start from; `worktree` counts where no git is."""
        self._directory = directory
        self._worktree = os.path.realpath(worktree) if worktree else ""
        self._known: dict[str, Repository | None] = {}

    def places(self, path: str) -> tuple[Place, ...]:
        """The places that writing to a path changes, none where it is in no repository.

        Where the path is a symbolic link these are two: the link, which git keeps, and the file
        that it leads to; where it begins with a `~`, which some programs take for the home
        directory and others for a name, both are meant. Raises `ValueError` or `OSError` for a path
        that no system takes.
        """
        spellings = (path, os.path.expanduser(path)) if path.startswith("~") else (path,)
        found = (place for each in spellings for place in self._both(each))
        return tuple(dict.fromkeys(found))

    def _both(self, path: str) -> Iterator[Place]:
        """A path's own place, and the one that it leads to."""
        full = os.path.join(self._directory, path)
        real = os.path.realpath(full)
        head, tail = os.path.split(full.rstrip("/"))
        itself = real if tail in ("", ".", "..") else os.path.join(os.path.realpath(head), tail)
        for each in (itself, real):
            if (place := self._place(each)) is not None:
                yield place

    def _place(self, path: str) -> Place | None:
        repository = self._around(os.path.dirname(path))
        if repository is None or path == repository.worktree:
            return None
        return Place(repository, os.path.relpath(path, repository.worktree))

    def _around(self, directory: str) -> Repository | None:
        passed = []
        while directory not in self._known:
            passed.append(directory)
            parent = os.path.dirname(directory)
            found = _repository(directory)
            if found is None and directory == self._worktree:
                found = Repository(directory, directory, "", "")
            if found is not None or parent == directory:
                self._known[directory] = found
                break
            directory = parent
        found = self._known[directory]
        self._known.update(dict.fromkeys(passed, found))
        return found


def _repository(directory: str) -> Repository | None:
    """The worktree whose top a directory is, if it is one."""
    marker = os.path.join(directory, ".git")
    if os.path.isdir(marker):
        git_dir = common_dir = marker
    else:
        line = _content(marker)
        if line is None or not line.startswith("gitdir: "):
            return None
        git_dir = os.path.realpath(os.path.join(directory, line.removeprefix("gitdir: ")))
        shared = _content(os.path.join(git_dir, "commondir"))
        common_dir = os.path.realpath(os.path.join(git_dir, shared)) if shared else git_dir
    if not os.path.isfile(os.path.join(git_dir, "HEAD")):
        return None
    is_usual = os.path.basename(common_dir) == ".git"
    top = os.path.dirname(common_dir) if is_usual else common_dir
    return Repository(directory, os.path.realpath(top), git_dir, common_dir)


def head_commit(repository: Repository) -> str | None:
    """The commit that is checked out; None where only git could tell."""
    head = _content(os.path.join(repository.git_dir, "HEAD")) if repository.git_dir else None
    if head is None or not head.startswith(_REF):
        return _commit(head)
    name = head.removeprefix(_REF)
    if ".." in name.split("/") or name.startswith("/"):
        return None
    for directory in (repository.git_dir, repository.common_dir):
        if found := _commit(_content(os.path.join(directory, name))):
            return found
    return _packed(os.path.join(repository.common_dir, "packed-refs"), name)


def _packed(path: str, name: str) -> str | None:
    try:
        with open(path, "rb") as file:
            data = file.read(_PACKED_REFS_BYTES_MAX)
    except OSError:
        return None
    start = data.find(b" " + os.fsencode(name) + b"\n")
    line = data[data.rfind(b"\n", 0, max(start, 0)) + 1 : max(start, 0)]
    return _commit(line.decode("ascii", "replace"))


def _commit(text: str | None) -> str | None:
    is_one = text is not None and len(text) in (40, 64) and text.isalnum() and text.isascii()
    return text if is_one else None


def _content(path: str) -> str | None:
    """What a small file holds; the path in one may itself have line breaks."""
    try:
        with open(path, "rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError:
        return None
    text = os.fsdecode(data).rstrip("\r\n")
    return text if text and len(data) <= _FILE_BYTES_MAX else None
