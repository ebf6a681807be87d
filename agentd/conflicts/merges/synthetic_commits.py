"""Commits that stand in for trees in a merge: their bytes, and the ids that git will give them.

A merge over a base that is in no history of both sides, and `git merge-tree` without `--merge-base`
(before git 2.40), want commits: a root for the base and a child for each side. A child is dated
after its root, since git walks back through histories that are dated the other way round. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentd.conflicts.git.names import CommitId, TreeId, object_id


@dataclass(frozen=True, slots=True)
class SyntheticCommit:
    """A commit that is not written yet."""

    commit: CommitId
    content: bytes


def stand_in(
    tree: TreeId, parents: Sequence[CommitId] = (), *, seconds: int, object_format: str
) -> SyntheticCommit:
    """The commit that stands for a tree."""
    person = f"agentd <agentd@localhost> {seconds} +0000"
    lines = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        f"author {person}",
        f"committer {person}",
        "",
        "quarantine",
        "",
    ]
    content = "\n".join(lines).encode()
    return SyntheticCommit(CommitId(object_id("commit", content, object_format)), content)
