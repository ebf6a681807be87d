"""The trees of a pair: either side, and their merge, which is asked for only when needed.

Pure but for reading blobs through the library. It must not know what is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from agentd.conflicts.symbols.answers import Oracle
from agentd.conflicts.symbols.deltas import SideDelta
from agentd.conflicts.symbols.findings import WhichSide
from agentd.conflicts.symbols.library import SummaryLibrary
from agentd.conflicts.symbols.migrations import new_migrations
from agentd.conflicts.symbols.naming import Naming
from agentd.conflicts.symbols.sides import Side
from agentd.conflicts.symbols.summary import Language, Summary
from agentd.conflicts.symbols.tree_view import Listing, TreeView


@dataclass(frozen=True)
class Prepared:
    """A side, summarised."""

    side: Side
    delta: SideDelta
    not_read: tuple[tuple[str, str], ...] = ()
    """Paths of code that was not read, and why."""

    @cached_property
    def migrations(self) -> frozenset[tuple[str, str, str]]:
        """Directory, number and ending of the migrations that it adds."""
        return frozenset(new_migrations(self.side))


@dataclass(frozen=True)
class PairTrees:
    """What can be asked about a pair."""

    left: Prepared
    right: Prepared
    list_base: Callable[[], Listing]
    library: SummaryLibrary
    namings: Mapping[Language, Naming]
    merge: Callable[[], Mapping[str, str | None] | None]

    def prepared(self, which: WhichSide) -> Prepared:
        """One of the sides."""
        return self.left if which is WhichSide.LEFT else self.right

    @cached_property
    def listing(self) -> Listing:
        """The paths that both start from."""
        return self.list_base()

    @cached_property
    def _left(self) -> TreeView:
        return TreeView(self.listing, self.left.side.overlay, self.library)

    @cached_property
    def _right(self) -> TreeView:
        return TreeView(self.listing, self.right.side.overlay, self.library)

    def view(self, which: WhichSide) -> TreeView:
        """The tree of one side."""
        return self._left if which is WhichSide.LEFT else self._right

    @cached_property
    def merged(self) -> TreeView | None:
        """The tree of the merge; None where it conflicts."""
        changed = self.merge()
        return None if changed is None else TreeView(self.listing, changed, self.library)

    def with_file_of(self, which: WhichSide, path: str) -> TreeView:
        """The other side's tree with one file of this side put into it."""

        def mixed() -> TreeView:
            overlay = dict(self.prepared(which.other).side.overlay)
            overlay[path] = self.prepared(which).side.overlay[path]
            return TreeView(self.listing, overlay, self.library)

        return self.view(which.other).recall(("with", which, path), mixed)

    def oracle(self, view: TreeView, summary: Summary) -> Oracle:
        """What can be said about a tree by the rules of a file's language."""
        return Oracle(view, self.namings[summary.language])
