"""What kind of conflict it is, in the referee's words, from what git says about a merge.

Pure. It must not know the bundles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from agentd.conflicts.findings import FindingKind
from agentd.conflicts.merges.result import MergeResult


class ConflictKind(StrEnum):
    """Why two changes do not go together."""

    CONTENT = "content"
    ADJACENT = "adjacent"
    ADD_ADD = "add_add"
    MODIFY_DELETE = "modify_delete"
    RENAME = "rename"
    TREE = "tree"
    BINARY = "binary"
    SUBMODULE = "submodule"

    @property
    def finding(self) -> FindingKind:
        """The finding that reports it."""
        return FindingKind(f"{self.value}_conflict")


_GITS_WORDS: Final[Mapping[str, ConflictKind]] = {
    "content": ConflictKind.CONTENT,
    "contents": ConflictKind.CONTENT,
    "add/add": ConflictKind.ADD_ADD,
    "modify/delete": ConflictKind.MODIFY_DELETE,
    "rename/delete": ConflictKind.MODIFY_DELETE,
    "rename involved in collision": ConflictKind.RENAME,
    "rename/rename": ConflictKind.RENAME,
    "rename/add": ConflictKind.RENAME,
    "directory rename collision": ConflictKind.RENAME,
    "directory rename unclear split": ConflictKind.RENAME,
    "directory rename split": ConflictKind.RENAME,
    "directory rename suggested": ConflictKind.RENAME,
    "file location": ConflictKind.RENAME,
    "implicit dir rename": ConflictKind.RENAME,
    "file/directory": ConflictKind.TREE,
    "distinct modes": ConflictKind.TREE,
    "distinct types": ConflictKind.TREE,
    "binary": ConflictKind.BINARY,
    "submodule": ConflictKind.SUBMODULE,
}

_WEIGHT: Final = (
    ConflictKind.SUBMODULE,
    ConflictKind.MODIFY_DELETE,
    ConflictKind.TREE,
    ConflictKind.RENAME,
    ConflictKind.BINARY,
    ConflictKind.ADD_ADD,
    ConflictKind.CONTENT,
    ConflictKind.ADJACENT,
)
"""The gravest first: it decides where a merge has several."""


def conflict_kinds(merged: MergeResult) -> tuple[ConflictKind, ...]:
    """The kinds of a conflicting merge, the gravest first; content where git gives no reason.

    Both git's short kind and its sentence are read: of an add/add only the sentence tells.
    """
    found = set()
    for message in merged.conflicts:
        if re.match(r"warning: Cannot merge binary files", message.text):
            found.add(ConflictKind.BINARY)
            continue
        word = re.match(r"CONFLICT ?\(([^)]*)\)", message.text)
        kind = re.match(r"CONFLICT ?\(([^)]*)\)", message.kind)
        for match in (word, kind):
            if match is not None:
                found.add(_kind_of(match[1]))
                break
    return tuple(kind for kind in _WEIGHT if kind in found) or (ConflictKind.CONTENT,)


def _kind_of(word: str) -> ConflictKind:
    if word in _GITS_WORDS:
        return _GITS_WORDS[word]
    if word.startswith("submodule"):
        return ConflictKind.SUBMODULE
    if "rename" in word:
        return ConflictKind.RENAME
    return ConflictKind.TREE
