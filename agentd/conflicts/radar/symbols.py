"""Lets the symbol guard look at the radar's pairs: names that one changes and the other relies on.

It must not know what a symbol is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentd.conflicts.findings import BundleId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.pairs import Footprint
from agentd.conflicts.radar.ground import Ground
from agentd.conflicts.radar.radar import Participant, SymbolClash
from agentd.conflicts.symbol_sources import SymbolSources, tree_side
from agentd.conflicts.symbols.findings import WhichSide
from agentd.conflicts.symbols.guard import SymbolGuard
from agentd.conflicts.symbols.languages import language_of
from agentd.conflicts.symbols.migrations import is_migration
from agentd.conflicts.symbols.summary_cache import SummaryCache
from agentd.conflicts.symbols.trees import Prepared
from agentd.errors import AgentdError


@dataclass(frozen=True, slots=True)
class _Known:
    """A participant as the guard knows it."""

    footprint: Footprint
    prepared: Prepared


def gives_names(path: str) -> bool:
    """Whether a change of this file alone can break one of another file."""
    return language_of(path) is not None or is_migration(path)


class GuardedSymbols:
    """The symbol guard over the participants of one radar."""

    def __init__(self, ground: Ground, quarantine: Quarantine) -> None:
        self._ground = ground
        self._sources = SymbolSources(quarantine, quarantine)
        self._known: dict[BundleId, _Known] = {}
        self._summaries = SummaryCache(quarantine.summaries_file)
        self._guard = SymbolGuard(self._sources, self._summaries)
        self._tip = ground.tip_tree

    def clashes(self, left: Participant, right: Participant) -> Sequence[SymbolClash]:
        """What blocks the pair. Nothing where git fails: a failure is no verdict."""
        if self._tip != self._ground.tip_tree:
            # All that was prepared is about another tip.
            self._known.clear()
            self._guard = SymbolGuard(self._sources, self._summaries)
            self._tip = self._ground.tip_tree
        try:
            sides = [self._prepared(each) for each in (left, right)]
            if sides[0] is None or sides[1] is None:
                return ()
            found = self._guard.pair(sides[0], sides[1]).blocking
        except AgentdError as failure:
            if failure.reason != "git_failed":
                raise
            return ()
        names = {WhichSide.LEFT: left.name, WhichSide.RIGHT: right.name}
        return tuple(
            SymbolClash(each.meets.path, each.symbol, each.sentence(names), each.change.path)
            for each in found
        )

    def _prepared(self, participant: Participant) -> Prepared | None:
        if participant.tree is None or not participant.footprint.files:
            return None
        known = self._known.get(participant.participant_id)
        if known is None or known.footprint != participant.footprint:
            changes = (file.change for file in participant.footprint.files)
            side = tree_side(self._ground.tip_tree, participant.tree, changes)
            known = _Known(participant.footprint, self._guard.prepare(side))
            self._known[participant.participant_id] = known
        return known.prepared
