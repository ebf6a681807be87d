"""What a Python function or class takes when it is called, as far as its text says.

Decorators that nobody knows make a signature unknown; data classes and named tuples get the one
that they are given when they are made. Pure; knows one definition at a time.
"""

from __future__ import annotations

import ast
from typing import Final

from agentd.conflicts.symbols.summary import CallShape, Kind, Signature

_KEEPING: Final = frozenset(
    [
        "staticmethod",
        "classmethod",
        "abstractmethod",
        "contextmanager",
        "asynccontextmanager",
        "lru_cache",
        "cache",
        "wraps",
        "final",
        "override",
        "no_type_check",
        "deprecated",
        "coroutine",
    ]
)
"""Decorators that leave the parameters as they are."""
_DATA_CLASS: Final = frozenset({"dataclass"})


def decorator_name(node: ast.expr) -> str:
    """The last part of a decorator's name; empty where it has none."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def function_signature(
    node: ast.FunctionDef | ast.AsyncFunctionDef, kind: Kind
) -> Signature | None:
    """The signature of a function or method; None where decorators may change it."""
    names = [decorator_name(each) for each in node.decorator_list]
    if any(name not in _KEEPING for name in names):
        return None
    spec = node.args
    positional = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    required = len(positional) - len(spec.defaults)
    positional_only = len(spec.posonlyargs)
    bound = kind is Kind.METHOD or "classmethod" in names
    if bound:
        if not positional and spec.vararg is None:
            return None
        positional = positional[1:]
        required = max(required - 1, 0)
        positional_only = max(positional_only - 1, 0)
    keyword = list(zip(spec.kwonlyargs, spec.kw_defaults, strict=True))
    return Signature(
        positional=tuple(positional),
        required=required,
        positional_only=positional_only,
        keyword_only=tuple(each.arg for each, default in keyword if default is not None),
        keyword_required=tuple(each.arg for each, default in keyword if default is None),
        any_positional=spec.vararg is not None,
        any_keyword=spec.kwarg is not None,
    )


def constructor_signature(node: ast.ClassDef) -> Signature | None:
    """What making an instance takes; None where something unseen may decide it."""
    if node.keywords:
        return None
    base_names = [decorator_name(base) for base in node.bases]
    decorators = [decorator_name(each) for each in node.decorator_list]
    if "NamedTuple" in base_names and len(base_names) == 1 and not decorators:
        return _field_signature(node, keyword_only=False)
    own = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    if any(each.name in ("__new__", "__call__") for each in own):
        return None
    initialisers = [each for each in own if each.name == "__init__"]
    if decorators:
        plain = len(decorators) == 1 and decorators[0] in _DATA_CLASS and not node.bases
        if not plain or initialisers:
            return None
        return _data_class_signature(node)
    if len(initialisers) != 1:
        return None
    return function_signature(initialisers[0], Kind.METHOD)


def _data_class_signature(node: ast.ClassDef) -> Signature | None:
    decorator = node.decorator_list[0]
    keyword_only = False
    if isinstance(decorator, ast.Call):
        for option in decorator.keywords:
            value = option.value.value if isinstance(option.value, ast.Constant) else None
            if option.arg not in ("frozen", "slots", "order", "eq", "repr", "kw_only", "init"):
                return None
            if option.arg == "init" and value is not True:
                return None
            if option.arg == "kw_only":
                keyword_only = value is True
    return _field_signature(node, keyword_only=keyword_only)


def _field_signature(node: ast.ClassDef, *, keyword_only: bool) -> Signature | None:
    names: list[str] = []
    required: list[str] = []
    for each in node.body:
        if not isinstance(each, ast.AnnAssign) or not isinstance(each.target, ast.Name):
            continue
        annotation = ast.unparse(each.annotation)
        if "ClassVar" in annotation:
            continue
        if "KW_ONLY" in annotation:
            return None
        default = each.value is not None
        if isinstance(each.value, ast.Call) and decorator_name(each.value) == "field":
            options = {option.arg for option in each.value.keywords}
            if None in options or "init" in options or "kw_only" in options:
                return None
            default = bool(options & {"default", "default_factory"})
        names.append(each.target.id)
        if not default:
            required.append(each.target.id)
    if keyword_only:
        optional = tuple(name for name in names if name not in required)
        return Signature(keyword_only=optional, keyword_required=tuple(required))
    if required != names[: len(required)]:
        return None
    return Signature(positional=tuple(names), required=len(required))


def call_shape(node: ast.Call) -> CallShape:
    """What a call hands over."""
    open_ended = any(isinstance(each, ast.Starred) for each in node.args) or any(
        each.arg is None for each in node.keywords
    )
    return CallShape(
        positional=sum(not isinstance(each, ast.Starred) for each in node.args),
        keywords=tuple(sorted(each.arg for each in node.keywords if each.arg is not None)),
        open=open_ended,
    )
