"""Reads files by a tree-sitter grammar, where it is installed, into containers of entities.

A `Grammar` says which of a language's nodes are imports and definitions, and which hold others; the
walk is the same for all. A file with a syntax error is not read. Pure but for importing grammars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from agentd.conflicts.proposals.blocks import Container, Kind, Part, with_whole_lines

if TYPE_CHECKING:
    from tree_sitter import Node

Naming: TypeAlias = "Callable[[Node], frozenset[str] | None]"
"""What a node binds; None where it may not be moved."""

_COMMENTS: Final = frozenset({"comment", "line_comment", "block_comment"})


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one language's nodes are read."""

    module: str
    """The package with the grammar."""
    imports: Mapping[str, Naming]
    definitions: Mapping[str, Naming]
    bodies: frozenset[str]
    """Nodes that hold definitions."""
    lists: Mapping[str, Kind] = field(default_factory=dict)
    """Nodes that hold parts separated by commas, and the kind of these."""
    elements: frozenset[str] = frozenset()
    """Nodes in lists that are parts of that kind; others may not be moved."""
    attached: frozenset[str] = _COMMENTS
    """Nodes that belong to the one below."""
    wrappers: frozenset[str] = frozenset()
    """Nodes that stand around a definition."""
    function: str = "language"


def is_installed(grammar: Grammar) -> bool:
    """Whether the grammar's package is there; it comes with an extra."""
    try:
        parsed(b"", grammar)
    except ImportError:
        return False
    return True


def read_syntax(content: bytes, grammar: Grammar) -> Container | None:
    """A file as a container; None where it does not parse or its grammar is not installed."""
    try:
        root = parsed(content, grammar)
        return None if root.has_error else Container("", tuple(_Reader(grammar).parts(root, "")))
    except (ImportError, RecursionError):
        return None


def parsed(content: bytes, grammar: Grammar) -> Node:
    """The syntax tree of a file. Raises `ImportError` where the grammar is not installed."""
    from agentd.conflicts.symbols.syntax import parse

    return parse(content, grammar.module, grammar.function)


class _Reader:
    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar

    def parts(self, node: Node, scope: str) -> Iterator[Part]:
        """The parts that stand directly in a node."""
        for child, first, last in self._with_attached(node.named_children):
            yield self._part(child, first, last, scope)

    def _with_attached(self, nodes: Iterable[Node]) -> Iterator[tuple[Node, int, int]]:
        """Nodes with their lines, those of comments and attributes right above included."""
        first: int | None = None
        above = -1
        for node in nodes:
            start, last = _rows(node)
            if node.type in self._grammar.attached:
                if start < above:
                    continue  # Behind something on its line, which it is about.
                first = start if first is None or start > above else first
                above = last
                continue
            yield node, first if first is not None and start <= above else start, last
            first, above = None, last

    def _part(self, node: Node, first: int, last: int, scope: str) -> Part:
        inner = node
        while inner.type in self._grammar.wrappers:
            declared = inner.child_by_field_name("declaration")
            if declared is None:
                break
            inner = declared
        for kind, table in (
            (Kind.IMPORT, self._grammar.imports),
            (Kind.DEFINITION, self._grammar.definitions),
        ):
            naming = table.get(inner.type)
            names = naming(inner) if naming is not None else None
            if names is not None:
                names |= _as_default(node)
                # A list of imported names is the same one when another name is in it.
                called = min(names, default="") if kind is Kind.DEFINITION else _source(inner)
                way = f"{scope}{called}."
                return Part(first, last, kind, names, self._inside(inner, way))
        inside = self._inside(inner, f"{scope}{_head(inner)}.")
        return Part(first, last, None, _as_default(node), inside)

    def _inside(self, node: Node, scope: str) -> Container | None:
        """The container in a node, however deep, if there is exactly one of several lines."""
        found = [
            each for each in nearest(node, self._holds) if each.start_point.row < each.end_point.row
        ]
        if len(found) != 1:
            return None
        (body,) = found
        kind = self._grammar.lists.get(body.type)
        if kind is None:
            return Container(scope, tuple(self.parts(body, scope)))
        parts = [
            self._element(each, first, last, kind, scope)
            for each, first, last in self._with_attached(body.named_children)
        ]
        return with_whole_lines(scope, parts, body.start_point.row, body.end_point.row)

    def _element(self, node: Node, first: int, last: int, kind: Kind, scope: str) -> Part:
        fields = ("alias", "key", "name")
        key = next(filter(None, map(node.child_by_field_name, fields)), node)
        name = text_of(key).strip("\"'`")
        inside = self._inside(node, f"{scope}{name}.")
        movable = node.type in self._grammar.elements
        return Part(first, last, kind if movable else None, frozenset([name]), inside)

    def _holds(self, node: Node) -> bool:
        return node.type in self._grammar.bodies or node.type in self._grammar.lists


def nearest(node: Node, wanted: Callable[[Node], bool]) -> Iterator[Node]:
    """The nearest nodes of a sort below a node."""
    for child in node.named_children:
        if wanted(child):
            yield child
        else:
            yield from nearest(child, wanted)


def _rows(node: Node) -> tuple[int, int]:
    end = node.end_point
    return node.start_point.row, end.row + (1 if end.column else 0)


def text_of(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def _as_default(node: Node) -> frozenset[str]:
    """The name of what a module has one of: its default export."""
    is_default = any(child.type == "default" for child in node.children)
    return frozenset(["default"]) if is_default else frozenset()


def _head(node: Node) -> str:
    return text_of(node).partition("\n")[0].strip()


def _source(node: Node) -> str:
    """What an import brings its names from."""
    argument = node.child_by_field_name("argument") or node
    source = argument.child_by_field_name("source") or argument.child_by_field_name("path")
    return "" if source is None else text_of(source)


def by_field(name: str) -> Naming:
    """Names nodes by one of their fields."""

    def naming(node: Node) -> frozenset[str] | None:
        child = node.child_by_field_name(name)
        return None if child is None else frozenset([text_of(child)])

    return naming
