"""Which names of a Python file stand for an instance of one class, as far as its text says.

A name counts where a scope binds it once, by calling the class or under its annotation. Pure;
knows one file. Whether what is called is a class the oracle asks.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import TypeGuard

from agentd.conflicts.symbols.python_nodes import walk
from agentd.conflicts.symbols.python_scopes import arguments, binders, binds, parameters


def instance_names(scope: ast.AST) -> dict[str, str]:
    """The names of a scope that stand for an instance of one class, with that class as written."""
    times = Counter(arguments(scope))
    kinds: dict[str, str] = {}
    for node in binders(scope):
        for name in binds(node):
            times[name] += 1
        if isinstance(node, ast.Global | ast.Nonlocal):
            times.update(2 * node.names)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                kinds[name] = made_by(value)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                kinds[name] = dotted(annotation)
    for argument in parameters(scope):
        if argument.annotation is not None:
            kinds[argument.arg] = dotted(argument.annotation)
    return {name: kind for name, kind in kinds.items() if kind and times[name] == 1}


def attribute_kinds(node: ast.ClassDef) -> dict[str, str]:
    """The attributes of `self` that are an instance of one class, with that class as written."""
    times: Counter[str] = Counter()
    kinds: dict[str, str] = {}
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            times[statement.target.id] += 1
            kinds[statement.target.id] = dotted(statement.annotation)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in walk(statement):
                for target, value in _targets(inner):
                    if is_own_attribute(target, statement):
                        times[target.attr] += 1
                        known = ""
                        if isinstance(value, ast.Name):
                            known = instance_names(statement).get(value.id, "")
                        kinds[target.attr] = known or made_by(value)
    return {name: kind for name, kind in kinds.items() if kind and times[name] == 1}


def is_own_attribute(node: ast.expr, method: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether an expression is an attribute of the method's `self`."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and [node.value.id] == arguments(method)[:1]
    )


def _targets(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((each, value) for each in targets)
        case ast.AnnAssign(target=target, value=value) | ast.AugAssign(target=target, value=value):
            yield target, value


def made_by(value: ast.expr | None) -> str:
    """The class whose instance a call makes, if what it calls is a class; empty otherwise."""
    return dotted(value.func) if isinstance(value, ast.Call) else ""


def dotted(node: ast.expr) -> str:
    """A dotted name as written, one in a string included; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            prefix = dotted(value)
            return f"{prefix}.{attr}" if prefix else ""
        case ast.Constant(value=str(text)) if text.replace(".", "").isidentifier():
            return text
        case _:
            return ""
