"""Walking Python's syntax trees, several times over the same nodes and quickly.

Pure; the children of a node are kept on the node itself, so that only the first walk has to look.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

_KEPT: Final = "agentd_children"


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right inside a node, in order; operators and contexts left out."""
    kept: list[ast.AST] | None = node.__dict__.get(_KEPT)
    if kept is not None:
        return kept
    found: list[ast.AST] = []
    held = node.__dict__
    for name in node._fields:
        value = held.get(name)
        if isinstance(value, list):
            found.extend(each for each in value if isinstance(each, ast.AST) and each._fields)
        elif isinstance(value, ast.AST) and value._fields:
            found.append(value)
    held[_KEPT] = found
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and everything in it."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))
