"""Holds the names of a bundle against what the target did since the bundle's base.

git merges such a bundle cleanly, and nobody has ever read the two changes together: a name that
the target took away and the bundle newly uses is found here, before it is called rebased or in
step. It must not know languages, nor what follows from a finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from agentd.conflicts.findings import Finding, FindingKind, JsonValue, counted, error, info
from agentd.conflicts.freshness import Freshness, Placed, commits_json
from agentd.conflicts.git.history import commits_between
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.symbol_sources import SymbolSources, TreeSide, tree_side
from agentd.conflicts.symbols.findings import Spot, SymbolFinding, WhichSide
from agentd.conflicts.symbols.guard import SymbolGuard
from agentd.conflicts.symbols.library import SummaryStore
from agentd.conflicts.symbols.trees import Prepared
from agentd.conflicts.unread_code import unread_code

DRIFT_FILES_MAX: Final = 1_000
"""Files that the target changed since a base, beyond which their names are not read."""
_SIGNS_MAX: Final = 5
_COMMITS_SHOWN: Final = 3
_TARGET: Final = WhichSide.LEFT
_ADAPT: Final = "adapt it to that and hand it in again"


def with_target_symbols(
    everything: Sequence[Placed],
    quarantine: Quarantine,
    tip: CommitId,
    merger: Merger,
    store: SummaryStore | None = None,
    *,
    allow_stale_clean: bool,
) -> tuple[Placed, ...]:
    """The same, with what the guard finds about those that go on although the target moved."""
    tip_tree = quarantine.tree_of(tip)
    concerned = [
        each for each in everything if _goes_on(each, tip_tree, allow_stale_clean=allow_stale_clean)
    ]
    if not concerned:
        return tuple(everything)
    alone = len(everything) == 1
    found = _Comparison(quarantine, tip, tip_tree, merger, store, alone=alone).of(concerned)
    return tuple(
        replace(each, findings=each.findings + found.get(each.candidate.bundle_id, ()))
        for each in everything
    )


def _goes_on(each: Placed, tip_tree: TreeId, *, allow_stale_clean: bool) -> bool:
    fresh = each.freshness is Freshness.IN_STEP or allow_stale_clean
    return fresh and each.mergeable and each.candidate.base_tree != tip_tree


class _Comparison:
    def __init__(
        self,
        quarantine: Quarantine,
        tip: CommitId,
        tip_tree: TreeId,
        merger: Merger,
        store: SummaryStore | None,
        *,
        alone: bool,
    ) -> None:
        self._quarantine = quarantine
        self._tip = tip
        self._tip_tree = tip_tree
        self._alone = alone  # Of several bundles the comparison of pairs says what it did not read.
        self._guard = SymbolGuard(SymbolSources(quarantine, merger), store)

    def of(self, concerned: Sequence[Placed]) -> Mapping[str, tuple[Finding, ...]]:
        """The findings by bundle."""
        ends = {each.candidate.bundle_id: _ends(each) for each in concerned}
        bases = list(dict.fromkeys(base for base, _ in ends.values()))
        drifts = self._sides([(base, self._tip_tree) for base in bases])
        small = [side for side in drifts if len(side.changes) <= DRIFT_FILES_MAX]
        targets: dict[str, Prepared] = {
            side.base_tree: prepared
            for side, prepared in zip(small, self._guard.prepare_all(small), strict=True)
        }
        drift_files = {side.base_tree: len(side.changes) for side in drifts}
        prepared = self._guard.prepare_all(self._sides(list(ends.values())))
        return {
            each.candidate.bundle_id: self._findings(
                each, targets.get(own.side.base_tree), own, drift_files[own.side.base_tree]
            )
            for each, own in zip(concerned, prepared, strict=True)
        }

    def _sides(self, pairs: Sequence[tuple[TreeId, TreeId]]) -> list[TreeSide]:
        named = [(str(base), str(tree)) for base, tree in pairs]
        differences = self._quarantine.entry_changes(named)
        return [
            tree_side(base, tree, changes)
            for (base, tree), changes in zip(pairs, differences, strict=True)
        ]

    def _findings(
        self, each: Placed, target: Prepared | None, own: Prepared, drift_files: int
    ) -> tuple[Finding, ...]:
        bundle_id = each.candidate.bundle_id
        if target is None:
            count = counted(drift_files, "file")
            found = info(
                FindingKind.NOT_ANALYSED,
                f"The target changed {count} since its base, too many to compare their names with "
                "its own; let a command of the policy tell, or rebase it.",
            )
            return (found.about(bundle_id),)
        signs = self._guard.pair(target, own).blocking[:_SIGNS_MAX]
        said = [self._finding(each, sign) for sign in signs]
        unread = unread_code(own.not_read) if self._alone else None
        return tuple(one.about(bundle_id) for one in (*said, unread) if one is not None)

    def _finding(self, each: Placed, sign: SymbolFinding) -> Finding:
        candidate = each.candidate
        mine, targets = (
            (sign.meets, sign.change) if sign.change.side is _TARGET else (sign.change, sign.meets)
        )
        base = candidate.base
        assert base is not None, "what has a tree has a base"
        commits = commits_between(
            self._quarantine, base, self._tip, [targets.path], limit=_COMMITS_SHOWN
        )
        names = {_TARGET: "the target", _TARGET.other: candidate.bundle.owner}
        by = f" ({commits[0].commit[:12]}, {commits[0].subject})" if commits else ""
        return replace(
            error(
                FindingKind.STALE_SYMBOLS,
                f"It and what the target did since its base{by} merge by lines, but not by names: "
                f"{sign.sentence(names, _ADAPT)}",
                mine.path,
                level=sign.level.value,
                symbol=sign.symbol,
                base=base,
                tip=self._tip,
                commits=commits_json(commits),
                bundle=_spot(mine),
                target=_spot(targets),
            ),
            symbol=sign.symbol,
        )


def _ends(each: Placed) -> tuple[TreeId, TreeId]:
    base_tree, tree = each.candidate.base_tree, each.candidate.tree
    assert base_tree is not None, "what merges has a base"
    assert tree is not None, "what merges has a tree"
    return base_tree, tree


def _spot(spot: Spot) -> dict[str, JsonValue]:
    return {"path": spot.path, "line": spot.line, "text": spot.text[:200]}
