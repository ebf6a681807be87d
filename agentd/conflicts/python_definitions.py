"""What a Python file defines under a qualified name, and whether it can be called as stated.

Reads the text alone: what is inherited from another file, imported wholesale or made at run time
cannot be told, and then it says so. Pure.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

_BYTES_MAX: Final = 2_000_000

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_UNREADABLE: Final = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Unsure:
    """It cannot be told, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Bound:
    """One thing that a name stands for."""

    node: ast.AST
    in_class: bool = False


def defines(source: bytes, qualified: str) -> tuple[Bound, ...] | Unsure:
    """Everything that a name like `Class.method` is bound to; empty where it is not defined."""
    if len(source) > _BYTES_MAX:
        return Unsure(f"the file is larger than {_BYTES_MAX:,} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(source)
    except _UNREADABLE as problem:
        return Unsure(f"the file does not parse ({type(problem).__name__})")
    scopes: list[ast.AST] = [module]
    found: tuple[Bound, ...] = ()
    for part in qualified.split("."):
        looked = [_in_scope(scope, part, module, ()) for scope in scopes]
        found = tuple(each for one in looked if not isinstance(one, Unsure) for each in one)
        if not found:
            return next((one for one in looked if isinstance(one, Unsure)), ())
        scopes = [bound.node for bound in found]
    return found


def _in_scope(
    scope: ast.AST, name: str, module: ast.Module, seen: tuple[ast.AST, ...]
) -> tuple[Bound, ...] | Unsure:
    match scope:
        case ast.Module():
            return _in_module(scope, name)
        case ast.ClassDef():
            return _in_class(scope, name, module, (*seen, scope))
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return tuple(Bound(node) for node in _bindings(scope.body, name))
        case _:
            return Unsure("what it is bound to is made elsewhere")


def _in_module(module: ast.Module, name: str) -> tuple[Bound, ...] | Unsure:
    found = tuple(Bound(node) for node in _bindings(module.body, name))
    if found:
        return found
    if any(_bindings(module.body, special) for special in ("*", "__getattr__")):
        return Unsure("the file takes names from elsewhere")
    return ()


def _in_class(
    scope: ast.ClassDef, name: str, module: ast.Module, seen: tuple[ast.AST, ...]
) -> tuple[Bound, ...] | Unsure:
    found = [Bound(node, in_class=True) for node in _bindings(scope.body, name)]
    found += [Bound(node, in_class=True) for node in _instance_attributes(scope, name)]
    if found:
        return tuple(found)
    unsure: Unsure | None = None
    if scope.keywords or scope.decorator_list:
        unsure = Unsure(f"what {scope.name} gets from its decorators or metaclass is not seen")
    for base in scope.bases:
        above = _base_class(base, module)
        if isinstance(base, ast.Name) and base.id == "object":
            continue
        if above is None or above in seen:
            unsure = Unsure(f"{scope.name} inherits from outside the file")
            continue
        inherited = _in_class(above, name, module, (*seen, above))
        if isinstance(inherited, Unsure):
            unsure = inherited
        elif inherited:
            return inherited
    return unsure or ()


def _base_class(base: ast.expr, module: ast.Module) -> ast.ClassDef | None:
    if not isinstance(base, ast.Name):
        return None
    found = list(_bindings(module.body, base.id))
    return found[0] if len(found) == 1 and isinstance(found[0], ast.ClassDef) else None


def _bindings(body: Sequence[ast.stmt], name: str) -> list[ast.AST]:
    """The nodes that bind a name in one scope; `*` finds imports of everything."""
    return [node for node in _statements(body) if name in _names(node)]


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a scope, those inside `if`, `try`, `with` and loops included."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, field, ()))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _statements(part.body)


def _names(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Import() | ast.ImportFrom():
            for alias in statement.names:
                yield alias.asname or (
                    alias.name.partition(".")[0]
                    if isinstance(statement, ast.Import)
                    else alias.name
                )
        case ast.Assign():
            yield from _stored(statement.targets)
        case ast.AnnAssign() | ast.AugAssign() | ast.For() | ast.AsyncFor():
            yield from _stored([statement.target])
        case ast.With() | ast.AsyncWith():
            yield from _stored([each.optional_vars for each in statement.items])
        case _:
            return


def _stored(targets: Sequence[ast.expr | None]) -> Iterator[str]:
    for target in targets:
        for node in ast.walk(target) if target is not None else ():
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _instance_attributes(scope: ast.ClassDef, name: str) -> Iterator[ast.AST]:
    for method in scope.body:
        if not isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        parameters = [*method.args.posonlyargs, *method.args.args]
        for node in ast.walk(method):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == name
                and isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and parameters
                and node.value.id == parameters[0].arg
            ):
                yield node


def signature_text(text: str) -> ast.FunctionDef | None:
    """The parameters `(a, b=1) -> int` as a definition, or None where they are none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(f"def stated{text}: ...").body
    except _UNREADABLE:
        return None
    one = body[0] if len(body) == 1 else None
    return one if isinstance(one, ast.FunctionDef) and one.name == "stated" else None


def signature_problem(found: Sequence[Bound], expected: str) -> str | Unsure | None:
    """What keeps a definition from being called as stated; None where nothing does.

    A parameter may have got a default, and further ones may have come if they need not be given.
    Annotations, defaults and the result count where they are stated.
    """
    stated = signature_text(expected)
    if stated is None:
        return Unsure(f"`{expected}` is no list of parameters")
    problems = []
    for bound in found:
        called = _called(bound)
        if called is None:
            return Unsure("it is not a function whose parameters stand here")
        actual, method = called
        problem = _Comparison(stated, actual, method=method).problem()
        if problem is None:
            return None
        problems.append(problem)
    return problems[-1] if problems else Unsure("it is not defined")


def _called(bound: Bound) -> tuple[Function, bool] | None:
    """The function behind a name, and whether the object it is called on is its first one."""
    node = bound.node
    if isinstance(node, ast.ClassDef):
        made = [each for each in _bindings(node.body, "__init__") if isinstance(each, Function)]
        return (made[-1], True) if made else None
    if not isinstance(node, Function):
        return None
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
    return node, bound.in_class and not static


class _Comparison:
    def __init__(self, stated: Function, actual: Function, *, method: bool) -> None:
        self._stated, self._actual = stated, actual
        self._wanted = [*stated.args.posonlyargs, *stated.args.args]
        self._have = [*actual.args.posonlyargs, *actual.args.args]
        self._have_defaults = _defaults(actual.args, self._have)
        self._wanted_defaults = _defaults(stated.args, self._wanted)
        if method and self._have and [each.arg for each in self._wanted[:1]] != [self._have[0].arg]:
            del self._have[0]

    def problem(self) -> str | None:
        """The first difference that a caller would notice."""
        return self._positional() or self._by_name() or self._open_ends() or self._result()

    def _positional(self) -> str | None:
        for index, wanted in enumerate(self._wanted):
            if index >= len(self._have):
                return f"takes no parameter `{wanted.arg}`"
            have = self._have[index]
            if have.arg != wanted.arg:
                return f"has `{have.arg}` where `{wanted.arg}` is assumed"
            problem = self._detail(wanted, have)
            if problem:
                return problem
        for more in self._have[len(self._wanted) :]:
            named = {each.arg for each in self._stated.args.kwonlyargs}
            if more.arg not in self._have_defaults and more.arg not in named:
                return f"also needs `{more.arg}`"
        return None

    def _by_name(self) -> str | None:
        have = {each.arg: each for each in (*self._actual.args.kwonlyargs, *self._actual.args.args)}
        for wanted in self._stated.args.kwonlyargs:
            if wanted.arg not in have and self._actual.args.kwarg is None:
                return f"takes no parameter `{wanted.arg}`"
            problem = self._detail(wanted, have[wanted.arg]) if wanted.arg in have else None
            if problem:
                return problem
        stated = {each.arg for each in (*self._stated.args.kwonlyargs, *self._stated.args.args)}
        for each in self._actual.args.kwonlyargs:
            if each.arg not in self._have_defaults and each.arg not in stated:
                return f"also needs `{each.arg}`"
        return None

    def _detail(self, wanted: ast.arg, have: ast.arg) -> str | None:
        if wanted.annotation is not None and _text(wanted.annotation) != _text(have.annotation):
            return f"has `{have.arg}: {_text(have.annotation)}`"
        default = self._wanted_defaults.get(wanted.arg)
        if default is None:
            return None
        if have.arg not in self._have_defaults:
            return f"has no default for `{have.arg}`"
        is_open = isinstance(default, ast.Constant) and default.value is Ellipsis
        actual = self._have_defaults[have.arg]
        if not is_open and _text(default) != _text(actual):
            return f"has the default `{have.arg}={_text(actual)}`"
        return None

    def _open_ends(self) -> str | None:
        if self._stated.args.vararg is not None and self._actual.args.vararg is None:
            return "takes no further positional arguments"
        if self._stated.args.kwarg is not None and self._actual.args.kwarg is None:
            return "takes no further named arguments"
        return None

    def _result(self) -> str | None:
        stated, actual = self._stated.returns, self._actual.returns
        if stated is not None and _text(stated) != _text(actual):
            return f"returns `{_text(actual)}`"
        return None


def _defaults(arguments: ast.arguments, positional: Sequence[ast.arg]) -> dict[str, ast.expr]:
    found = {}
    if arguments.defaults:
        last = positional[-len(arguments.defaults) :]
        found = {each.arg: value for each, value in zip(last, arguments.defaults, strict=True)}
    for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if value is not None:
            found[each.arg] = value
    return found


def _text(node: ast.expr | None) -> str:
    return "nothing" if node is None else ast.unparse(node)
