"""Reads Java by its syntax tree.

Pure; knows one file. Overloads are told apart by their parameters' types; classes that annotations
may add to are open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.instances import instance_names
from agentd.conflicts.symbols.java_nodes import (
    bases,
    bindings,
    call_shape,
    constructor_signature,
    has_strange_annotation,
    is_given_members,
    method_signature,
    modifiers,
    parameter_types,
    type_name,
    value_type,
)
from agentd.conflicts.symbols.summary import (
    INSTANCE,
    SELF,
    STAR,
    SUPER,
    Import,
    Kind,
    Language,
    Summary,
)
from agentd.conflicts.symbols.syntax import (
    Context,
    SyntaxReader,
    enter,
    line_of,
    parse,
    text,
    within,
)

_TYPES: Final = (
    "class_declaration",
    "interface_declaration",
    "enum_declaration",
    "record_declaration",
    "annotation_type_declaration",
)
_FUNCTIONS: Final = frozenset(("method_declaration", "constructor_declaration"))


def read_java(content: bytes) -> Summary:
    """Summarises a compilation unit."""
    root = parse(content, "tree_sitter_java")
    reader = _Reader(Language.JAVA, root, "//")
    reader.offered = set()
    reader.imports_bind = False
    reader.any_owner = True
    reader.instances = instance_names(root, _FUNCTIONS, bindings)
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
            holder = path.rpartition(".")[0]
            module, _, name = holder.rpartition(".")
            member = path.rpartition(".")[2]
            self.imports.append(Import(module, name, "", line_of(node)))
            self.use(node, f"{INSTANCE}{holder}", member, context)
            self.locals.add(member)
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
        annotated = has_strange_annotation(node) or is_given_members(body)
        self.define(
            node,
            Kind.CLASS,
            name,
            context,
            signature=None if annotated else constructor_signature(node, body),
            closed=not annotated,
            bases=tuple(bases(node)),
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
            static = "static" in modifiers(node)
            self.define(
                node,
                Kind.STATIC if static else Kind.METHOD,
                name,
                context,
                signature=method_signature(parameters),
                variant=parameter_types(parameters),
                returns=type_name(node.child_by_field_name("type")),
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
                signature=method_signature(parameters),
                variant=parameter_types(parameters),
            )
        self._inside(node, context)

    def _inside(self, node: Node, context: Context) -> None:
        self.visit_children(node, replace(enter(node, context), qualifier=""))

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
            shape = call_shape(node.child_by_field_name("arguments"))
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
        shape = call_shape(node.child_by_field_name("arguments"))
        self.members.add(name)
        owner = self._owner(holder, name, context)
        if owner is not None:
            self.use(node, owner, name, context)
            self.call(node, owner, name, shape, context)
        for part in ("object", "type_arguments", "arguments"):
            self.visit_field(node, part, context)
        if holder is not None and holder.type == "identifier" and text(holder)[:1].isupper():
            self.use(node, "", text(holder), context)

    def _owner(self, holder: Node | None, name: str, context: Context) -> str | None:
        """What a method is called on, where that can be found."""
        if holder is None or holder.type == "this":
            top_level = context.owner and "." not in context.owner
            return f"{SELF}{context.owner}" if top_level and name not in self.locals else None
        if holder.type == "parenthesized_expression" and holder.named_children:
            holder = holder.named_children[0]
        match holder.type:
            case "super":
                return f"{SUPER}{context.owner}" if context.owner else None
            case "identifier" if text(holder)[:1].isupper():
                return text(holder)
            case "identifier":
                return self.instance(text(holder), context)
            case "field_access" if text(holder.child_by_field_name("object")) == "this":
                kind = self.instances.of_file.get(text(holder.child_by_field_name("field")))
                return f"{INSTANCE}{kind}" if kind else None
            case _:
                kind = value_type(holder)
                return f"{INSTANCE}{kind}" if kind else None

    def _field_access(self, node: Node, context: Context) -> None:
        holder = node.child_by_field_name("object")
        name = text(node.child_by_field_name("field"))
        self.members.add(name)
        if holder is not None and holder.type == "identifier" and text(holder)[:1].isupper():
            self.use(node, text(holder), name, context)
            self.use(node, "", text(holder), context)
        elif holder is not None:
            owner = self.instance(text(holder), context) if holder.type == "identifier" else None
            if owner is not None:
                self.use(node, owner, name, context)
            self.visit(holder, context)
