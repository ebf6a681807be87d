"""Names that no checkout may write: git refuses them in an index, but trees can be made with them.

The names are those of git's own check, `core.protectHFS` and `core.protectNTFS` included. Pure.
"""

from __future__ import annotations

import re
from typing import Final

_IGNORED: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What HFS+ leaves out when it compares names."""
_DOT_GIT: Final = re.compile(r"(?:\.git|git~1)[ .]*(?::.*)?", re.IGNORECASE | re.DOTALL)


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
