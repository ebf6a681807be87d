"""The quarantine as the symbol guard reads it: blobs, listings, and merges where it asks for them.

Links, submodules and what cannot be read are left out; any other failure of git goes through as it
is: it is no verdict. It must not know bundles or languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentd.conflicts.git.isolation import asked_of_each
from agentd.conflicts.git.names import ObjectId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.result import MergeResult
from agentd.conflicts.symbols.sides import FileChange, Side
from agentd.conflicts.trees.changes import TreeChange
from agentd.conflicts.trees.entries import ObjectInfo, in_portions, look_up
from agentd.errors import DependencyFailed

_FILE = "100"
"""How the modes of ordinary files begin."""


class Merges(Protocol):
    """Whoever merges two trees over a third."""

    def merge(self, base: TreeId, left: TreeId, right: TreeId) -> MergeResult:
        """One merge, whose tree is there."""
        ...


@dataclass(frozen=True)
class TreeSide(Side):
    """A side whose tree is known, so that it can be merged."""

    tree: TreeId


def tree_side(base_tree: TreeId, tree: TreeId, changes: Iterable[TreeChange]) -> TreeSide:
    """A side, by how its tree differs from the base's when renames are not looked for."""
    files = {
        change.path: FileChange(
            _file(change.old_mode, change.old_blob), _file(change.new_mode, change.new_blob)
        )
        for change in changes
        if _FILE in (change.old_mode[:3], change.new_mode[:3])
    }
    return TreeSide(str(base_tree), files, tree)


def _file(mode: str, blob: str) -> str | None:
    return blob if mode.startswith(_FILE) else None


class SymbolSources:
    """Reads for the guard."""

    def __init__(self, quarantine: Quarantine, merges: Merges) -> None:
        self._quarantine = quarantine
        self._merges = merges

    def read_blobs(self, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The contents of some blobs, so many at a time as may be held together.

        Those that cannot be read are left out: code that nobody read is no verdict.
        """
        wanted = [ObjectId(blob) for blob in dict.fromkeys(blobs)]
        looked = asked_of_each(wanted, lambda some: look_up(self._quarantine, some))
        for portion in in_portions(each for each in looked if isinstance(each, ObjectInfo)):
            for found in asked_of_each(portion, self._read):
                if not isinstance(found, DependencyFailed):
                    yield found

    def _read(self, blobs: Sequence[ObjectId]) -> list[tuple[str, bytes]]:
        return list(self._quarantine.read_blobs(blobs).items())

    def listing(self, tree: str) -> Mapping[str, str]:
        """Path to blob of every ordinary file of a tree."""
        entries = self._quarantine.entries(tree).items()
        return {path: str(blob) for path, (mode, blob) in entries if mode.startswith(_FILE)}

    def merged(self, left: Side, right: Side) -> Mapping[str, str | None] | None:
        """What the merge of two sides changes on their base; None where it conflicts."""
        if not isinstance(left, TreeSide) or not isinstance(right, TreeSide):
            return None
        base = TreeId(left.base_tree)
        result = self._merges.merge(base, left.tree, right.tree)
        if not result.clean:
            return None
        (changes,) = self._quarantine.entry_changes([(base, result.tree)])
        return tree_side(base, result.tree, changes).overlay
