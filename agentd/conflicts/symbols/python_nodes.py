"""Walking Python's syntax trees, several times over the same nodes and quickly.

Pure; the children of a node, and all that is in a file, a class or a function, are kept on the node
itself, so that only the first walk has to look.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

_CHILDREN: Final = "agentd_children"
_NODES: Final = "agentd_nodes"
_LEAVES: Final = frozenset((ast.Name, ast.Constant, ast.alias, ast.Pass, ast.Break, ast.Continue))
"""What has no nodes inside it, by its type; most nodes are of these."""
_WALKED_AGAIN: Final = frozenset((ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
"""What is walked more than once, each time for another question."""
_NOTHING: Final[Sequence[ast.AST]] = ()


def children(node: ast.AST) -> Sequence[ast.AST]:
    """The nodes right inside a node, in order; operators and contexts left out."""
    if type(node) in _LEAVES:
        return _NOTHING
    held = node.__dict__
    kept: Sequence[ast.AST] | None = held.get(_CHILDREN)
    if kept is not None:
        return kept
    found: list[ast.AST] = []
    for name in node._fields:
        value = held.get(name)
        if type(value) is list:
            found += [each for each in value if isinstance(each, ast.AST) and each._fields]
        elif isinstance(value, ast.AST) and value._fields:
            found.append(value)
    held[_CHILDREN] = found
    return found


def walk(node: ast.AST) -> Sequence[ast.AST]:
    """A node and everything in it."""
    kind = type(node)
    if kind in _LEAVES:
        return (node,)
    kept: Sequence[ast.AST] | None = node.__dict__.get(_NODES)
    if kept is not None:
        return [node, *kept]
    found: list[ast.AST] = []
    pending = [*children(node)]
    while pending:
        current = pending.pop()
        inner = type(current)
        if inner in _WALKED_AGAIN:
            found += walk(current)
        else:
            found.append(current)
            if inner not in _LEAVES:
                pending += children(current)
    if kind in _WALKED_AGAIN:
        # Without the node itself: only so is a file freed at once.
        node.__dict__[_NODES] = found
    return [node, *found]
