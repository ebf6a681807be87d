"""Takes out the changes that git could not compare with their bases, before anything else asks.

A missing object, a tree that git would not write or one of boundless size becomes a finding of its
bundle. It must not know what the target is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.findings import Finding
from agentd.conflicts.git.isolation import unreadable
from agentd.conflicts.git.names import CommitId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.trees.changed_trees import examine
from agentd.errors import DependencyFailed


def without_unreadable(
    submissions: Sequence[Submission], quarantine: Quarantine, files_max: int
) -> list[Submission]:
    """The submissions in their order; one without its change says in a finding why."""
    named = [[c for c in (each.base, each.head) if c is not None] for each in submissions]
    trees = quarantine.trees_there([commit for commits in named for commit in commits])
    pairs = {}
    told = list(submissions)
    for number, (each, commits) in enumerate(zip(submissions, named, strict=True)):
        gone = [commit for commit in commits if commit not in trees]
        if gone:
            missing = DependencyFailed("git_failed", f"the tree of {gone[0]} is missing")
            base = None if each.base in gone else each.base
            told[number] = _without_change(each, unreadable(missing), base)
        elif each.base is not None and each.head is not None:
            pairs[number] = trees[each.base], trees[each.head]
    found = examine(quarantine, list(pairs.values()), files_max)
    for number, unfit in zip(pairs, found, strict=True):
        if unfit is not None:
            each = submissions[number]
            told[number] = _without_change(each, unfit, each.base)
    return told


def _without_change(each: Submission, why: Finding, base: CommitId | None) -> Submission:
    """A submission whose change is not looked at, and so never read again."""
    findings = (*each.findings, why)
    return replace(each, base=base, patch=None, head=None, branch_head=None, findings=findings)
