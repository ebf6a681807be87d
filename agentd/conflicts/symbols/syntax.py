"""What all languages read by tree-sitter share: parsing, walking, and gathering a summary.

A reader of one language says what its nodes mean; names that are bound anywhere inside a function
are left alone, so that an inner name never looks like an outer one. Pure; knows one file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from typing import Final

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser

from agentd.conflicts.symbols.digests import LineDigests
from agentd.conflicts.symbols.instances import InstanceNames
from agentd.conflicts.symbols.summary import (
    INSTANCE,
    SELF,
    SUPER,
    Block,
    Call,
    CallShape,
    Definition,
    Import,
    Kind,
    Language,
    Signature,
    Summary,
    Use,
    bare_owner,
    calls_once,
    uses_once,
)

_NAME_NODES: Final = frozenset(
    (
        "identifier",
        "type_identifier",
        "field_identifier",
        "property_identifier",
        "package_identifier",
        "shorthand_property_identifier",
    )
)


@cache
def _parser(module: str, function: str) -> Parser:
    grammar = getattr(import_module(module), function)
    return Parser(Grammar(grammar()))


def parse(content: bytes, module: str, function: str = "language") -> Node:
    """The syntax tree of a file; ImportError where the grammar is not installed."""
    return _parser(module, function).parse(content).root_node


def text(node: Node | None) -> str:
    """The source text of a node."""
    raw = node.text if node is not None else None
    return raw.decode("utf-8", "replace") if raw is not None else ""


def line_of(node: Node) -> int:
    """The line that a node begins on, from 1."""
    return node.start_point.row + 1


def descend(node: Node) -> Iterator[Node]:
    """A node and everything in it."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(current.children))


@dataclass(frozen=True, slots=True)
class Context:
    """Where in the file a reader stands."""

    qualifier: str = ""
    owner: str = ""
    """The class that `self` or `this` is of."""
    inside: bool = False
    """Whether this is inside a function."""
    function: int = 0
    """The id of the outermost function's node that this is inside."""
    conditional: bool = False
    guarded: bool = False


