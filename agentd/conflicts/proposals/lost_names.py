"""Finds a name that one side's new lines use and that the other side took out of the file. Pure.

A name that the file had, that one side left no trace of and that the other side's new lines need
again, was renamed, or went away together with its import or definition. What it means is not looked
at: names are those among the language's tokens, so neither comments nor texts have any.
"""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from agentd.conflicts.proposals.readers import grammar_of, is_python
from agentd.conflicts.proposals.sides import FileSides
from agentd.conflicts.proposals.syntax_parts import parsed
from agentd.conflicts.trees.changes import Hunk

if TYPE_CHECKING:
    from tree_sitter import Node

_Lines: TypeAlias = Mapping[str, set[int]]
"""The lines, from 1, on which each name stands."""


def lost_name(sides: FileSides) -> str | None:
    """The first such name in the order of the alphabet; None where there is none."""
    base, left, right = (_names(sides.path, each) for each in (sides.base, sides.left, sides.right))
    for mine, hunks, other in ((left, sides.left_hunks, right), (right, sides.right_hunks, left)):
        lost = (_used(mine, hunks) & base.keys()) - other.keys()
        if lost:
            return min(lost)
    return None


def _used(names: _Lines, hunks: Sequence[Hunk]) -> set[str]:
    """The names on the lines that a side adds."""
    added = {hunk.new_start + number for hunk in hunks for number in range(hunk.new_count)}
    return {name for name, lines in names.items() if lines & added}


def _names(path: str, content: bytes) -> _Lines:
    """The names in a file, none where nobody knows its language or it does not parse."""
    grammar = grammar_of(path)
    if is_python(path):
        found = _python_names(content)
    elif grammar is not None:
        found = _syntax_names(parsed(content, grammar))
    else:
        return {}
    names: dict[str, set[int]] = {}
    for name, line in found:
        names.setdefault(name, set()).add(line)
    return names


def _python_names(content: bytes) -> Iterator[tuple[str, int]]:
    try:
        for token in tokenize.tokenize(io.BytesIO(content).readline):
            if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                yield token.string, token.start[0]
    except (tokenize.TokenError, SyntaxError):
        return  # The gate that reads the file says so.


def _syntax_names(node: Node) -> Iterator[tuple[str, int]]:
    cursor = node.walk()
    deeper = True
    while True:
        if deeper and cursor.node is not None and cursor.node.type.endswith("identifier"):
            text = cursor.node.text or b""
            yield text.decode("utf-8", "replace"), cursor.node.start_point.row + 1
        if deeper and cursor.goto_first_child():
            continue
        if cursor.goto_next_sibling():
            deeper = True
        elif cursor.goto_parent():
            deeper = False
        else:
            return
