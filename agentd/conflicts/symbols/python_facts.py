"""Small questions about pieces of Python: what is provided for, what may stand twice.

Pure; each answer rests on the nodes that it is asked about.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from agentd.conflicts.symbols.python_nodes import walk
from agentd.conflicts.symbols.python_signatures import decorator_name

_CAUGHT: Final = frozenset(
    [
        "ImportError",
        "ModuleNotFoundError",
        "AttributeError",
        "NameError",
        "TypeError",
        "Exception",
        "BaseException",
    ]
)
"""Exceptions whose handlers provide for what the guard warns of."""
_PLAIN: Final = frozenset(("dataclass", "final", "total_ordering", "runtime_checkable", "unique"))
"""Decorators that give a class no members but the language's own."""
_CONDITIONS: Final = frozenset(
    [
        "TYPE_CHECKING",
        "version",
        "version_info",
        "PY2",
        "PY3",
        "PYPY",
        "PY",
        "platform",
        "hasattr",
        "six",
        "find_spec",
    ]
)
"""What a condition mentions under which a name may be absent."""
_NAMED: Final = (ast.Name, ast.Attribute)


def top_level_ranges(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """The first and last lines of each statement on the top level."""
    for statement in tree.body:
        first = statement.lineno
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([first, *(each.lineno for each in statement.decorator_list)])
        yield first, statement.end_lineno or statement.lineno


def mentions(node: ast.AST) -> list[str]:
    """The names in a node."""
    return [
        inner.id if isinstance(inner, ast.Name) else inner.attr
        for inner in walk(node)
        if isinstance(inner, _NAMED)
    ]


def spoken(tree: ast.Module) -> Iterator[str]:
    """The words in a file's strings that could be names."""
    for node in walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (word for word in node.value.split() if word.isidentifier())


def annotations_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """The annotations of a function."""
    spec = node.args
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    for argument in every:
        if argument is not None and argument.annotation is not None:
            yield argument.annotation
    if node.returns is not None:
        yield node.returns


def defers_annotations(tree: ast.Module) -> bool:
    """Whether a file's annotations are kept as text."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )


def changes_exports(tree: ast.Module) -> bool:
    """Whether a file's list of what it offers grows or shrinks while it runs."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("append", "extend", "insert", "remove")
        and isinstance(node.value, ast.Name)
        and node.value.id == "__all__"
        for node in walk(tree)
    )


def catches(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches what a missing name raises."""
    if handler.type is None:
        return True
    return any(
        decorator_name(node) in _CAUGHT
        for node in walk(handler.type)
        if isinstance(node, ast.Name | ast.Attribute)
    )


def depends_on_platform(test: ast.expr) -> bool:
    """Whether a condition asks what there is, so that a name may be absent under it."""
    for name in mentions(test):
        if name in _CONDITIONS or name.startswith(("HAS_", "HAVE_", "has_", "IS_PY")):
            return True
    return False


def makes_second_fine(decorators: Sequence[ast.expr]) -> bool:
    """Whether decorators make another definition of the same name no mistake."""
    for node in decorators:
        name = decorator_name(node)
        if name in ("overload", "setter", "getter", "deleter", "register", "_", "implements"):
            return True
        inner = node.func if isinstance(node, ast.Call) else node
        if isinstance(inner, ast.Attribute) and isinstance(node, ast.Call):
            return True  # `@app.route("/")` keeps the function elsewhere, under no name.
    return False


def may_be_rebound(node: ast.stmt, name: str) -> bool:
    """Whether an assignment may be one step of several, or says nothing of its own."""
    if isinstance(node, ast.AugAssign) or name.startswith("_"):
        return True
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return value is None or name in mentions(value)


def filled_classes(tree: ast.Module) -> frozenset[str]:
    """The names of what is given members by `setattr`."""
    return frozenset(
        node.args[0].id
        for node in walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "setattr"
        and node.args
        and isinstance(node.args[0], ast.Name)
    )


def is_closed(node: ast.ClassDef) -> bool:
    """Whether a class has no members but those in its text and its bases'."""
    if node.keywords or any(decorator_name(each) not in _PLAIN for each in node.decorator_list):
        return False
    for each in walk(node):
        if isinstance(each, ast.FunctionDef) and each.name in ("__getattr__", "__getattribute__"):
            return False
        if isinstance(each, ast.Call) and decorator_name(each) in ("setattr", "update", "vars"):
            return False
        if isinstance(each, ast.Attribute) and each.attr == "__dict__":
            return False
    return not any(is_doubtful_statement(each) for each in node.body)


def is_doubtful_statement(node: ast.stmt) -> bool:
    """Whether a statement of a class body may bind names that nobody sees."""
    return isinstance(node, ast.If | ast.Try | ast.For | ast.With | ast.Expr) and not (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def strings(node: ast.expr | None) -> tuple[str, ...] | None:
    """The strings of a list or tuple display; None where it is anything else."""
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    values = []
    for each in node.elts:
        if not isinstance(each, ast.Constant) or not isinstance(each.value, str):
            return None
        values.append(each.value)
    return tuple(values)
