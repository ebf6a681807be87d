"""Reads Java by its syntax tree.

Pure; knows one file. Overloads are told apart by their parameters' types; classes that annotations
may add to are open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.summary import (
    SELF,
    STAR,
    CallShape,
    Import,
    Kind,
    Language,
    Signature,
    Summary,
)
from agentd.conflicts.symbols.syntax import Context, SyntaxReader, line_of, parse, text, within

_TYPES: Final = (
    "class_declaration",
    "interface_declaration",
    "enum_declaration",
    "record_declaration",
    "annotation_type_declaration",
)
_HARMLESS: Final = frozenset(
    ("Override", "Deprecated", "SuppressWarnings", "FunctionalInterface", "SafeVarargs", "Test")
)


def read_java(content: bytes) -> Summary:
    """Summarises a compilation unit."""
    root = parse(content, "tree_sitter_java")
    reader = _Reader(Language.JAVA, root, "//")
    reader.offered = set()
    reader.imports_bind = False
    reader.any_owner = True
    reader.visit_children(root, Context())
    return reader.summary()


@dataclass(slots=True)
class _Reader(SyntaxReader):
    def __post_init__(self) -> None:
        SyntaxReader.__post_init__(self)
        self.handlers = {
            "package_declaration": self._package,
            "import_declaration": self._import,
            "method_declaration": self._method,
            "constructor_declaration": self._constructor_declaration,
            "field_declaration": self._field,
            "constant_declaration": self._field,
            "enum_constant": self._enum_constant,
            "local_variable_declaration": self._local,
            "formal_parameter": self._local,
            "spread_parameter": self._local,
            "catch_formal_parameter": self._local,
            "resource": self._local,
            "enhanced_for_statement": self._local,
            "inferred_parameters": self._inferred,
            "lambda_expression": self._lambda,
            "type_parameter": self._type_parameter,
            "type_identifier": self._type_identifier,
            "scoped_type_identifier": lambda node, context: None,
            "object_creation_expression": self._creation,
            "method_invocation": self._invocation,
            "field_access": self._field_access,
            "marker_annotation": self._annotation,
            "annotation": self._annotation,
            **dict.fromkeys(_TYPES, self._type),
        }

    def _package(self, node: Node, context: Context) -> None:
        self.package = text(node.named_children[-1])

    def _import(self, node: Node, context: Context) -> None:
        path = next((text(c) for c in node.named_children if c.type != "asterisk"), "")
        if any(child.type == "asterisk" for child in node.named_children):
            if not any(child.type == "static" for child in node.children):
                self.stars.append(path)
                self.imports.append(Import(path, STAR, "", line_of(node)))
            return
        if any(child.type == "static" for child in node.children):
            # Of a static import only the class is looked for: members may be inherited.
            holder = path.rpartition(".")[0]
            module, _, name = holder.rpartition(".")
            self.imports.append(Import(module, name, "", line_of(node)))
            self.locals.add(path.rpartition(".")[2])
            return
        module, _, name = path.rpartition(".")
        self.imports.append(Import(module, name, name, line_of(node)))

    def _type(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        body = node.child_by_field_name("body")
        if context.inside:
            self.locals.add(name)
            self.visit_children(node, replace(context, owner=""))
            return
        derived = any(
            child.type in ("superclass", "super_interfaces", "extends_interfaces")
            for child in node.named_children
        )
        annotated = _has_strange_annotation(node)
        self.define(
            node,
            Kind.CLASS,
            name,
            context,
            signature=None if annotated else _constructor(node, body),
            closed=not derived and not annotated and node.type != "record_declaration",
        )
        if self.offered is not None:
            self.offered.add(name)
        inner = within(context, name)
        for child in node.named_children:
            if child.type != "identifier" and child != body:
                self.visit(child, context)
        if body is not None:
            self.visit_children(body, inner)

    def _method(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        parameters = node.child_by_field_name("parameters")
        if not context.inside and context.owner:
            static = "static" in _modifiers(node)
            self.define(
                node,
                Kind.STATIC if static else Kind.METHOD,
                name,
                context,
                signature=_signature(parameters),
                variant=_parameter_types(parameters),
            )
        self._inside(node, context)

    def _constructor_declaration(self, node: Node, context: Context) -> None:
        parameters = node.child_by_field_name("parameters")
        if not context.inside:
            self.define(
                node,
                Kind.METHOD,
                "<init>",
                context,
                signature=_signature(parameters),
                variant=_parameter_types(parameters),
            )
        self._inside(node, context)

    def _inside(self, node: Node, context: Context) -> None:
        self.visit_children(node, replace(context, inside=True, qualifier=""))

    def _field(self, node: Node, context: Context) -> None:
        for child in node.children_by_field_name("declarator"):
            name = text(child.child_by_field_name("name"))
            if context.inside or not context.owner:
                self.locals.add(name)
            else:
                self.define(node, Kind.VALUE, name, context)
            self.visit_field(child, "value", replace(context, inside=True, qualifier=""))
        self.visit_field(node, "type", context)

    def _enum_constant(self, node: Node, context: Context) -> None:
        if not context.inside:
            self.define(node, Kind.VALUE, text(node.child_by_field_name("name")), context)
        self._inside(node, context)

    def _local(self, node: Node, context: Context) -> None:
        for child in (node, *node.named_children):
            name = child.child_by_field_name("name")
            if name is not None and name.type == "identifier":
                self.locals.add(text(name))
        self.visit_children(node, context)

    def _inferred(self, node: Node, context: Context) -> None:
        self.locals.update(text(child) for child in node.named_children)

    def _lambda(self, node: Node, context: Context) -> None:
        parameters = node.child_by_field_name("parameters")
        if parameters is not None and parameters.type == "identifier":
            self.locals.add(text(parameters))
        self.visit_children(node, context)

    def _type_parameter(self, node: Node, context: Context) -> None:
        for child in node.named_children:
            if child.type == "type_identifier":
                self.locals.add(text(child))
            else:
                self.visit(child, context)

    def _type_identifier(self, node: Node, context: Context) -> None:
        self.use(node, "", text(node), context)

    def _annotation(self, node: Node, context: Context) -> None:
        name = node.child_by_field_name("name")
        if name is not None and name.type == "identifier":
            self.use(node, "", text(name), context)
        self.visit_children(node, context)

    def _creation(self, node: Node, context: Context) -> None:
        kind = node.child_by_field_name("type")
        if kind is not None and kind.type == "generic_type":
            kind = kind.named_children[0]
        qualified = node.children[0].type != "new"
        if kind is not None and kind.type == "type_identifier" and not qualified:
            shape = _shape(node.child_by_field_name("arguments"))
            self.call(node, "", text(kind), shape, context)
        body = next((c for c in node.named_children if c.type == "class_body"), None)
        for child in node.named_children:
            if child == body:
                # An anonymous class: `this` is another one in it.
                self.visit(child, replace(context, owner="", inside=True))
            else:
                self.visit(child, context)

    def _invocation(self, node: Node, context: Context) -> None:
        holder = node.child_by_field_name("object")
        name = text(node.child_by_field_name("name"))
        shape = _shape(node.child_by_field_name("arguments"))
        self.members.add(name)
        owner = None
        if holder is None or holder.type == "this":
            top_level = context.owner and "." not in context.owner
            owner = f"{SELF}{context.owner}" if top_level and name not in self.locals else None
        elif holder.type == "identifier" and text(holder)[:1].isupper():
            owner = text(holder)
        if owner is not None:
            self.use(node, owner, name, context)
            self.call(node, owner, name, shape, context)
        for part in ("object", "type_arguments", "arguments"):
            self.visit_field(node, part, context)
        if holder is not None and holder.type == "identifier" and text(holder)[:1].isupper():
            self.use(node, "", text(holder), context)

    def _field_access(self, node: Node, context: Context) -> None:
        holder = node.child_by_field_name("object")
        name = text(node.child_by_field_name("field"))
        self.members.add(name)
        if holder is not None and holder.type == "identifier" and text(holder)[:1].isupper():
            self.use(node, text(holder), name, context)
            self.use(node, "", text(holder), context)
        elif holder is not None:
            self.visit(holder, context)


def _modifiers(node: Node) -> set[str]:
    return {
        inner.type
        for child in node.named_children
        if child.type == "modifiers"
        for inner in child.children
    }


def _has_strange_annotation(node: Node) -> bool:
    """Whether an annotation may add members or constructors."""
    return any(
        text(inner.child_by_field_name("name")) not in _HARMLESS
        for child in node.named_children
        if child.type == "modifiers"
        for inner in child.named_children
        if inner.type in ("marker_annotation", "annotation")
    )


def _constructor(node: Node, body: Node | None) -> Signature | None:
    """What `new` takes; None where there are several constructors, or none can be seen."""
    if node.type == "record_declaration":
        return None
    if node.type != "class_declaration" or body is None:
        return None
    found = [child for child in body.named_children if child.type == "constructor_declaration"]
    if not found:
        return Signature()
    return _signature(found[0].child_by_field_name("parameters")) if len(found) == 1 else None


def _parameter_types(parameters: Node | None) -> str:
    types = []
    for child in parameters.named_children if parameters is not None else ():
        if child.type == "formal_parameter":
            types.append("".join(text(child.child_by_field_name("type")).split()))
        elif child.type == "spread_parameter":
            types.append("".join(text(child).split())[:60])
    return ",".join(types)


def _signature(parameters: Node | None) -> Signature | None:
    if parameters is None:
        return None
    names = []
    variadic = False
    for child in parameters.named_children:
        if child.type == "formal_parameter":
            names.append(text(child.child_by_field_name("name")))
        elif child.type == "spread_parameter":
            variadic = True
    return Signature(tuple(names), len(names), len(names), any_positional=variadic)


def _shape(arguments: Node | None) -> CallShape:
    given = arguments.named_children if arguments is not None else []
    return CallShape(sum(not child.type.endswith("comment") for child in given))
