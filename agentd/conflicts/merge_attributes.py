"""Under which attributes files merge: what the target's own files say, within bounds.

Attribute files are read from the target's tip alone, never from a bundle or from the user's
checkout. They may forbid that a file is merged by lines; a driver that would run a command counts
for nothing, and both sides are kept only where the policy says so.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Final

from agentd.conflicts.git_names import TreeId, decoded, encoded
from agentd.conflicts.merge_result import MergeAttributes
from agentd.conflicts.policy import Policy
from agentd.conflicts.quarantine import Quarantine

_ATTRIBUTES_FILE: Final = ".gitattributes"
_BUILT_IN: Final = {"unset": "-merge", "binary": "merge=binary", "text": "merge=text"}


def merge_attributes(
    quarantine: Quarantine, tip_tree: TreeId, paths: Sequence[str], policy: Policy
) -> MergeAttributes:
    """The attributes of the paths that have one."""
    attributes = {}
    names = (posixpath.basename(path) for path in quarantine.entries(tip_tree))
    if paths and _ATTRIBUTES_FILE in names:
        said = _said(quarantine, tip_tree, paths)
        attributes = {path: _BUILT_IN[value] for path, value in said.items() if value in _BUILT_IN}
    attributes |= {path: "merge=union" for path in paths if policy.allows_union(path)}
    return attributes


def _said(quarantine: Quarantine, tree: TreeId, paths: Sequence[str]) -> dict[str, str]:
    """What a tree's own attribute files say about how paths merge, where they say anything."""
    stdin = b"".join(encoded(path) + b"\0" for path in paths)
    with quarantine.index_of(tree) as environment:
        answer = quarantine.run(
            ["check-attr", "--cached", "-z", "--stdin", "merge"],
            stdin=stdin,
            environment=environment,
            check=True,
        )
    fields = answer.stdout.split(b"\0")
    return {
        decoded(path): decoded(value)
        for path, value in zip(fields[0::3], fields[2::3], strict=False)
        if value != b"unspecified"
    }
