"""What a proposal starts from: the files that conflict, and who is on either side. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from agentd.conflicts.findings import BundleId
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.proposals.import_lists import ImportLists, lists_in_conflict
from agentd.conflicts.proposals.regions import LineMerge, lay_over, lines_of
from agentd.conflicts.trees.changes import Hunk


@dataclass(frozen=True)
class FileSides:
    """One file that conflicts: three contents, and how the last two differ from the first."""

    path: str
    base: bytes
    left: bytes
    right: bytes
    left_hunks: tuple[Hunk, ...]
    right_hunks: tuple[Hunk, ...]

    @cached_property
    def lines(self) -> LineMerge:
        """The file as far as its lines merge."""
        return lay_over(lines_of(self.base), self.left_hunks, self.right_hunks)

    @cached_property
    def import_lists(self) -> ImportLists:
        """The imports on one line to which both sides do something."""
        return lists_in_conflict(self.path, (self.base, self.left, self.right), self.lines)

    @cached_property
    def opened(self) -> FileSides:
        """The same with a line for each name of those imports."""
        lists = self.import_lists
        if not lists.statements:
            return self
        base, left, right = self.base, self.left, self.right
        return FileSides(
            self.path,
            lists.opened(base),
            lists.opened(left),
            lists.opened(right),
            lists.hunks(base, left, self.left_hunks),
            lists.hunks(base, right, self.right_hunks),
        )


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a conflict."""

    bundle_id: BundleId | None
    """None: the target itself."""
    owner: str
    intent: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sides that git does not merge, with everything that a proposal may look at."""

    left: Party
    right: Party
    files: tuple[FileSides, ...]
    """All files that conflict."""
    merged: TreeId
    """What git makes of the two; right in every file but those."""


@dataclass(frozen=True, slots=True)
class Declined:
    """Why there is nothing to propose, in a half sentence."""

    reason: str
    path: str | None = None
