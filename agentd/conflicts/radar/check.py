"""Finds out who else is at one path: the radar for a single question.

Costs as little as the answer allows: a worktree that cannot touch the path is left out after a look
at that path alone, unless the caller changes there what others may need by name. It must not know
how the answer is shown.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from agentd.conflicts.bundles.collect import DaemonView
from agentd.conflicts.git.repository import Worktree
from agentd.conflicts.radar.answer import Answer, Asked, Other, locks_in_the_way
from agentd.conflicts.radar.bundles import BundleSight, SeenBundles
from agentd.conflicts.radar.ground import Ground
from agentd.conflicts.radar.radar import (
    Participant,
    ParticipantKind,
    holds_all_of,
    share_a_name,
)
from agentd.conflicts.radar.scope import meet_at, narrowed
from agentd.conflicts.radar.symbols import GuardedSymbols, gives_names
from agentd.conflicts.radar.worktrees import WorktreeSight
from agentd.conflicts.review import Workplace
from agentd.errors import Unavailable


def look_around(
    workplace: Workplace,
    asked: Asked,
    *,
    daemon: DaemonView | None,
    target: str | None = None,
) -> Answer:
    """The whole answer: locks, worktrees and bundles."""
    ground = Ground(workplace, target)
    worktrees = workplace.repository.worktrees()
    with tempfile.TemporaryDirectory(prefix="agentd-radar-") as private:
        sight = WorktreeSight(workplace, ground, Path(private))
        seen, answers = _bundles(workplace, ground, daemon, worktrees)
        own = next((each for each in worktrees if each.path == asked.worktree), None)
        owners = seen.owners.get(str(asked.worktree), frozenset())
        asked = replace(asked, names=asked.names | owners)
        named = asked.is_directory or gives_names(asked.path)
        far = named and own is not None and sight.may_touch(own, asked.path)
        others = [
            replace(found, names=found.names | seen.owners.get(str(each.path), frozenset()))
            for each in worktrees
            if each != own and sight.may_touch(each, "." if far else asked.path)
            for found in (sight.see(each),)
        ]
        others += seen.participants
        if not far:
            others = [each for each in others if narrowed(each, asked.path).paths]
        mine = _own(sight, own, asked) if others and own is not None else None
        symbols = GuardedSymbols(ground, workplace.quarantine) if named else None
        found_others = tuple(_others(mine, others, asked, ground, symbols))
    return Answer(asked, locks_in_the_way(asked, seen.holdings.locks), found_others, daemon=answers)


def _bundles(
    workplace: Workplace, ground: Ground, daemon: DaemonView | None, worktrees: Sequence[Worktree]
) -> tuple[SeenBundles, bool]:
    if daemon is None:
        return SeenBundles(), False
    try:
        return BundleSight(workplace, ground).see(daemon, worktrees), True
    except Unavailable:
        return SeenBundles(), False


def _own(sight: WorktreeSight, worktree: Worktree, asked: Asked) -> Participant:
    seen = sight.see(worktree)
    return replace(seen, names=seen.names | asked.names)


def _others(
    mine: Participant | None,
    others: Iterable[Participant],
    asked: Asked,
    ground: Ground,
    symbols: GuardedSymbols | None,
) -> Iterable[Other]:
    for each in others:
        if share_a_name(each.names, asked.names):
            continue
        here = narrowed(each, asked.path)
        if mine is None:
            met = None
        elif each.kind is ParticipantKind.BUNDLE and holds_all_of(mine.footprint, each.footprint):
            continue  # It was made of what the caller has.
        else:
            met = meet_at(asked.path, mine, each, ground.ask_git, symbols)
        if here.paths or met is not None:
            yield Other(here, met)
