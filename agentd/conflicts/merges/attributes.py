"""Under which attributes files merge: what the target's own files say, within bounds.

Attribute files are read from the target's tip alone, never from a bundle or from the user's
checkout. They may forbid that a file is merged by lines; a driver that would run a command counts
for nothing, and both sides are kept only where the policy says so.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agentd.conflicts.git.names import ObjectId, TreeId, decoded, encoded
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.result import MergeAttributes
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.trees.changes import MODE_TREE

_ATTRIBUTES_FILE: Final = ".gitattributes"
_BUILT_IN: Final = {"unset": "-merge", "binary": "merge=binary", "text": "merge=text"}


def merge_attributes(
    quarantine: Quarantine, tip_tree: TreeId, paths: Sequence[str], policy: Policy
) -> MergeAttributes:
    """The attributes of the paths that have one."""
    directories = {parent for path in paths for parent in _directories(path)}
    files = quarantine.entries_at(
        (tip_tree, posixpath.join(directory, _ATTRIBUTES_FILE)) for directory in directories
    )
    said_in = {path: entry for (_, path), entry in files.items() if entry[0] != MODE_TREE}
    attributes = {}
    if said_in:
        said = _said(quarantine, said_in, paths)
        attributes = {path: _BUILT_IN[value] for path, value in said.items() if value in _BUILT_IN}
    attributes |= {path: "merge=union" for path in paths if policy.allows_union(path)}
    return attributes


def _directories(path: str) -> Iterator[str]:
    """All directories that a path lies in, the root's name is empty."""
    while path:
        path = posixpath.dirname(path)
        yield path


def _said(
    quarantine: Quarantine, files: Mapping[str, tuple[str, ObjectId]], paths: Sequence[str]
) -> dict[str, str]:
    """What attribute files say about how paths merge, where they say anything."""
    stdin = b"".join(encoded(path) + b"\0" for path in paths)
    with quarantine.index_with(files) as environment:
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
