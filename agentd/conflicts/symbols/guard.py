"""The symbol guard: what breaks without a conflict in the text when two bundles come together.

Prepares each side once, compares pairs by names first and by trees only where names meet. It must
not know bundles, policies or git: sides and blobs come from the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from agentd.conflicts.symbols.naming import Naming
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

    def prepare(self, side: Side) -> Prepared:
        """Summarises what a side changes."""
        self._library.load(
            (path, blob)
            for path, change in side.changes.items()
            for blob in (change.base, change.new)
            if blob is not None
        )
        files = {}
        for path, change in side.changes.items():
            language = language_of(path)
            if language is None or language not in NAMINGS or change.base == change.new:
                continue
            before = self._summary(path, change.base)
            after = self._summary(path, change.new)
            if before is not None or after is not None:
                files[path] = FileDelta(path, language, before, after)
        return Prepared(side, SideDelta(files, NAMINGS))

    def pair(self, left: Prepared, right: Prepared) -> GuardResult:
        """What stands between two prepared sides."""
        if left.side.base_tree != right.side.base_tree:
            raise ValueError("both sides of a pair must start from the same tree")
        not_analysed = (
            *self._not_analysed(WhichSide.LEFT, left),
            *self._not_analysed(WhichSide.RIGHT, right),
        )
        if not left.delta.meets(right.delta):
            return GuardResult(not_analysed=not_analysed)
        trees = PairTrees(
            left,
            right,
            lambda: self._listing(left.side.base_tree),
            self._library,
            NAMINGS,
            lambda: self._sources.merged(left.side, right.side),
        )
        grade, names = interaction(left.delta, right.delta)
        strong = sorted(set(_strong(trees)), key=lambda each: (each.level, each.meets, each.change))
        doubts = (
            *member_doubts(WhichSide.LEFT, left.delta, right.delta),
            *member_doubts(WhichSide.RIGHT, right.delta, left.delta),
        )
        return GuardResult((*strong, *doubts), grade, names, not_analysed)

    def _summary(self, path: str, blob: str | None) -> Summary | None:
        return None if blob is None else self._library.summary(path, blob)

    def _listing(self, tree: str) -> Listing:
        if tree not in self._listings:
            if len(self._listings) >= _LISTINGS_KEPT:
                del self._listings[next(iter(self._listings))]
            self._listings[tree] = Listing(self._sources.listing(tree))
        return self._listings[tree]

    def _not_analysed(self, which: WhichSide, prepared: Prepared) -> Iterator[NotAnalysed]:
        for path, change in sorted(prepared.side.changes.items()):
            for blob in dict.fromkeys((change.new, change.base)):
                looked = self._library.look(path, blob) if blob is not None else None
                if isinstance(looked, NotRead) and looked.code:
                    yield NotAnalysed(which, path, looked.reason)
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
