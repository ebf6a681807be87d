"""Which names of a Python file are bound where, and which it takes from its top level.

Python's own rules of scope over `ast`: a class's names are not seen by its methods, a
comprehension has a scope of its own, `global` reaches out. Pure; knows one file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from agentd.conflicts.symbols.python_nodes import children, walk

_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_INNER: Final = frozenset(
    (
        *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
        *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef),
    )
)
_BINDERS: Final = frozenset(
    (
        *(ast.alias, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
        *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping),
        *(ast.Global, ast.Nonlocal, ast.Assign, ast.AnnAssign),
    )
)
_ELSEWHERE: Final = (ast.Global, ast.Nonlocal)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_KEPT: Final = "agentd_binders"


def binders(scope: ast.AST) -> list[ast.AST]:
    """The nodes of a scope that have to do with what it binds; kept on the node itself.

    Those of the scopes inside it are not among them, but for the heads of those scopes.
    """
    kept: list[ast.AST] | None = scope.__dict__.get(_KEPT)
    if kept is not None:
        return kept
    found: list[ast.AST] = []
    pending = list(_body(scope))
    while pending:
        node = pending.pop()
        kind = type(node)
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                found.append(node)
            continue
        if kind in _BINDERS:
            found.append(node)
        pending += _outside_body(node) if kind in _INNER else children(node)
    scope.__dict__[_KEPT] = found
    return found


def bound_names(scope: ast.AST) -> dict[str, bool]:
    """The names that a scope binds, and whether by imports alone."""
    bound: dict[str, bool] = {}
    elsewhere: set[str] = set()
    for node in binders(scope):
        if isinstance(node, _ELSEWHERE):
            elsewhere.update(node.names)
        imported = isinstance(node, ast.alias)
        for name in binds(node):
            bound[name] = bound.get(name, True) and imported
    for argument in arguments(scope):
        bound[argument] = False
    return {name: imported for name, imported in bound.items() if name not in elsewhere}


def global_names(tree: ast.Module) -> frozenset[str]:
    """The names that a module has, those that functions declare `global` included."""
    declared = {name for node in walk(tree) if type(node) is ast.Global for name in node.names}
    return frozenset(bound_names(tree)) | declared


def arguments(scope: ast.AST) -> list[str]:
    """The names of a function's parameters."""
    spread = []
    if isinstance(scope, _FUNCTIONS):
        spread = [each for each in (scope.args.vararg, scope.args.kwarg) if each is not None]
    return [each.arg for each in (*parameters(scope), *spread)]


def parameters(scope: ast.AST) -> list[ast.arg]:
    """The parameters of a function that stand for one value each."""
    if not isinstance(scope, _FUNCTIONS):
        return []
    spec = scope.args
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]


def binds(node: ast.AST) -> Iterator[str]:
    """The names that a node by itself binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name, asname=asname):
            if name != "*":
                yield asname or name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            return


def _body(scope: ast.AST) -> Iterator[ast.AST]:
    if isinstance(scope, ast.Lambda):
        yield scope.body
    elif isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
        yield from scope.body
    else:
        yield from children(scope)


def _outside_body(node: ast.AST) -> Iterator[ast.AST]:
    """What of a scope is evaluated in the scope around it."""
    if isinstance(node, ast.ClassDef):
        yield from node.decorator_list
        yield from node.bases
        yield from node.keywords
    elif isinstance(node, _COMPREHENSIONS):
        # Only walrus targets reach out; they are found as NamedExpr by their own walk.
        for inner in walk(node):
            if isinstance(inner, ast.NamedExpr):
                yield inner.target
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        if not isinstance(node, ast.Lambda):
            yield from node.decorator_list
        yield from node.args.defaults
        yield from (each for each in node.args.kw_defaults if each is not None)
