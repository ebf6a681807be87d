"""Whose work a commit or a push is: one rule for both.

A lock is the committer's own where he has its name, or where the agent that holds it runs the git
that runs the guard. What is on a holder's own branch or in his worktree is his, whoever pushes it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from agentd.guard import changes
from agentd.hook.kin import MCP_CLIENT, ancestors
from agentd.hook.session_file import clients_of

RUN_BRANCH: Final = "agentd/"
"""How the branch of a run in a worktree of its own begins; the rest is the session's name."""


class Committer(NamedTuple):
    """Whoever commits or pushes here."""

    names: frozenset[str]
    """Under which he holds locks."""
    sessions_directory: str
    """Where the hook keeps what it remembers."""

    def kin(self, locks: Collection[Mapping[str, Any]]) -> frozenset[str]:
        """Which owners of some locks are the agent in whose program git is running.

        An agent that no supervisor named is known to its hook, and to its MCP server, by names that
        git cannot know; but all of them are children of the agent's program.
        """
        above = frozenset(ancestors())
        remembered = {
            owner
            for owner in {lock["owner"] for lock in locks}
            if not above.isdisjoint(clients_of(self.sessions_directory, owner))
        }
        by_tool = {lock["owner"] for lock in locks if lock["metadata"].get(MCP_CLIENT) in above}
        return frozenset(remembered | by_tool)


def committer(environment: Mapping[str, str], place: changes.Place, home: str) -> Committer:
    """Whoever is at work in a place. `home` is agentd's."""
    names = {
        environment.get("AGENTD_SESSION_ID", ""),
        environment.get("AGENTD_BRANCH", ""),
        os.path.basename(place.worktree),
        place.branch,
        place.branch.removeprefix(RUN_BRANCH),
        *changes.configured_owners(),
    }
    return Committer(frozenset(names - {""}), os.path.join(home, "hooks"))


def own_heads(owner: str) -> list[str]:
    """The commits up to which everything is a holder's work: his branch's, and his worktree's."""
    branches = (owner, f"{RUN_BRANCH}{owner}")
    heads = [changes.head_of_branch(branch) for branch in branches]
    heads += changes.heads_of_worktrees(owner)
    return list(dict.fromkeys(head for head in heads if head))
