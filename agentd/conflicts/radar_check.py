"""Finds out who else is at one path: the radar for a single question.

Costs as little as the answer allows: a worktree that cannot touch the path is left out after a look
at that path alone. It must not know how the answer is shown.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from agentd.conflicts.collect import DaemonView
from agentd.conflicts.radar import (
    Participant,
    ParticipantKind,
    holds_all_of,
    meet,
    narrowed,
    share_a_name,
)
from agentd.conflicts.radar_answer import Answer, Asked, Other, locks_in_the_way
from agentd.conflicts.radar_bundles import BundleSight, SeenBundles
from agentd.conflicts.radar_ground import Ground
from agentd.conflicts.radar_worktrees import WorktreeSight
from agentd.conflicts.repository import Worktree
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
        others = [
            replace(found, names=found.names | seen.owners.get(str(each.path), frozenset()))
            for each in worktrees
            if each != own and sight.may_touch(each, asked.path)
            for found in (sight.see(each),)
        ]
        others += seen.participants
        near = [each for each in (narrowed(one, asked.path) for one in others) if each.paths]
        mine = _own(sight, own, asked) if near and own is not None else None
    return Answer(
        asked,
        locks_in_the_way(asked, seen.holdings.locks),
        tuple(_others(mine, near, asked, ground)),
        daemon=answers,
    )


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
    return narrowed(replace(seen, names=seen.names | asked.names), asked.path)


def _others(
    mine: Participant | None,
    near: Iterable[Participant],
    asked: Asked,
    ground: Ground,
) -> Iterable[Other]:
    for each in near:
        if share_a_name(each.names, asked.names):
            continue
        if mine is None:
            yield Other(each, None)
        elif each.kind is ParticipantKind.WORKTREE or not holds_all_of(
            mine.footprint, each.footprint
        ):
            yield Other(each, meet(mine, each, ground.ask_git))
