"""What one run of an agent changed, as a bundle, in a checkout that it may share with others.

The truth about that is the difference between two snapshots, never what the agent says. In a
shared checkout a part of it is others' work: then what the session has locked is its own, and what
nobody has locked is told apart, because nobody knows whose it is. It is left out of what an agent
hands in that locks whatever it writes, and taken into what another one does: better in two bundles
than in none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentd.conflicts.bundles.make_bundle import MadeBundle, bundle_of_tree
from agentd.conflicts.bundles.worktree_snapshot import Snapshot, take_snapshot
from agentd.conflicts.review import Workplace
from agentd.conflicts.trees.edits import NewFile
from agentd.core.resource_keys import BadResourceKey, ResourceKey, normalise, overlap
from agentd.errors import DependencyFailed


@dataclass(frozen=True, slots=True)
class RunChange:
    """What came of a run."""

    made: MadeBundle
    """Empty where it changed nothing of its own."""
    mixed: tuple[str, ...] = ()
    """Paths of it that held something uncommitted before, which is in the bundle, too."""
    unclaimed: tuple[str, ...] = ()
    """Paths that changed in the meantime, that nobody has locked and that are not in the bundle."""
    presumed: tuple[str, ...] = ()
    """Paths that changed in the meantime, that nobody has locked and that are in the bundle."""
    others: tuple[str, ...] = ()
    """Paths that changed in the meantime and that others have locked."""

    @property
    def bundle(self) -> dict[str, Any]:
        """The bundle itself."""
        return self.made.bundle


def change_of_run(
    workplace: Workplace,
    before: Snapshot,
    worktree: Path,
    *,
    own: Iterable[str] | None = None,
    others: Iterable[str] = (),
    locks_all: bool = True,
) -> RunChange:
    """The change since a snapshot.

    `own` and `others` are the resource keys that the session and everybody else have locked; where
    `own` is None all that changed and that others have not locked is the session's. `locks_all`:
    whether the session has locked whatever it wrote.
    """
    quarantine = workplace.quarantine
    after = take_snapshot(quarantine, worktree, workplace.repository)
    if after.unmerged:
        raise DependencyFailed(
            "worktree_failed",
            f"the worktree has unresolved conflicts in {after.unmerged[0]}",
            hint="Resolve them, then hand the work in with `agentd-coord bundle`.",
        )
    head_tree = quarantine.tree_of(before.head)
    trees = [(before.tree, after.tree), (head_tree, before.tree)]
    in_run, earlier = (
        {path for change in changes for path in change.paths}
        for changes in quarantine.changes(trees, renames=False)
    )
    theirs = {path for path in in_run if _covered(path, others)}
    rest = in_run - theirs
    claimed = rest if own is None else {path for path in rest if _covered(path, own)}
    mine = claimed if locks_all else rest
    entries = quarantine.entries(after.tree)
    edits = {path: NewFile(*entries[path]) if path in entries else None for path in sorted(mine)}
    (made,) = quarantine.make_trees([(head_tree, edits)])
    return RunChange(
        bundle_of_tree(workplace, before.head, made),
        mixed=tuple(sorted(mine & earlier)),
        unclaimed=tuple(sorted(rest - mine)),
        presumed=tuple(sorted(mine - claimed)),
        others=tuple(sorted(theirs)),
    )


def _covered(path: str, keys: Iterable[str]) -> bool:
    try:
        key = normalise(f"file:{path}")
    except BadResourceKey:
        return False
    return any(overlap(ResourceKey(each), key) for each in keys)
