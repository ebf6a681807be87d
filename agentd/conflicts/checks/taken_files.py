"""Takes files out of a directory in which a command has been at work.

What it left is not trusted: links are not followed, and numbers and sizes are bounded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

FILES_MAX: Final = 2_000
BYTES_MAX: Final = 64 * 2**20


class Untakeable(Exception):
    """What was left cannot be taken; the message says why."""


def take_files(directory: Path, wanted: Callable[[str], bool]) -> dict[str, tuple[str, bytes]]:
    """Path to git's mode and content of the wanted files. Raises `Untakeable` and `OSError`."""
    taken: dict[str, tuple[str, bytes]] = {}
    size = 0
    for path in _paths(directory, ""):
        if not wanted(path):
            continue
        if not path.isprintable():
            raise Untakeable(f"it made a file with the odd name {path!r}")
        descriptor = os.open(directory / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Untakeable(f"it left {path}, which is no regular file")
            content = file.read(BYTES_MAX + 1)
        size += len(content)
        taken[path] = ("100755" if status.st_mode & stat.S_IXUSR else "100644", content)
        if len(taken) > FILES_MAX or size > BYTES_MAX:
            raise Untakeable(f"it made more than {FILES_MAX:,} files or {BYTES_MAX:,} bytes")
    return taken


def _paths(directory: Path, above: str) -> Iterator[str]:
    with os.scandir(directory) as found:
        for entry in sorted(found, key=lambda each: each.name):
            if not above and entry.name == ".git":
                continue
            path = f"{above}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _paths(directory / entry.name, f"{path}/")
            elif entry.is_symlink():
                continue  # A link is never generated; one that was there counts as gone.
            else:
                yield path
