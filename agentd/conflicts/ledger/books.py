"""What the ledger holds against each other: the files of every side, and which belong together.

Pure data, with the one thing that all rules need: which paths renames tie together, and where the
file at a path may have come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agentd.conflicts.findings import BundleId, JsonObject
from agentd.conflicts.ledger.line_order import LineFile
from agentd.conflicts.trees.changes import Hunk

_BINARY_LOOK: Final = 8_000
"""How far git looks into a file for a NUL before it takes it for text."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of a tree, as far as the ledger cares."""

    mode: str
    blob: str


Files = Mapping[str, FileState]
"""The files of a tree that differ somewhere, by path."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What the target made of a text file of a bundle's base."""

    path: str
    """Where the target has it."""
    hunks: tuple[Hunk, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one accepted bundle did, as its own two trees show."""

    bundle_id: BundleId
    before: Files
    """Its base: the paths that it touches, or that it renames from."""
    after: Files
    touched: frozenset[str]
    renames: tuple[tuple[str, str], ...] = ()
    edits: Mapping[str, tuple[Hunk, ...]] = field(default_factory=dict)
    """The changed stretches of the text files that it edits, by the path after."""
    drift: Mapping[str, Drift] = field(default_factory=dict)
    """What the target did since its base to the text files that the target edits, by the path
    before."""


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that is held against each other."""

    target: Files
    result: Files
    entries: tuple[Entry, ...]
    contents: Mapping[str, bytes]
    """Blob to content, for all blobs above but those that count as a whole."""
    target_renames: tuple[tuple[str, str], ...] = ()
    """What the target moved since some bundle's base."""
    woven: tuple[LineFile, ...] = ()
    """The text files that several sides changed."""
    whole: frozenset[str] = frozenset()
    """Blobs that are too large to have lines."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something in the result that nobody accounts for."""

    path: str
    bundles: tuple[BundleId, ...]
    problem: str
    lines: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """The discrepancy as evidence."""
        return {
            "path": self.path,
            "bundles": list(self.bundles),
            "problem": self.problem,
            "lines": list(self.lines),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Paths that renames tie together; lines may move among them."""

    paths: tuple[str, ...]
    entries: tuple[Entry, ...]
    """Of those that touch any of them."""

    @property
    def bundles(self) -> tuple[BundleId, ...]:
        """Who touches any of them."""
        return ids(self.entries)


def groups(books: Books) -> tuple[Group, ...]:
    """The paths that somebody touches, by what renames tie together."""
    parent: dict[str, str] = {}

    def root(path: str) -> str:
        parent.setdefault(path, path)
        while parent[path] != path:
            path = parent[path]
        return path

    touching: dict[str, list[int]] = {}
    for place, entry in enumerate(books.entries):
        for path in entry.touched:
            root(path)
            touching.setdefault(path, []).append(place)
        for old, new in entry.renames:
            parent[root(new)] = root(old)
    for old, new in books.target_renames:
        if old in parent or new in parent:
            parent[root(new)] = root(old)
    members: dict[str, list[str]] = {}
    for path in parent:
        members.setdefault(root(path), []).append(path)
    return tuple(
        Group(
            tuple(sorted(paths)),
            tuple(
                books.entries[place]
                for place in sorted({each for path in paths for each in touching.get(path, ())})
            ),
        )
        for paths in sorted(members.values(), key=min)
    )


def ids(entries: Iterable[Entry]) -> tuple[BundleId, ...]:
    """Whose entries they are."""
    return tuple(sorted(entry.bundle_id for entry in entries))


def is_opaque(content: bytes) -> bool:
    """Whether git takes the content for binary, which it never merges by lines."""
    return b"\0" in content[:_BINARY_LOOK]
