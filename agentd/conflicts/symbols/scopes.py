"""The top-level names that a file shares with its siblings: those of a package, or its own.

Looked through once for each tree, since a package may have hundreds of files and a file thousands
of needs. Pure but for looking into a tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentd.conflicts.symbols.members import Found
from agentd.conflicts.symbols.naming import Naming, siblings_of
from agentd.conflicts.symbols.summary import Summary
from agentd.conflicts.symbols.tree_view import TreeView


@dataclass(frozen=True, slots=True)
class SharedScope:
    """What some files have in common."""

    bound: frozenset[str]
    defined: Mapping[str, Sequence[Found]]
    """By qualified name."""
    doubtful: Sequence[tuple[str, Summary]]
    """The files that may have further names, by what they say themselves."""
    unread: bool
    """Whether there are files that nobody read."""


def shared_scope(naming: Naming, view: TreeView, path: str) -> SharedScope:
    """What a file sees on the top level without importing it."""
    siblings = siblings_of(naming, view, path)
    return view.recall(("scope", siblings), lambda: _looked_through(view, siblings))


def _looked_through(view: TreeView, paths: Sequence[str]) -> SharedScope:
    bound: set[str] = set()
    defined: dict[str, list[Found]] = {}
    doubtful = []
    unread = False
    for path in paths:
        summary = view.summary(path)
        if summary is None:
            unread = True
            continue
        bound |= summary.bound
        for definition in summary.definitions:
            defined.setdefault(definition.name, []).append(Found(path, definition))
        if summary.may_have_more:
            doubtful.append((path, summary))
    return SharedScope(frozenset(bound), defined, doubtful, unread)
