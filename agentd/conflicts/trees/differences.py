"""How trees differ: by file, by line, and as a patch; many pairs of trees in one git call.

It must not know whose trees they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.place import Place
from agentd.conflicts.git.process import OutputTooLarge
from agentd.conflicts.trees.changes import (
    FileHunks,
    TreeChange,
    parse_entry_changes,
    parse_hunks,
    parse_tree_changes,
    sections,
)
from agentd.errors import DependencyFailed

_T = TypeVar("_T")

Pair: TypeAlias = tuple[str, str]
"""The tree before and the tree after."""


def changes(
    place: Place, pairs: Sequence[Pair], *, renames: bool
) -> tuple[tuple[TreeChange, ...], ...]:
    """What changed between the trees of each pair."""
    arguments = ["diff-tree", "--stdin", "-r", "-z", "--raw", "--numstat"]
    arguments.append("--find-renames" if renames else "--no-renames")
    return _parsed(place, arguments, pairs, parse_tree_changes)


def entry_changes(
    place: Place, pairs: Sequence[Pair], *, renames: bool
) -> tuple[tuple[TreeChange, ...], ...]:
    """What changed between the trees of each pair, without counting lines."""
    arguments = ["diff-tree", "--stdin", "-r", "-z", "--raw"]
    arguments.append("--find-renames" if renames else "--no-renames")
    return _parsed(place, arguments, pairs, parse_entry_changes)


def hunks(
    place: Place, pairs: Sequence[Pair], *, renames: bool = False, paths: Sequence[str] = ()
) -> tuple[tuple[FileHunks, ...], ...]:
    """Which lines changed between the trees of each pair; of some paths alone if any are given."""
    arguments = ["diff-tree", "--stdin", "-r", "-z", "--raw", "-p", "-U0", "--histogram"]
    arguments.append("--find-renames" if renames else "--no-renames")
    # As git merges: a stretch that could lie higher up lies as low as it can.
    arguments += ["--no-indent-heuristic", "--full-index", "--no-ext-diff", "--no-textconv"]
    arguments += ["--", *paths]
    return _parsed(place, arguments, pairs, parse_hunks)


def hunk_count(place: Place, old: str, new: str, paths: Sequence[str]) -> int:
    """In how many places a file differs, by a comparison that takes no longer for many of them.

    Of a moved one both paths are asked for.
    """
    arguments = ["diff-tree", "-r", "-p", "-U0", "--find-renames", "--diff-algorithm=myers"]
    options = ["--no-ext-diff", "--no-textconv", old, new, "--", *paths]
    printed = place.run([*arguments, *options], check=True, large=True).stdout
    return printed.count(b"\n@@ ")


def patch(place: Place, old: TreeId, new: TreeId) -> bytes:
    """What changed between two trees as a patch that applies exactly, binary files included."""
    arguments = ["diff-tree", "-p", "--binary", "--full-index", "--no-renames", "--histogram"]
    options = ["--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/"]
    return place.run([*arguments, *options, old, new], check=True, large=True).stdout


def _parsed(
    place: Place,
    arguments: Sequence[str],
    pairs: Sequence[Pair],
    parse: Callable[[bytes], tuple[_T, ...]],
) -> tuple[tuple[_T, ...], ...]:
    """In one call; in several where what they say is too much for one."""
    if not pairs:
        return ()
    stdin = "".join(f"{old} {new}\n" for old, new in pairs).encode()
    try:
        output = place.run(arguments, stdin=stdin, check=True, large=True).stdout
    except OutputTooLarge:
        if len(pairs) == 1:
            raise
        half = len(pairs) // 2
        return (
            *_parsed(place, arguments, pairs[:half], parse),
            *_parsed(place, arguments, pairs[half:], parse),
        )
    headers = [f"{old} {new}\n".encode() for old, new in pairs]
    try:
        return tuple(parse(section) for section in sections(output, headers))
    except ValueError as failure:
        raise DependencyFailed("git_failed", f"`git diff-tree`: {failure}") from failure
