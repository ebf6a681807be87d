"""The symbol guard: what breaks without a conflict in the text when two bundles come together.

Prepares each side once, compares pairs by names first and by trees only where names meet. It must
not know bundles, policies or git: sides and blobs come from the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agentd.conflicts.symbols.breaks import Breaks
from agentd.conflicts.symbols.deltas import FileDelta, SideDelta
from agentd.conflicts.symbols.duplicates import (
    confirm_breakage,
    confirm_twin,
    suspected_breakage,
    suspected_twins,
)
from agentd.conflicts.symbols.findings import (
    GuardResult,
    NotAnalysed,
    SymbolFinding,
    WhichSide,
)
from agentd.conflicts.symbols.go_naming import GoNaming
from agentd.conflicts.symbols.grade import interaction, member_doubts
from agentd.conflicts.symbols.java_naming import JavaNaming
from agentd.conflicts.symbols.javascript_naming import JavaScriptNaming
from agentd.conflicts.symbols.languages import NotRead, language_of
from agentd.conflicts.symbols.library import SummaryLibrary, SummaryStore
from agentd.conflicts.symbols.mapping_clashes import mapping_clashes
from agentd.conflicts.symbols.migrations import twin_migrations
from agentd.conflicts.symbols.naming import Naming
from agentd.conflicts.symbols.nearness import near
from agentd.conflicts.symbols.python_naming import PythonNaming
from agentd.conflicts.symbols.rust_naming import RustNaming
from agentd.conflicts.symbols.sides import BlobReader, Side
from agentd.conflicts.symbols.summary import Language, Summary
from agentd.conflicts.symbols.tree_view import Listing
from agentd.conflicts.symbols.trees import PairTrees, Prepared

NAMINGS: Final[Mapping[Language, Naming]] = {
    Language.PYTHON: PythonNaming(),
    Language.JAVASCRIPT: JavaScriptNaming(),
    Language.TYPESCRIPT: JavaScriptNaming(),
    Language.GO: GoNaming(),
    Language.RUST: RustNaming(),
    Language.JAVA: JavaNaming(),
}
_LISTINGS_KEPT: Final = 4
_CONTENTS_BYTES_KEPT: Final = 16 * 2**20


def guard_pair(
    left: Side, right: Side, sources: BlobReader, store: SummaryStore | None = None
) -> GuardResult:
    """What stands between two sides over one base; for many pairs keep a `SymbolGuard`."""
    guard = SymbolGuard(sources, store)
    return guard.pair(guard.prepare(left), guard.prepare(right))


class SymbolGuard:
    """Guards the pairs of one repository."""

    def __init__(self, sources: BlobReader, store: SummaryStore | None = None) -> None:
        self._sources = sources
        self._library = SummaryLibrary(sources, store)
        self._listings: dict[str, Listing] = {}
        self._contents: dict[str, bytes | None] = {}

    def prepare_all(self, sides: Sequence[Side]) -> list[Prepared]:
        """Summarises what sides change, all read in one look."""
        self._library.load(
            (path, blob)
            for side in sides
            for path, change in side.changes.items()
            for blob in (change.base, change.new)
            if blob is not None
        )
        return [self._prepared(side) for side in sides]

    def prepare(self, side: Side) -> Prepared:
        """Summarises what a side changes."""
        return self.prepare_all([side])[0]

    def _prepared(self, side: Side) -> Prepared:
        files = {}
        for path, change in side.changes.items():
            language = language_of(path)
            if language is None or language not in NAMINGS or change.base == change.new:
                continue
            before = self._summary(path, change.base)
            after = self._summary(path, change.new)
            unread = (before is None and change.base) or (after is None and change.new)
            if not unread:
                files[path] = FileDelta(path, language, before, after)
        return Prepared(side, SideDelta(files, NAMINGS), tuple(self._not_read(side)))

    def near_pairs(self, prepared: Sequence[Prepared]) -> Iterator[tuple[int, int, GuardResult]]:
        """The results of all pairs with anything in common, by number; all others have none."""
        for left, right in near(prepared):
            yield left, right, self.pair(prepared[left], prepared[right])

    def pair(self, left: Prepared, right: Prepared) -> GuardResult:
        """What stands between two prepared sides."""
        if left.side.base_tree != right.side.base_tree:
            raise ValueError("both sides of a pair must start from the same tree")
        not_analysed = tuple(
            NotAnalysed(which, path, reason)
            for which, each in ((WhichSide.LEFT, left), (WhichSide.RIGHT, right))
            for path, reason in each.not_read
        )
        trees = PairTrees(
            left,
            right,
            lambda: self._listing(left.side.base_tree),
            self._library,
            NAMINGS,
            lambda: self._sources.merged(left.side, right.side),
        )
        grade, names = interaction(left.delta, right.delta)
        found = {
            *(_strong(trees) if left.delta.meets(right.delta) else ()),
            *mapping_clashes(left.side, right.side, self._content, lambda: trees.merged),
            *(twin_migrations(left.side, right.side) if left.migrations else ()),
        }
        strong = sorted(found, key=lambda each: (each.level, each.meets, each.change))
        doubts = (
            *member_doubts(WhichSide.LEFT, left.delta, right.delta),
            *member_doubts(WhichSide.RIGHT, right.delta, left.delta),
        )
        return GuardResult((*strong, *doubts), grade, names, not_analysed)

    def _content(self, blob: str) -> bytes | None:
        if blob not in self._contents:
            if sum(len(kept or b"") for kept in self._contents.values()) > _CONTENTS_BYTES_KEPT:
                self._contents.clear()
            self._contents[blob] = dict(self._sources.read_blobs([blob])).get(blob)
        return self._contents[blob]

    def _summary(self, path: str, blob: str | None) -> Summary | None:
        return None if blob is None else self._library.summary(path, blob)

    def _listing(self, tree: str) -> Listing:
        if tree not in self._listings:
            if len(self._listings) >= _LISTINGS_KEPT:
                del self._listings[next(iter(self._listings))]
            self._listings[tree] = Listing(self._sources.listing(tree))
        return self._listings[tree]

    def _not_read(self, side: Side) -> Iterator[tuple[str, str]]:
        for path, change in sorted(side.changes.items()):
            for blob in dict.fromkeys((change.new, change.base)):
                looked = self._library.look(path, blob) if blob is not None else None
                if isinstance(looked, NotRead) and looked.code:
                    yield path, looked.reason
                    break
                if isinstance(looked, Summary) and not looked.parsed:
                    yield path, "it has syntax errors"
                    break


def _strong(trees: PairTrees) -> Iterator[SymbolFinding]:
    """The findings that block; the merge is asked for only where there is a suspicion."""
    for user in WhichSide:
        breaks = Breaks(trees, user)
        for suspicion in breaks.suspicions():
            found = breaks.confirm(suspicion)
            if found is not None:
                yield found
    for twin in suspected_twins(trees):
        found = confirm_twin(trees, twin)
        if found is not None:
            yield found
    for path in suspected_breakage(trees):
        found = confirm_breakage(trees, path)
        if found is not None:
            yield found
