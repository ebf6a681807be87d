"""Where many histories leave that of the target, found in one walk.

What git calls the merge bases of each; where the walk shows more than one way back, git itself is
asked. It must not know what the histories are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentd.conflicts.git.names import CommitId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.errors import DependencyFailed

_NOWHERE: frozenset[CommitId] = frozenset()


def merge_bases_of(
    quarantine: Quarantine, tip: CommitId, heads: Iterable[CommitId]
) -> Mapping[CommitId, tuple[CommitId, ...]]:
    """All merge bases of the tip with each head, as `Quarantine.merge_bases` gives them."""
    wanted = list(dict.fromkeys(heads))
    try:
        exits = _exits(quarantine, tip, wanted) if len(wanted) > 1 else {}
    except DependencyFailed as failure:
        if failure.reason != "git_failed":
            raise
        exits = {}  # One history that cannot be read spoils the walk, but not the others' answers.
    return {
        head: tuple(exits[head])
        if head in exits and len(exits[head]) < 2
        else quarantine.merge_bases(tip, head)
        for head in wanted
    }


def _exits(
    quarantine: Quarantine, tip: CommitId, heads: Iterable[CommitId]
) -> dict[CommitId, frozenset[CommitId]]:
    """The commits of the tip's history at which one arrives first, coming from each head."""
    stdin = "".join(f"{head}\n" for head in heads) + f"^{tip}\n"
    walked = quarantine.run(
        ["rev-list", "--topo-order", "--reverse", "--parents", "--stdin"],
        stdin=stdin.encode(),
        check=True,
        large=True,
    )
    exits: dict[CommitId, frozenset[CommitId]] = {}
    for line in walked.text.split("\n"):
        if line:
            commit, *parents = (CommitId(each) for each in line.split(" "))
            # Parents come first; one that was not listed is in the tip's history.
            ways = [exits.get(parent, frozenset((parent,))) for parent in parents]
            exits[commit] = ways[0] if len(ways) == 1 else _NOWHERE.union(*ways)
    return {head: exits.get(head, frozenset((head,))) for head in heads}
