"""The target that work is held against, and how a change looks when it is put onto it.

Two changes can only be compared line by line on common ground, so each is merged onto the target's
tip, in the quarantine. What was merged once is not merged again while the tip stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentd.conflicts.findings import BundleId
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.pairs import Footprint
from agentd.conflicts.review import Workplace
from agentd.errors import AgentdError

_KEPT_MAX = 10_000
"""Answers kept for one tip; work that goes on for days passes through many trees."""


@dataclass(frozen=True, slots=True)
class OnTarget:
    """A change, put onto the target's tip."""

    tree: TreeId
    """With conflict markers where it does not merge."""
    conflicts: tuple[str, ...] = ()
    """Paths in which it conflicts with what the target did since its base."""


class Ground:
    """The target's tip, and changes on it."""

    def __init__(self, workplace: Workplace, target: str | None = None) -> None:
        self._repository = workplace.repository
        self._quarantine: Quarantine = workplace.quarantine
        self._wanted = target
        self._placed: dict[tuple[TreeId, TreeId], OnTarget] = {}
        self._words: dict[frozenset[TreeId], tuple[str, ...]] = {}
        self.ref: str | None = None
        self.tip = CommitId("")
        self.tip_tree = TreeId("")
        self.refresh()

    def refresh(self) -> bool:
        """Looks where the target is now; whether it moved. Raises where it names no commit."""
        ref, tip = _target(self._repository, self._wanted)
        moved = tip != self.tip
        self.ref = ref
        if moved:
            self.tip, self.tip_tree = tip, self._quarantine.tree_of(tip)
            self._forget()
        return moved

    def _forget(self) -> None:
        self._placed.clear()
        self._words.clear()

    def base_of(self, head: CommitId) -> CommitId | None:
        """What a head has in common with the target."""
        return head if head == self.tip else self._quarantine.merge_base(self.tip, head)

    def place(self, base_tree: TreeId, tree: TreeId) -> OnTarget:
        """A change from one tree to another, on the tip."""
        if base_tree == self.tip_tree:
            return OnTarget(tree)
        if base_tree == tree:
            return OnTarget(self.tip_tree)
        known = self._placed.get((base_tree, tree))
        if known is None:
            merged = self._quarantine.merge(base_tree, self.tip_tree, tree)
            known = OnTarget(merged.tree, () if merged.clean else merged.conflicted_paths or (".",))
            self._make_room()
            self._placed[base_tree, tree] = known
        return known

    def footprint(self, participant_id: BundleId, placed: OnTarget) -> Footprint:
        """The lines that a placed change changes on the tip."""
        if placed.tree == self.tip_tree:
            return Footprint(participant_id, ())
        pair = [(str(self.tip_tree), str(placed.tree))]
        (files,) = self._quarantine.hunks(pair)
        (changes,) = self._quarantine.changes(pair, renames=True)
        renames = tuple((each.old_path, each.path) for each in changes if each.old_path is not None)
        return Footprint(participant_id, files, renames)

    def ask_git(self, left: TreeId, right: TreeId) -> tuple[str, ...] | None:
        """The paths in which two placed changes conflict; None where git fails, as it may."""
        pair = frozenset((left, right))
        if pair not in self._words:
            try:
                merged = self._quarantine.merge(self.tip_tree, left, right)
            except AgentdError as failure:
                if failure.reason != "git_failed":
                    raise
                return None
            self._make_room()
            self._words[pair] = () if merged.clean else merged.conflicted_paths or (".",)
        return self._words[pair]

    def _make_room(self) -> None:
        if len(self._placed) + len(self._words) >= _KEPT_MAX:
            self._forget()


def _target(repository: Repository, wanted: str | None) -> tuple[str | None, CommitId]:
    """The wanted revision, or what the main worktree is on: where work is integrated into."""
    where = repository
    if wanted is None:
        # A bare repository may have worktrees, none of which is the main one.
        root = repository.root.resolve()
        is_checked_out = any(each.path == root for each in repository.worktrees())
        where = repository.at(root if is_checked_out else repository.common_dir)
    revision = wanted or "HEAD"
    hint = "Name a branch or another revision with --target."
    tip = where.named_commit("target", revision, hint=hint)
    return where.branch_of(revision), tip
