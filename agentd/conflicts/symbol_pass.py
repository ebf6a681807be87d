"""Has the symbol guard look at the pairs that git would merge, and says what follows from it.

Strong signs become edges: the two do not go together although their text merges. Weak ones only say
how closely the two interact. It must not know languages.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from agentd.conflicts.bundles.admission import Candidate
from agentd.conflicts.findings import (
    BundleId,
    Finding,
    FindingKind,
    JsonObject,
    JsonValue,
    Severity,
)
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.holding import Holdings
from agentd.conflicts.interaction import Interaction
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.pairs import Footprint
from agentd.conflicts.selection import Edge, EdgeKind
from agentd.conflicts.symbol_sources import SymbolSources, TreeSide, tree_side
from agentd.conflicts.symbols.findings import Grade, GuardResult, Spot, SymbolFinding, WhichSide
from agentd.conflicts.symbols.guard import SymbolGuard
from agentd.conflicts.symbols.library import SummaryStore
from agentd.conflicts.symbols.trees import Prepared
from agentd.conflicts.unread_code import unread_code

_SIGNS_SHOWN: Final = 20
_PATHS_SHOWN: Final = 20
_ID_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class SymbolPass:
    """What the guard found among all bundles."""

    edges: tuple[Edge, ...]
    findings: tuple[Finding, ...]
    interactions: tuple[Interaction, ...]


def guard_symbols(
    placed: Sequence[Placed],
    footprints: Sequence[Footprint],
    apart: Collection[tuple[BundleId, BundleId]],
    quarantine: Quarantine,
    merger: Merger,
    tip_tree: TreeId,
    holdings: Holdings,
    store: SummaryStore | None = None,
) -> SymbolPass:
    """Looks at all pairs but those that are known to be apart, and twins."""
    by_id = {each.candidate.bundle_id: each for each in placed}
    twins: dict[TreeId, list[BundleId]] = {}
    sides: dict[TreeId, TreeSide] = {}
    for footprint in sorted(footprints, key=lambda each: each.bundle_id):
        tree = TreeId(str(by_id[footprint.bundle_id].tree))
        twins.setdefault(tree, []).append(footprint.bundle_id)
        changes = (file.change for file in footprint.files)
        sides.setdefault(tree, tree_side(tip_tree, tree, changes))
    guard = SymbolGuard(SymbolSources(quarantine, merger), store)
    trees = list(sides)
    prepared = guard.prepare_all(list(sides.values()))
    edges: list[Edge] = []
    findings = _not_analysed(prepared, [twins[tree] for tree in trees])
    interactions: list[Interaction] = []
    for one, other, result in guard.near_pairs(prepared):
        for mine, others in product(twins[trees[one]], twins[trees[other]]):
            if (min(mine, others), max(mine, others)) in apart:
                continue
            said = _Said(by_id[mine], by_id[others], result, holdings)
            edges += said.edges()
            findings += said.findings()
            interactions += said.interactions()
    return SymbolPass(
        tuple(sorted(edges, key=lambda each: (each.left, each.right))),
        tuple(sorted(findings, key=lambda each: (each.bundles, each.path or "", each.message))),
        tuple(sorted(interactions, key=lambda each: (each.distance, each.left, each.right))),
    )


def _not_analysed(
    prepared: Sequence[Prepared], bundles: Sequence[Sequence[BundleId]]
) -> list[Finding]:
    if sum(len(each) for each in bundles) < 2:
        return []
    return [
        found.about(bundle)
        for side, members in zip(prepared, bundles, strict=True)
        if (found := unread_code(side.not_read)) is not None
        for bundle in members
    ]


class _Said:
    """What the guard said about one pair, in terms of its bundles."""

    def __init__(
        self, left: Placed, right: Placed, result: GuardResult, holdings: Holdings
    ) -> None:
        self._sides = {WhichSide.LEFT: left.candidate, WhichSide.RIGHT: right.candidate}
        self._names = _names(left.candidate, right.candidate)
        self._result = result
        self._holdings = holdings
        self._pair = tuple(sorted((left.candidate.bundle_id, right.candidate.bundle_id)))

    def edges(self) -> list[Edge]:
        blocking = self._result.blocking
        if not blocking:
            return []
        paths = tuple(
            dict.fromkeys(spot.path for each in blocking for spot in (each.change, each.meets))
        )
        signs: list[JsonValue] = [self._sign(each) for each in blocking[:_SIGNS_SHOWN]]
        left, right = self._pair
        evidence: JsonObject = {"signs": signs, "paths": list(paths[:_PATHS_SHOWN])}
        first_lock = self._first_lock(paths)
        return [Edge(left, right, EdgeKind.SYMBOL, paths, first_lock=first_lock, evidence=evidence)]

    def findings(self) -> list[Finding]:
        return [
            Finding(
                FindingKind.SYMBOL_CONFLICT if each.blocks else FindingKind.SYMBOL_DOUBT,
                Severity.ERROR if each.blocks else Severity.INFO,
                f"{self._names[each.change.side]} and {self._names[each.meets.side]} merge by "
                f"lines, but not by names: {each.sentence(self._names)}",
                self._pair,
                each.meets.path,
                each.symbol,
                self._sign(each),
            )
            for each in self._result.findings[:_SIGNS_SHOWN]
        ]

    def interactions(self) -> list[Interaction]:
        grade, names = self._result.grade, self._result.grade_names
        if grade is Grade.NONE and self._result.findings:
            # A doubt about a member is a reason to test the two together, if no more.
            grade = Grade.NEIGHBOURS
            names = tuple(dict.fromkeys(each.symbol for each in self._result.findings))
        left, right = self._pair
        return [] if grade is Grade.NONE else [Interaction(left, right, grade, names)]

    def _sign(self, found: SymbolFinding) -> dict[str, JsonValue]:
        return {
            "level": found.level.value,
            "symbol": found.symbol,
            "message": found.sentence(self._names, advice=""),
            "change": self._spot(found.change),
            "meets": self._spot(found.meets),
        }

    def _spot(self, spot: Spot) -> dict[str, JsonValue]:
        return {
            "bundle": self._sides[spot.side].bundle_id,
            "owner": self._sides[spot.side].bundle.owner,
            "path": spot.path,
            "line": spot.line,
            "text": spot.text[:200],
        }

    def _first_lock(self, paths: Sequence[str]) -> BundleId | None:
        left, right = self._sides[WhichSide.LEFT], self._sides[WhichSide.RIGHT]
        first = self._holdings.earlier(left.bundle.owner, right.bundle.owner, paths)
        if first is None:
            return None
        return left.bundle_id if first == left.bundle.owner else right.bundle_id


def _names(left: Candidate, right: Candidate) -> dict[WhichSide, str]:
    """What the two are called: by their owners, or, where that is one, with their ids."""
    names = [each.bundle.owner for each in (left, right)]
    if names[0] == names[1]:
        ids = [each.bundle_id[:_ID_SHOWN] for each in (left, right)]
        names = [f"{name} ({each_id})" for name, each_id in zip(names, ids, strict=True)]
    return dict(zip(WhichSide, names, strict=True))
