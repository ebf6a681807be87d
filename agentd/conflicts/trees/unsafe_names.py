"""Names that no checkout may write: git refuses them in an index, but trees can be made with them.

The names are those of git's own check, `core.protectHFS` and `core.protectNTFS` included. Pure.
"""

from __future__ import annotations

import re
from typing import Final

_IGNORED: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What HFS+ leaves out when it compares names."""
_DOT_GIT: Final = re.compile(r"(?:\.git|git~1)[ .]*(?::.*)?", re.IGNORECASE | re.DOTALL)


PATH_BYTES_MAX: Final = 4_000
"""Systems take 4,095 bytes or fewer, with the checkout's own directory."""
NAME_BYTES_MAX: Final = 255
DEPTH_MAX: Final = 250
"""Directories in one another."""


def unwritable(path: str) -> str | None:
    """Why no file system would take a path, worded to follow it; None where some would."""
    raw = path.encode("utf-8", "surrogateescape")
    if len(raw) > PATH_BYTES_MAX:
        return f"is {len(raw):,} bytes long"
    longest = max(len(name) for name in raw.split(b"/"))
    if longest > NAME_BYTES_MAX:
        return f"has a name of {longest:,} bytes"
    depth = raw.count(b"/")
    return f"is {depth:,} directories deep" if depth > DEPTH_MAX else None


def is_relative(path: str) -> bool:
    """Whether git takes `<tree>:<path>` for a path from where it runs, and not from the tree's top.

    Whatever has such a name in a tree cannot be asked for by it.
    """
    return path.partition("/")[0] in (".", "..")


def is_unsafe(path: str) -> bool:
    """Whether a path leads out of the tree, nowhere or into what git keeps for itself."""
    names = path.split("/")
    if not {"", ".", ".."}.isdisjoint(names):
        return True
    return any(_DOT_GIT.fullmatch(_IGNORED.sub("", part)) for part in re.split(r"[/\\]", path))
