"""Lets the symbol guard look at the radar's pairs: names that one changes and the other relies on.

Reads what the guard asks for from the quarantine. It must not know what a symbol is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentd.conflicts.findings import BundleId
from agentd.conflicts.git_names import ObjectId, TreeId
from agentd.conflicts.pairs import Footprint
from agentd.conflicts.quarantine import Quarantine
from agentd.conflicts.radar import Participant, SymbolClash
from agentd.conflicts.radar_ground import Ground
from agentd.conflicts.symbols.guard import SymbolGuard
from agentd.conflicts.symbols.sides import FileChange, Side
from agentd.conflicts.symbols.trees import Prepared
from agentd.conflicts.tree_changes import MODE_ABSENT, MODE_GITLINK, TreeChange
from agentd.errors import AgentdError


@dataclass(frozen=True, slots=True)
class _Known:
    """A participant as the guard knows it."""

    footprint: Footprint
    tree: TreeId
    prepared: Prepared


class GuardedSymbols:
    """The symbol guard over the participants of one radar."""

    def __init__(self, ground: Ground, quarantine: Quarantine) -> None:
        self._ground = ground
        self._sources = _Sources(ground, quarantine)
        self._guard = SymbolGuard(self._sources)
        self._tip = ground.tip_tree

    def clashes(self, left: Participant, right: Participant) -> Sequence[SymbolClash]:
        """What blocks the pair. Nothing where git fails: a failure is no verdict."""
        if self._tip != self._ground.tip_tree:
            # All that was prepared is about another tip.
            self._sources.known.clear()
            self._guard, self._tip = SymbolGuard(self._sources), self._ground.tip_tree
        try:
            sides = [self._prepared(each) for each in (left, right)]
            if sides[0] is None or sides[1] is None:
                return ()
            found = self._guard.pair(sides[0], sides[1]).blocking
        except AgentdError as failure:
            if failure.reason != "git_failed":
                raise
            return ()
        return tuple(SymbolClash(each.meets.path, each.symbol, each.message) for each in found)

    def _prepared(self, participant: Participant) -> Prepared | None:
        if participant.tree is None or not participant.footprint.files:
            return None
        known = self._sources.known.get(participant.participant_id)
        if known is None or known.footprint != participant.footprint:
            changes = {
                file.change.path: _file_change(file.change) for file in participant.footprint.files
            }
            prepared = self._guard.prepare(Side(self._ground.tip_tree, changes))
            known = _Known(participant.footprint, participant.tree, prepared)
            self._sources.known[participant.participant_id] = known
        return known.prepared


def _file_change(change: TreeChange) -> FileChange:
    return FileChange(
        _blob(change.old_mode, change.old_blob), _blob(change.new_mode, change.new_blob)
    )


def _blob(mode: str, object_id: str) -> str | None:
    return None if mode in (MODE_ABSENT, MODE_GITLINK) else object_id


class _Sources:
    """What the guard reads, from the quarantine."""

    def __init__(self, ground: Ground, quarantine: Quarantine) -> None:
        self._ground = ground
        self._quarantine = quarantine
        self.known: dict[BundleId, _Known] = {}

    def read_blobs(self, blobs: Sequence[str]) -> Mapping[str, bytes]:
        """The contents of some blobs."""
        contents = self._quarantine.read_blobs([ObjectId(blob) for blob in blobs])
        return {str(blob): content for blob, content in contents.items()}

    def listing(self, tree: str) -> Mapping[str, str]:
        """Path to blob of every file of a tree."""
        return {
            path: str(blob)
            for path, (mode, blob) in self._quarantine.entries(tree).items()
            if mode != MODE_GITLINK
        }

    def merged(self, left: Side, right: Side) -> Mapping[str, str | None] | None:
        """What the merge of both changes on the tip; None where it conflicts."""
        tip = self._ground.tip_tree
        merged = self._quarantine.merge(tip, self._tree(left), self._tree(right))
        if not merged.clean:
            return None
        (changes,) = self._quarantine.changes([(tip, merged.tree)], renames=False)
        return {change.path: _file_change(change).new for change in changes}

    def _tree(self, side: Side) -> TreeId:
        return next(each.tree for each in self.known.values() if each.prepared.side is side)
