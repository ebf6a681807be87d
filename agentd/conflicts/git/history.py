"""What happened on the target: since a bundle's base, and while a review ran; and what that base is
where the histories have several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.git.names import CommitId, TreeId, decoded
from agentd.conflicts.git.process import OutputTooLarge
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.result import Merge

LOG_PATHS_MAX: Final = 500
"""A command line takes only so many."""
COMMITS_SHOWN: Final = 20
_COMMITS_LISTED_MAX: Final = 2_000
"""Of more, asking about some paths is quicker than listing what each touches."""


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """What people want to see of a commit."""

    commit: CommitId
    author: str
    subject: str


def commits_between(
    quarantine: Quarantine, base: CommitId, tip: CommitId, paths: Sequence[str], *, limit: int
) -> tuple[CommitInfo, ...]:
    """The newest commits of `base..tip` that touch one of the paths."""
    found = quarantine.run(
        [
            "log",
            f"--max-count={limit}",
            "-z",
            "--format=%H%n%an%n%s",
            "--end-of-options",
            f"{base}..{tip}",
            "--",
            *paths[:LOG_PATHS_MAX],
        ],
        check=True,
    )
    commits = []
    for record in found.text.split("\0"):
        if record:
            commit, author, subject = record.split("\n", 2)
            commits.append(CommitInfo(CommitId(commit), author, subject[:200]))
    return tuple(commits)


def touched_between(quarantine: Quarantine, base: CommitId, tip: CommitId) -> frozenset[str] | None:
    """Every path that a commit of `base..tip` changes, and the directories that these lie in.

    Of a merge, what differs from any of its parents: no commit is to be missed. None where they
    are too many to look at.
    """
    if count_between(quarantine, base, tip) > _COMMITS_LISTED_MAX:
        return None
    try:
        listed = quarantine.run(
            ["log", "-m", "--name-only", "--no-renames", "-z", "--format=", f"{base}..{tip}"],
            check=True,
            large=True,
        )
    except OutputTooLarge:
        return None
    touched = set()
    for name in listed.stdout.split(b"\0"):
        path = decoded(name.removeprefix(b"\n"))
        while path and path not in touched:
            touched.add(path)
            path = path.rpartition("/")[0]
    return frozenset(touched)


def count_between(quarantine: Quarantine, base: CommitId, tip: CommitId) -> int:
    """How many commits `base..tip` has."""
    return int(quarantine.run(["rev-list", "--count", f"{base}..{tip}"], check=True).text)


@dataclass(frozen=True, slots=True)
class TargetMove:
    """The way of the target from where a review found it to where it had to begin anew."""

    before: CommitId
    before_tree: TreeId
    tip: CommitId
    count: int
    commits: tuple[CommitInfo, ...]
    """The newest of them."""
    paths: frozenset[str]
    """All that differs between the two; of a moved file both names."""
    rewritten: bool
    """Whether the old tip is not in the new one's history: then nothing stays in step."""

    def spares(self, paths: Sequence[str]) -> bool:
        """Whether it only adds to the history, and leaves the paths alone."""
        return not self.rewritten and self.paths.isdisjoint(paths)


def target_move(quarantine: Quarantine, before: CommitId, tip: CommitId) -> TargetMove:
    """What the target's move consists of."""
    before_tree = quarantine.tree_of(before)
    trees = (str(before_tree), str(quarantine.tree_of(tip)))
    (changes,) = quarantine.changes([trees], renames=False)
    return TargetMove(
        before,
        before_tree,
        tip,
        count_between(quarantine, before, tip),
        commits_between(quarantine, before, tip, (), limit=COMMITS_SHOWN),
        frozenset(path for change in changes for path in change.paths),
        not quarantine.is_ancestor(before, tip),
    )


def virtual_base(quarantine: Quarantine, bases: Sequence[CommitId]) -> CommitId:
    """What stands for several merge bases: their merge, as in git's recursive strategy.

    Where the bases themselves conflict, the lines that mark it are part of it.
    """
    made = bases[0]
    for other in bases[1:]:
        trees = quarantine.trees_of([made, other])
        merge = Merge(trees[made], trees[made], trees[other], histories=(made, other))
        tree = quarantine.merge_all([merge])[0].tree
        seconds = 1 + max(quarantine.commit_seconds(made), quarantine.commit_seconds(other))
        made = quarantine.commit(tree, [made, other], message="Merge bases\n", seconds=seconds)
    return made
