"""What the guard is given: two sides over one base, and a way to read what they name.

Pure values and a protocol; how blobs are read is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that a side changes; a blob that is not there is None."""

    base: str | None
    new: str | None


@dataclass(frozen=True)
class Side:
    """What one bundle makes of a base."""

    base_tree: str
    changes: Mapping[str, FileChange]
    """By path, without renames: a moved file is a deletion and an addition."""

    @cached_property
    def overlay(self) -> Mapping[str, str | None]:
        """The new blob of each changed path."""
        return {path: change.new for path, change in self.changes.items()}


class BlobReader(Protocol):
    """How the guard reads a repository."""

    def read_blobs(self, blobs: Sequence[str]) -> Iterable[tuple[str, bytes]]:
        """The contents of some blobs, one after another; one that cannot be had is left out."""

    def listing(self, tree: str) -> Mapping[str, str]:
        """Path to blob of every file of a tree."""

    def merged(self, left: Side, right: Side) -> Mapping[str, str | None] | None:
        """What the merge of both changes on their base, by path; None where it conflicts.

        Asked only for pairs whose names meet, so that most pairs cost no process.
        """
