"""Puts an accepted integration into the user's repository, when asked: objects, then one ref.

The ref moves by compare-and-swap only. The user's checkout and index are never touched, dirty or
not. A checkout of a branch that is moved therefore stays behind and would look as if it undid the
integration; whoever asked for that is told the command that brings it along.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agentd.conflicts.git.names import CommitId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.errors import DependencyFailed, InvalidParams

_BRANCH_PREFIX: Final = "agentd/review-"


class TipMoved(Exception):
    """The target is not where the review found it, so that what was proved no longer holds."""


@dataclass(frozen=True, slots=True)
class Landed:
    """Where the integration is now."""

    ref: str
    next_step: str
    """What the user may want to do with it: a command."""
    behind: Path | None = None
    """A checkout of the moved branch that still has the old files; `next_step` updates it."""


@dataclass(frozen=True, slots=True)
class Landing:
    """How to land."""

    repository: Repository
    quarantine: Quarantine
    target_ref: str | None
    """The full name of the branch that was reviewed; None where it was no branch."""
    tip: CommitId

    def on_new_branch(self, commit: CommitId, review_id: str, name: str | None) -> Landed:
        """Makes a branch for the integration. Raises `invalid_field` where the name is taken."""
        branch = name or f"{_BRANCH_PREFIX}{review_id[:8]}"
        ref = f"refs/heads/{branch}"
        check_branch_name(self.repository, branch)
        self._check_tip()
        self._send(commit)
        problem = self.repository.move_ref(ref, commit, None, f"agentd: review {review_id}")
        if problem is not None:
            check_branch_name(self.repository, branch)  # It may have appeared meanwhile.
            raise _stuck(branch, "made", problem)
        return Landed(ref, f"git merge --ff-only {branch}")

    def onto_target(self, commit: CommitId, review_id: str) -> Landed:
        """Moves the reviewed branch itself. Raises `TipMoved` where it moved in the meantime."""
        ref = check_movable(self.target_ref)
        self._check_tip()
        self._send(commit)
        problem = self.repository.move_ref(ref, commit, self.tip, f"agentd: review {review_id}")
        if problem is not None:
            self._check_tip()
            raise _stuck(ref.removeprefix("refs/heads/"), "moved", problem)
        holder = next((tree for tree in self.repository.worktrees() if tree.branch == ref), None)
        if holder is None:
            return Landed(ref, f"git log {ref.removeprefix('refs/heads/')}")
        # Takes index and files from the old tip to the new one, and refuses where a file that
        # differs between them has changes of the user's.
        update = ["git", "-C", str(holder.path), "read-tree", "-m", "-u", self.tip, commit]
        return Landed(ref, shlex.join(update), holder.path)

    def _check_tip(self) -> None:
        """Notices early that the target moved; the swap of the ref has the last word."""
        if self.target_ref is not None and self.repository.commit_of(self.target_ref) != self.tip:
            raise TipMoved

    def _send(self, commit: CommitId) -> None:
        self.repository.receive(self.quarantine.pack(commit, [self.tip]))


def _stuck(branch: str, done: str, problem: str) -> DependencyFailed:
    return DependencyFailed(
        "git_failed",
        f"the branch {branch} cannot be {done}: {problem[:500]}",
        hint="Nothing was landed; mend what git says, then review again with --apply.",
    )


def check_movable(target_ref: str | None) -> str:
    """The branch to move. Raises `invalid_field` where what is reviewed is none."""
    if target_ref is None:
        raise InvalidParams(
            "invalid_field",
            "the target is no branch, so there is nothing to move",
            hint="Review with --target BRANCH, or land on a new branch.",
            path="target",
            rule="must be a branch to be moved",
        )
    return target_ref


def check_branch_name(repository: Repository, branch: str) -> None:
    """Whether a new branch may be called so. Raises `invalid_field` where not."""
    ref = f"refs/heads/{branch}"
    # The check of git's for branches would take `@{-1}` for the name of another branch.
    well_formed = repository.run(["check-ref-format", ref]).status == 0
    # `refs/heads/x` would become a branch of that whole name beside `x`.
    if not well_formed or branch.startswith(("-", "refs/")) or branch == "HEAD":
        raise InvalidParams(
            "invalid_field",
            f"{branch!r} is no name for a branch",
            hint="Choose another name.",
            path="branch",
            rule="must be a name for a branch",
        )
    taken = _in_the_way(repository, ref)
    if taken is not None:
        there = taken.removeprefix("refs/heads/")
        raise InvalidParams(
            "invalid_field",
            f"the branch {branch} cannot be made: {there} exists already",
            hint="Choose another name with --branch-name, or delete that branch.",
            path="branch",
            rule="must be a name for a new branch",
        )


def _in_the_way(repository: Repository, ref: str) -> str | None:
    """A ref of this name, or one that is a directory where this is a file, or the reverse."""
    parts = ref.split("/")
    above = ["/".join(parts[:length]) for length in range(3, len(parts))]
    # A pattern of git's here names a ref, or all that is below it.
    listed = repository.run(["for-each-ref", "--format=%(refname)", ref], check=True).text
    found = [name for name in listed.split("\n") if name]
    found += [
        name
        for name in above
        if repository.run(["show-ref", "--verify", "--quiet", name]).status == 0
    ]
    return found[0] if found else None
