"""Reads Java by its syntax tree.

Pure; knows one file. Overloads are told apart by their parameters' types; classes that annotations
may add to are open.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
    Call,
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
    reader.finish()
    return reader.summary()


_FIELD: Final = "field"
"""The variant of fields: a method, or a class in the class, may have the same name."""
_CLASS: Final = "class"


@dataclass(slots=True)
class _Reader(SyntaxReader):
    static_imports: dict[str, str] = field(default_factory=dict)
    """The class of each member that is imported by itself; empty: there are several."""
    static_star: bool = False
    """Whether all members of some class are imported."""
    static_calls: list[Call] = field(default_factory=list)

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
            "scoped_type_identifier": self._scoped_type,
            "identifier": self._identifier,
            "switch_label": self._switch_label,
            "break_statement": lambda node, context: None,
            "continue_statement": lambda node, context: None,
            "labeled_statement": self._labelled,
            "element_value_pair": lambda node, context: self.visit_field(node, "value", context),
            "object_creation_expression": self._creation,
            "method_invocation": self._invocation,
            "field_access": self._field_access,
            "marker_annotation": self._annotation,
            "annotation": self._annotation,
            **dict.fromkeys(_TYPES, self._type),
        }

    def finish(self) -> None:
        """Settles which calls reach an imported member: a method of that name would hide it."""
        if not any(each.bases for each in self.definitions):
            own = {each.simple_name for each in self.definitions}
            self.calls += (each for each in self.static_calls if each.name not in own)

    def _package(self, node: Node, context: Context) -> None:
        self.package = text(node.named_children[-1])

    def _import(self, node: Node, context: Context) -> None:
        path = next((text(c) for c in node.named_children if c.type != "asterisk"), "")
        if any(child.type == "asterisk" for child in node.named_children):
            if any(child.type == "static" for child in node.children):
                self.static_star = True
            else:
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
            known = self.static_imports.get(member, holder)
            self.static_imports[member] = holder if known == holder else ""
            return
        module, _, name = path.rpartition(".")
        self.imports.append(Import(module, name, name, line_of(node)))
        self.define_import(node, name, context, source=path)

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
            variant=_CLASS,
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
                self.define(node, Kind.VALUE, name, context, variant=_FIELD)
            self.visit_field(child, "value", replace(context, inside=True, qualifier=""))
        self.visit_field(node, "type", context)

    def _enum_constant(self, node: Node, context: Context) -> None:
        if not context.inside:
            name = text(node.child_by_field_name("name"))
            self.define(node, Kind.VALUE, name, context, variant=_FIELD)
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

    def _scoped_type(self, node: Node, context: Context) -> None:
        """A class inside another: `Outer.Inner`."""
        outer, *inner = text(node).split(".")
        if outer[:1].isupper() and outer.isidentifier() and len(inner) == 1:
            self.use(node, "", outer, context)
            self.use(node, outer, inner[0], context)

    def _identifier(self, node: Node, context: Context) -> None:
        """A variable, or a field of the class that this is in."""
        name = text(node)
        if context.inside and not self.static_star:
            owner = self._own_class(name, context)
            if owner is not None:
                self.use(node, owner, name, context)

    def _own_class(self, name: str, context: Context) -> str | None:
        """The class of which a bare name is a member, unless something nearer has it."""
        top_level = context.owner and "." not in context.owner
        return f"{SELF}{context.owner}" if top_level and name not in self.locals else None

    def _switch_label(self, node: Node, context: Context) -> None:
        for child in node.named_children:
            if child.type != "identifier":  # The constant of an enumeration.
                self.visit(child, context)

    def _labelled(self, node: Node, context: Context) -> None:
        for child in node.named_children[1:]:
            self.visit(child, context)

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
        elif holder is None and self.static_imports.get(name):
            imported = f"{INSTANCE}{self.static_imports[name]}"
            self.static_calls.append(Call(imported, name, shape, (line_of(node),), context.guarded))
        for part in ("object", "type_arguments", "arguments"):
            self.visit_field(node, part, context)
        if holder is not None and holder.type == "identifier" and text(holder)[:1].isupper():
            self.use(node, "", text(holder), context)

    def _owner(self, holder: Node | None, name: str, context: Context) -> str | None:
        """What a method is called on, where that can be found."""
        if holder is None or holder.type == "this":
            return self._own_class(name, context)
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
            if holder.type == "this" and context.owner:
                owner = f"{SELF}{context.owner}"
            if owner is not None:
                self.use(node, owner, name, context)
            self.visit(holder, context)
