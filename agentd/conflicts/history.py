"""What happened on the target since a bundle's base: the commits that matter to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.git_names import CommitId
from agentd.conflicts.quarantine import Quarantine

_PATHS_MAX: Final = 500
"""A command line takes only so many."""


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
            *paths[:_PATHS_MAX],
        ],
        check=True,
    )
    commits = []
    for record in found.text.split("\0"):
        if record:
            commit, author, subject = record.split("\n", 2)
            commits.append(CommitInfo(CommitId(commit), author, subject[:200]))
    return tuple(commits)


def count_between(quarantine: Quarantine, base: CommitId, tip: CommitId) -> int:
    """How many commits `base..tip` has."""
    return int(quarantine.run(["rev-list", "--count", f"{base}..{tip}"], check=True).text)
