"""Reads a Python file into containers of imports, definitions and entries. Pure."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from agentd.conflicts.proposals.blocks import Container, Kind, Part, with_whole_lines
from agentd.conflicts.proposals.unordered import about, may_be_listed_anywhere

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Placed: TypeAlias = ast.expr | ast.stmt | ast.alias
_Element: TypeAlias = tuple[_Placed, _Placed, Kind | None, str, Container | None]
"""Where it begins and ends, what it is, its name, and what is in it."""
_BELONGS_ON_TOP: Final = re.compile(rb"#!|[ \t\f]*#.*?coding[:=]")


def read_python(text: str, lines: Sequence[bytes]) -> Container | None:
    """The file as a container; None where it does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Odd escapes in somebody's strings are not our affair.
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return Container("", tuple(_Reader(lines).parts(module.body, "")))


class _Reader:
    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        # What runs the file, and its encoding, are nobody's comments.
        self._top = sum(_BELONGS_ON_TOP.match(line) is not None for line in lines[:2])

    def parts(self, body: Sequence[ast.stmt], scope: str) -> Iterator[Part]:
        floor = 0
        for statement in body:
            first, last = _extent(statement)
            first = self._with_comments(first, floor)
            floor = last
            yield self._part(statement, first, last, scope)

    def _with_comments(self, first: int, floor: int) -> int:
        while first > max(floor, self._top) and self._lines[first - 1].lstrip().startswith(b"#"):
            first -= 1
        return first

    def _part(self, statement: ast.stmt, first: int, last: int, scope: str) -> Part:
        match statement:
            case ast.Import() | ast.ImportFrom():
                names, inside = _imported(statement), self._imported_names(statement, scope)
                if "*" in names or (names and _is_future(statement)):
                    return Part(first, last, None, names)  # What it does depends on its place.
                return Part(first, last, Kind.IMPORT, names, inside)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return Part(first, last, Kind.DEFINITION, frozenset([statement.name]))
            case ast.ClassDef():
                inner = f"{scope}{statement.name}."
                inside = Container(inner, tuple(self.parts(statement.body, inner)))
                return Part(first, last, Kind.DEFINITION, frozenset([statement.name]), inside)
            case ast.If() if not statement.orelse and _is_for_types(statement.test):
                inside = Container(scope, tuple(self.parts(statement.body, scope)))
                return Part(first, last, None, inside=inside)
            case ast.Assign() | ast.AnnAssign() if statement.value is not None:
                name = ast.unparse(
                    statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                )
                inside = self._entries(statement.value, scope, name)
                return Part(first, last, None, frozenset([*_bound([statement]), name]), inside)
        return Part(first, last, None, frozenset(_bound([statement])))

    def _imported_names(
        self, statement: ast.Import | ast.ImportFrom, scope: str
    ) -> Container | None:
        if isinstance(statement, ast.Import):
            return None
        source = "." * statement.level + (statement.module or "")
        return self._list(
            f"{scope}from {source}:",
            statement,
            [
                (alias, alias, Kind.IMPORT, alias.asname or alias.name, None)
                for alias in statement.names
            ],
        )

    def _entries(self, value: ast.expr, outer: str, name: str) -> Container | None:
        scope = f"{outer}{name}="
        match value:
            case ast.Dict():
                # What `**` brings in may be overridden by what follows.
                if None in value.keys:
                    return None
                return self._list(
                    scope,
                    value,
                    [
                        (
                            key,
                            item,
                            Kind.ENTRY if isinstance(key, ast.Constant) else None,
                            ast.unparse(key),
                            self._entries(item, scope, ast.unparse(key).strip("\"'")),
                        )
                        for key, item in zip(value.keys, value.values, strict=True)
                        if key is not None
                    ],
                )
            case ast.List() | ast.Tuple() | ast.Set():
                is_set = isinstance(value, ast.Set)
                return self._list(
                    scope, value, [_listed(item, name, in_set=is_set) for item in value.elts]
                )
        return None

    def _list(self, scope: str, around: _Placed, elements: Sequence[_Element]) -> Container | None:
        """Elements that are separated by commas, each with the comments above it."""
        parts: list[Part] = []
        opening, closing = around.lineno - 1, (around.end_lineno or around.lineno) - 1
        for begins, ends, kind, name, inside in elements:
            floor = parts[-1].last if parts else opening + 1
            first = self._with_comments(begins.lineno - 1, floor)
            last = ends.end_lineno or ends.lineno
            parts.append(Part(first, last, kind, frozenset([name]), inside))
        return with_whole_lines(scope, parts, opening, closing)


def _listed(item: ast.expr, called: str, *, in_set: bool) -> _Element:
    """An element of a list; a number's place may be what it means, but not in a set."""
    if not isinstance(item, ast.Constant):
        return item, item, None, ast.unparse(item), None
    if not isinstance(item.value, str):
        return item, item, Kind.ENTRY if in_set else None, ast.unparse(item), None
    kind = Kind.ENTRY if in_set or may_be_listed_anywhere(item.value, called) else None
    return item, item, kind, about(item.value), None


def _bound(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """What statements bind that are no definitions and imports themselves, but may hold some.

    The variables of loops and of `with` are left out: a name may be used for many of them.
    """
    for statement in statements:
        match statement:
            case ast.Assign():
                for target in statement.targets:
                    yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
            case ast.Import() | ast.ImportFrom():
                yield from _imported(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.If() | ast.Try():
                handlers = statement.handlers if isinstance(statement, ast.Try) else []
                for handler in handlers:
                    yield from _bound(handler.body)
                yield from _bound([*statement.body, *statement.orelse])


def _extent(statement: ast.stmt) -> tuple[int, int]:
    first = statement.lineno
    if isinstance(statement, _Definition):
        first = min([first, *(decorator.lineno for decorator in statement.decorator_list)])
    return first - 1, statement.end_lineno or statement.lineno


def _imported(statement: ast.Import | ast.ImportFrom) -> frozenset[str]:
    return frozenset(
        alias.asname
        or (alias.name.partition(".")[0] if isinstance(statement, ast.ImportFrom) else alias.name)
        for alias in statement.names
    )


def _is_future(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING")
