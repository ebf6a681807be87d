"""Conflicts to resolve, read from a real repository as the referee reads them."""

from __future__ import annotations

from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.merges.attributes import merge_attributes
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.proposals.conflicting import read_conflict
from agentd.conflicts.proposals.sides import Conflict, FileSides, Party
from agentd.conflicts.review import open_workplace
from tests.conflicts.repo_builder import FileContent, Repo, only

BASE = "import os\n\n\ndef one():\n    return 1\n"
TWO = "def two():\n    return 2\n"
THREE = "def three():\n    return 3\n"
LEFT, RIGHT, BOTH = BASE + TWO, BASE + THREE, BASE + TWO + THREE
"""Both sides at the end of one file, and the one way to have both."""


def conflict_in(
    repo: Repo,
    left: FileContent,
    right: FileContent,
    path: str = "shop/a.py",
    intents: tuple[str, str] = ("add two", "add three"),
) -> Conflict:
    """The conflict of two contents of a file of `main`."""
    repo.branch("left", {path: left})
    repo.branch("right", {path: right})
    workplace = open_workplace(repo.path, repo.home)
    quarantine = workplace.quarantine
    base, mine, theirs = (
        quarantine.tree_of(CommitId(repo.head(name))) for name in ("main", "left", "right")
    )
    trees: tuple[TreeId, TreeId, TreeId] = (base, mine, theirs)
    attributes = merge_attributes(quarantine, base, [path], Policy.default())
    conflict = read_conflict(
        quarantine,
        Merger(quarantine, attributes),
        trees,
        Party(None, "codex", intents[0]),
        Party(None, "agy", intents[1]),
    )
    assert isinstance(conflict, Conflict), conflict
    return conflict


def file_in(repo: Repo, left: FileContent, right: FileContent, path: str) -> FileSides:
    """The one file of such a conflict."""
    found: FileSides = only(conflict_in(repo, left, right, path).files)
    return found
