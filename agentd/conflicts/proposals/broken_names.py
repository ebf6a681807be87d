"""Holds the names of a proposal's two sides against each other, over all files that they change.

Two bundles that conflict are never compared by names, and the review that judges the proposal sees
one bundle in the place of two: what one side calls and the other took away, in whichever file,
would not be looked for. It must not know languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.result import MergeResult
from agentd.conflicts.proposals.gates import Gate, Refusal
from agentd.conflicts.symbol_sources import SymbolSources, tree_side
from agentd.conflicts.symbols.findings import WhichSide
from agentd.conflicts.symbols.guard import guard_pair
from agentd.conflicts.target_symbols import DRIFT_FILES_MAX


def broken_names(
    quarantine: Quarantine,
    trees: tuple[TreeId, TreeId, TreeId],
    proposed: TreeId,
    owners: tuple[str, str],
) -> Sequence[Refusal]:
    """What the symbol guard says about base, left and right, merged as proposed.

    `owners` are those of left and right.

    Nothing where a side changes so many files that nobody compares their names.
    """
    base, *ends = trees
    changes = quarantine.changes([(base, end) for end in ends], renames=False)
    left, right = (
        tree_side(base, end, changed) for end, changed in zip(ends, changes, strict=True)
    )
    if max(len(left.changes), len(right.changes)) > DRIFT_FILES_MAX:
        return ()
    sources = SymbolSources(quarantine, _AsProposed(proposed))
    names = dict(zip(WhichSide, owners, strict=True))
    return tuple(
        Refusal(Gate.SYMBOLS, found.meets.path, f"not by names: {found.sentence(names)}")
        for found in guard_pair(left, right, sources).blocking
    )


@dataclass(frozen=True, slots=True)
class _AsProposed:
    """The merge that a proposal is."""

    tree: TreeId

    def merge(self, base: TreeId, left: TreeId, right: TreeId) -> MergeResult:
        return MergeResult(self.tree, clean=True)