@dataclass(slots=True)
class SyntaxReader:
    """Gathers a summary; a language's reader adds what its nodes mean."""

    language: Language
    root: Node
    comment: str
    imports_bind: bool = True
    """Whether an import's name is one of the file's own, and so offered to others."""
    handlers: Mapping[str, Callable[[Node, Context], None]] = field(default_factory=dict)
    any_owner: bool = False
    """Whether a member's owner may be a name that this file neither imports nor defines."""
    instances: InstanceNames = field(default_factory=InstanceNames)
    package: str = ""
    definitions: list[Definition] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    offered: set[str] | None = None
    locals: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    assigned: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)
    dynamic: bool = False
    opaque: bool = False
    conditional: bool = False
    digests: LineDigests = field(init=False)

    def __post_init__(self) -> None:
        self.digests = LineDigests(text(self.root).split("\n"), self.comment)

    def visit(self, node: Node, context: Context) -> None:
        """Reads a node by its handler, or what is in it."""
        handler = self.handlers.get(node.type)
        if handler is not None:
            handler(node, context)
        else:
            self.visit_children(node, context)

    def visit_children(self, node: Node, context: Context) -> None:
        """Reads what is in a node."""
        for child in node.named_children:
            self.visit(child, context)

    def visit_field(self, node: Node, name: str, context: Context) -> None:
        """Reads one field of a node, where it has it."""
        child = node.child_by_field_name(name)
        if child is not None:
            self.visit(child, context)

    def define(
        self,
        node: Node,
        kind: Kind,
        name: str,
        context: Context,
        *,
        signature: Signature | None = None,
        variant: str = "",
        repeatable: bool = False,
        closed: bool = False,
        bases: tuple[str, ...] = (),
        returns: str = "",
    ) -> None:
        """Takes in a definition; one on the top level binds its name."""
        first, last = line_of(node), node.end_point.row + 1
        if not context.qualifier:
            self.bound.add(name)
        self.definitions.append(
            Definition(
                name=f"{context.qualifier}{name}",
                kind=kind,
                line=first,
                end_line=last,
                digest=self.digests.of(first, last),
                signature=signature,
                variant=variant,
                repeatable=repeatable or context.conditional,
                closed=closed,
                bases=bases,
                returns=returns,
                mentions=frozenset(_mentions(node))
                if kind in (Kind.FUNCTION, Kind.METHOD, Kind.STATIC)
                else frozenset(),
            )
        )

    def define_import(self, node: Node, local: str, context: Context, *, source: str = "") -> None:
        """Takes in the name of an import as something that must not be there twice.

        With a source, only another one's import under that name is a mistake.
        """
        if local:
            self.definitions.append(
                Definition(
                    name=f"import {local}",
                    kind=Kind.IMPORT,
                    line=line_of(node),
                    end_line=line_of(node),
                    digest=source,
                    repeatable=context.conditional or context.inside,
                )
            )

    def instance(self, name: str, context: Context) -> str | None:
        """The owner that a name is where it stands for an instance of one class."""
        kind = self.instances.kind(context.function, name)
        return f"{INSTANCE}{kind}" if kind else None

    def use(self, node: Node, owner: str, name: str, context: Context) -> None:
        """Takes in a name that is used."""
        self.uses.append(Use(owner, name, (line_of(node),), context.guarded))

    def call(self, node: Node, owner: str, name: str, shape: CallShape, context: Context) -> None:
        """Takes in a call."""
        self.calls.append(Call(owner, name, shape, (line_of(node),), context.guarded))

    def summary(self, *, strict: bool = True) -> Summary:
        """Everything that was gathered; the reader is done then."""
        self.handlers = {}  # They hold the reader, and it the whole tree.
        roots = {each.local for each in self.imports} | {
            each.name for each in self.definitions if each.kind is Kind.CLASS
        }
        return Summary(
            language=self.language,
            parsed=not self.root.has_error,
            strict=strict,
            package=self.package,
            definitions=tuple(self.definitions),
            imports=tuple(self.imports),
            uses=uses_once(
                each for each in self.uses if self._counts(each.owner, each.name, roots)
            ),
            calls=calls_once(
                each for each in self.calls if self._counts(each.owner, each.name, roots)
            ),
            bound=frozenset(self.bound | self._imported()),
            offered=None if self.offered is None else frozenset(self.offered),
            stars=tuple(self.stars),
            dynamic=self.dynamic,
            opaque=self.opaque,
            conditional=self.conditional,
            members=frozenset(self.members),
            assigned=frozenset(self.assigned),
            blocks=tuple(
                Block(first, last, self.digests.of(first, last))
                for child in self.root.named_children
                for first, last in [(line_of(child), child.end_point.row + 1)]
            ),
        )

    def _imported(self) -> set[str]:
        return {each.local for each in self.imports if each.local} if self.imports_bind else set()

    def _counts(self, owner: str, name: str, roots: set[str]) -> bool:
        if not owner:
            return name not in self.locals
        root = bare_owner(owner).partition(".")[0].removesuffix("()")
        if owner[0] in (SELF, SUPER):
            return True
        known = self.any_owner or owner.startswith(INSTANCE) or root in roots
        return known and root not in self.locals


def enter(node: Node, context: Context) -> Context:
    """The context inside a function."""
    return replace(context, inside=True, function=context.function or node.id)


def within(context: Context, name: str) -> Context:
    """The context inside a class."""
    qualified = f"{context.qualifier}{name}"
    return replace(context, qualifier=f"{qualified}.", owner=qualified)


def _mentions(node: Node) -> Iterator[str]:
    pending = [node]
    while pending:
        inner = pending.pop()
        if inner.type in _NAME_NODES:
            yield text(inner)
        else:
            pending += inner.named_children  # A name has no names inside it.
