"""The history of an integration: one commit a bundle, a merge where it comes as a branch.

The bytes of a commit, and so its id, are those that `git commit-tree` would make; all of them are
written in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.forks import merge_bases_of
from agentd.conflicts.git.names import CommitId, TreeId, encoded, object_id
from agentd.conflicts.git.object_writing import store_commits
from agentd.conflicts.git.quarantine import Quarantine

_SUBJECT_CHARS_MAX: Final = 72
_CRUD: Final = " .,:;<>\"'\\" + "".join(map(chr, range(32)))
"""What git takes off both ends of a name."""


def write_history(
    quarantine: Quarantine, tip: CommitId, steps: Sequence[tuple[Placed, TreeId]]
) -> CommitId:
    """Makes the commits of some bundles, each with the tree after it; the last one's id."""
    heads = [head for each, _ in steps if (head := _own_head(each, tip)) is not None]
    bases = merge_bases_of(quarantine, tip, heads)
    dates = quarantine.seconds_of([tip, *heads])
    at, seconds = tip, dates[tip]
    written: dict[CommitId, bytes] = {}
    for each, tree in steps:
        seconds += 1
        parents = [at]
        head = _own_head(each, tip)
        if head is not None and _tells_the_truth(each, bases[head]):
            parents.append(head)
            seconds = max(seconds, dates[head] + 1)
        content = _commit(each, tree, parents, seconds)
        at = CommitId(object_id("commit", content, quarantine.repository.object_format))
        written[at] = content
    store_commits(quarantine, written)
    return at


def _own_head(each: Placed, tip: CommitId) -> CommitId | None:
    head = each.candidate.submission.branch_head
    return None if head is None or each.candidate.base is None or head == tip else head


def _tells_the_truth(each: Placed, bases: Sequence[CommitId]) -> bool:
    """Whether the branch may be named as a parent: all that it did since its base is merged."""
    return each.candidate.submission.criss_cross or bases[:1] == (each.candidate.base,)


def _commit(each: Placed, tree: TreeId, parents: Sequence[CommitId], seconds: int) -> bytes:
    lines = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in parents),
        f"author {_author(each.candidate.bundle.owner)} <agentd@localhost> {max(seconds, 0)} +0000",
        f"committer agentd <agentd@localhost> {max(seconds, 0)} +0000",
        "",
        _message(each),
    ]
    return encoded("\n".join(lines))


def _message(each: Placed) -> str:
    bundle = each.candidate.bundle
    intent = " ".join((bundle.intent or bundle.diff_summary).split())
    subject = intent or f"Integrate the change of {bundle.owner}"
    if len(subject) > _SUBJECT_CHARS_MAX:
        subject = subject[: _SUBJECT_CHARS_MAX - 1].rstrip() + "…"
    trailers = [
        f"Agentd-Bundle: {each.candidate.bundle_id}",
        f"Agentd-Owner: {one_line(bundle.owner)}",
        f"Agentd-Provider: {one_line(bundle.provider)}",
    ]
    return f"{one_line(subject)}\n\n" + "\n".join(trailers) + "\n"


def _author(owner: str) -> str:
    # git refuses a name that is empty without these.
    name = one_line(owner).strip(" .,:;<>\"'\\")
    return "".join(char for char in name if char not in "<>").strip(_CRUD) or "agentd"


def one_line(text: str) -> str:
    """A text as a part of one line of a commit message."""
    return " ".join(text.split())[:200].replace("\0", "")
