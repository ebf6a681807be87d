"""Puts an accepted integration into the user's repository, when asked: objects, then one ref.

The ref moves by compare-and-swap only. The user's checkout and index are never touched, so a branch
that is checked out somewhere is not moved: its checkout would look as if it undid the integration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agentd.conflicts.git_names import CommitId
from agentd.conflicts.quarantine import Quarantine
from agentd.conflicts.repository import Repository
from agentd.errors import DependencyFailed, InvalidParams

_BRANCH_PREFIX: Final = "agentd/review-"


class TipMoved(Exception):
    """The target is not where the review found it, so that what was proved no longer holds."""


@dataclass(frozen=True, slots=True)
class Landed:
    """Where the integration is now."""

    ref: str
    next_step: str
    """What the user may want to do with it."""


@dataclass(frozen=True, slots=True)
class Landing:
    """How to land."""

    repository: Repository
    quarantine: Quarantine
    target_ref: str | None
    """The full name of the branch that was reviewed; None where it was no branch."""
    tip: CommitId

    def on_new_branch(self, commit: CommitId, review_id: str, name: str | None) -> Landed:
        """Makes a branch for the integration. Raises `git_failed` where the name is taken."""
        branch = name or f"{_BRANCH_PREFIX}{review_id[:8]}"
        ref = f"refs/heads/{branch}"
        checked = self.repository.run(["check-ref-format", "--branch", branch])
        if checked.status != 0:
            raise InvalidParams(
                "invalid_field",
                f"{branch!r} is no name for a branch.",
                hint="Choose another name.",
                path="branch",
                rule="must be a name for a branch",
            )
        self._check_tip()
        self._send(commit)
        if not self.repository.move_ref(ref, commit, None, f"agentd: review {review_id}"):
            raise DependencyFailed(
                "git_failed",
                f"The branch {branch} cannot be made; it may exist already.",
                hint="Choose another name with --branch-name, or delete that branch.",
            )
        return Landed(ref, f"git merge --ff-only {branch}")

    def onto_target(self, commit: CommitId, review_id: str) -> Landed:
        """Moves the reviewed branch itself. Raises `TipMoved` where it moved in the meantime."""
        ref = self.target_ref
        if ref is None:
            raise InvalidParams(
                "invalid_field",
                "What was reviewed is no branch, so there is nothing to move.",
                hint="Review with --target BRANCH, or land on a new branch.",
                path="target",
                rule="must be a branch to be moved",
            )
        holder = next((tree for tree in self.repository.worktrees() if tree.branch == ref), None)
        if holder is not None:
            short = ref.removeprefix("refs/heads/")
            raise DependencyFailed(
                "git_failed",
                f"{short} is checked out in {holder.path}, and moving it would make that checkout "
                "look as if it undid the integration.",
                hint="Land on a new branch (without --onto-target), then `git merge --ff-only` it "
                "there; or check out another branch first.",
                worktree=str(holder.path),
            )
        self._check_tip()
        self._send(commit)
        if not self.repository.move_ref(ref, commit, self.tip, f"agentd: review {review_id}"):
            raise TipMoved
        return Landed(ref, f"git log {ref.removeprefix('refs/heads/')}")

    def _check_tip(self) -> None:
        """Notices early that the target moved; the swap of the ref has the last word."""
        if self.target_ref is not None and self.repository.commit_of(self.target_ref) != self.tip:
            raise TipMoved

    def _send(self, commit: CommitId) -> None:
        self.repository.receive(self.quarantine.pack(commit, [self.tip]))
