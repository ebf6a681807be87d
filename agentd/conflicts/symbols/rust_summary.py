"""Reads Rust by its syntax tree; paths are written with dots, as everywhere in the guard.

Pure; knows one file. What stands inside a macro's arguments is tokens and not read, but for the
standard library's; what a macro makes on the top level cannot be seen, and makes the file dynamic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.instances import instance_names
from agentd.conflicts.symbols.rust_modules import ROOTS, ModuleReader
from agentd.conflicts.symbols.rust_nodes import (
    bindings,
    bound_by,
    call_shape,
    depends,
    dotted,
    expressions_of,
    fields,
    function_signature,
    is_decorated,
    parts_of_path,
    struct_signature,
    type_name,
    value_type,
)
from agentd.conflicts.symbols.summary import (
    INSTANCE,
    SELF,
    CallShape,
    Kind,
    Language,
    Summary,
)
from agentd.conflicts.symbols.syntax import (
    Context,
    SyntaxReader,
    enter,
    parse,
    text,
    within,
)

_TYPES: Final = ("struct_item", "enum_item", "union_item", "trait_item", "type_item")
_VALUES: Final = ("const_item", "static_item")
_FUNCTIONS: Final = frozenset(("function_item",))
_TYPE: Final = "type"
"""The variant of what is a type or a module: a function or a value may have the same name."""
_PATTERN_FIELDS: Final = ("pattern", "left")


def read_rust(content: bytes) -> Summary:
    """Summarises a module's file."""
    root = parse(content, "tree_sitter_rust")
    reader = _Reader(Language.RUST, root, "//")
    reader.any_owner = True
    reader.instances = instance_names(root, _FUNCTIONS, bindings)
    reader.items(root, Context())
    return reader.summary()


@dataclass(slots=True)
class _Reader(ModuleReader):
    def __post_init__(self) -> None:
        SyntaxReader.__post_init__(self)
        self.handlers = {
            "use_declaration": self.read_use,
            "extern_crate_declaration": self.read_extern_crate,
            "function_item": self._function,
            "function_signature_item": self._function,
            "impl_item": self._impl,
            "mod_item": self._module,
            "macro_definition": self._macro,
            "macro_invocation": self._invocation,
            "attribute_item": lambda node, context: None,
            "inner_attribute_item": lambda node, context: None,
            "declaration_list": self.items,
            "block": self.items,
            "let_declaration": self._pattern,
            "let_condition": self._pattern,
            "match_arm": self._pattern,
            "for_expression": self._pattern,
            "parameter": self._pattern,
            "closure_parameters": self._closure_parameters,
            "type_parameters": self._type_parameters,
            "identifier": self._identifier,
            "type_identifier": self._identifier,
            "scoped_identifier": self._scoped,
            "scoped_type_identifier": self._scoped,
            "field_expression": self._field,
            "call_expression": self._call,
            "struct_expression": self._struct_expression,
            "shorthand_field_initializer": self.visit_children,
            "token_tree": lambda node, context: None,
            **dict.fromkeys(_TYPES, self._type),
            **dict.fromkeys(_VALUES, self._value),
        }

    def items(self, node: Node, context: Context) -> None:
        """Reads a list of items; an attribute with `cfg` makes the next one conditional."""
        conditional = False
        for child in node.named_children:
            if child.type == "attribute_item":
                conditional |= depends(child)
                continue
            if child.type.endswith("comment"):
                continue
            here = replace(context, conditional=context.conditional or conditional)
            self.visit(child, here)
            conditional = False

    # Items

    def _function(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        parameters = node.child_by_field_name("parameters")
        signature, method = function_signature(parameters)
        kind = Kind.FUNCTION
        if context.owner:
            kind = Kind.METHOD if method else Kind.STATIC
        if context.inside:
            self.locals.add(name)
        else:
            returns = type_name(node.child_by_field_name("return_type"))
            self.define(
                node,
                kind,
                name,
                context,
                signature=signature,
                variant=self._variant(node),
                returns=context.owner if returns == "Self" else returns,
            )
        inner = replace(enter(node, context), qualifier="")
        for part in ("type_parameters", "parameters", "return_type", "body"):
            self.visit_field(node, part, inner)

    def _variant(self, node: Node) -> str:
        """The header of the `impl` that a function stands in: traits may share names."""
        holder = node.parent.parent if node.parent is not None else None
        if holder is None or holder.type != "impl_item":
            return ""
        body = holder.child_by_field_name("body")
        header = text(holder)[: (body.start_byte - holder.start_byte) if body is not None else None]
        return " ".join(header.split())

    def _impl(self, node: Node, context: Context) -> None:
        kind = node.child_by_field_name("type")
        name = text(
            kind.child_by_field_name("type") if kind and kind.type == "generic_type" else kind
        )
        for part in ("type_parameters", "trait", "type"):
            self.visit_field(node, part, context)
        if context.inside or not name.isidentifier():
            self.visit_field(node, "body", replace(context, inside=True, owner=""))
        else:
            self.visit_field(node, "body", within(replace(context, qualifier=""), name))

    def _module(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        body = node.child_by_field_name("body")
        if context.inside:
            return
        if body is None:
            self.declare(node, name, context)
            return
        self.define(node, Kind.VALUE, name, context, variant=_TYPE)
        # An inner module sees this file's names only where it takes them all in.
        sees = "use super::*" in text(body) and not context.guarded
        inner = f"{context.qualifier}{name}."
        self.depth += 1
        self.items(body, replace(context, qualifier=inner, guarded=not sees))
        self.depth -= 1

    def _type(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        if context.inside:
            self.locals.add(name)
        else:
            self.define(
                node,
                Kind.CLASS,
                name,
                context,
                signature=struct_signature(node),
                variant=_TYPE,
                closed=node.type in ("enum_item", "struct_item") and not is_decorated(node),
            )
        if node.type == "enum_item":
            self._variants(node, name, context)
        for field, conditional in fields(node) if not context.inside else ():
            here = replace(context, conditional=context.conditional or conditional)
            named = text(field.child_by_field_name("name"))
            self.define(field, Kind.VALUE, named, within(here, name))
        if node.type == "trait_item":
            self.visit_field(node, "type_parameters", context)
            self.visit_field(node, "body", within(context, name))
        else:
            self.visit_children(node, replace(context, inside=True))

    def _variants(self, node: Node, name: str, context: Context) -> None:
        body = node.child_by_field_name("body")
        for child in body.named_children if body is not None else ():
            if child.type == "enum_variant" and not context.inside:
                variant = text(child.child_by_field_name("name"))
                self.define(child, Kind.VALUE, variant, within(context, name))

    def _value(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        if context.inside:
            self.locals.add(name)
        elif name != "_":
            self.define(node, Kind.VALUE, name, context)
        for part in ("type", "value"):
            self.visit_field(node, part, context)

    def _macro(self, node: Node, context: Context) -> None:
        self.bound.add(text(node.child_by_field_name("name")))

    def _invocation(self, node: Node, context: Context) -> None:
        if not context.inside:
            self.dynamic = True
        given = expressions_of(node)
        if given is not None:
            self.visit_children(given, context)

    # Names bound inside functions

    def _pattern(self, node: Node, context: Context) -> None:
        for name in _PATTERN_FIELDS:
            pattern = node.child_by_field_name(name)
            if pattern is not None:
                self.locals.update(bound_by(pattern))
                self._pattern_paths(pattern, context)
        for index, child in enumerate(node.children):
            if child.is_named and node.field_name_for_child(index) not in _PATTERN_FIELDS:
                self.visit(child, context)

    def _pattern_paths(self, node: Node, context: Context) -> None:
        """Reads the paths that a pattern names, and what its guard asks."""
        if node.type in ("scoped_identifier", "scoped_type_identifier"):
            self.visit(node, context)
        for index, child in enumerate(node.children):
            if node.type == "match_pattern" and node.field_name_for_child(index) == "condition":
                self.visit(child, context)
            elif child.is_named:
                self._pattern_paths(child, context)

    def _closure_parameters(self, node: Node, context: Context) -> None:
        for child in node.named_children:
            self.locals.update(bound_by(child.child_by_field_name("pattern") or child))
            self.visit_field(child, "type", context)

    def _type_parameters(self, node: Node, context: Context) -> None:
        for child in node.named_children:
            name = child.child_by_field_name("name")
            if name is not None:
                self.locals.add(text(name))
            self.visit_field(child, "bounds", context)

    # Names that are used

    def _identifier(self, node: Node, context: Context) -> None:
        self.use(node, "", text(node), context)

    def _scoped(self, node: Node, context: Context) -> None:
        path = node.child_by_field_name("path")
        name = text(node.child_by_field_name("name"))
        self.members.add(name)
        owner = dotted(path)
        if owner is not None:
            variant = name[:1].isupper() and not name.isupper()
            root = owner.partition(".")[0]
            if root in ROOTS:
                owner = self.from_file(owner)
                context = replace(context, guarded=context.guarded and not owner)
            for before, part in parts_of_path(owner):
                self.use(node, before, part, context)
            if owner == "Self" and context.owner:
                self.use(node, f"{SELF}{context.owner}", name, context)
            elif owner and (variant or not owner.rpartition(".")[2][:1].isupper()):
                self.use(node, owner, name, context)
            elif owner:
                self.use(node, f"{INSTANCE}{owner}", name, context)
            if root not in (*ROOTS, "Self"):
                self.use(node, "", root, context)
        elif path is not None:
            self.visit(path, context)

    def _field(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("field"))
        self.members.add(name)
        owner = self._owner(node.child_by_field_name("value"), context)
        if owner is not None:
            self.use(node, owner, name, context)
        self.visit_field(node, "value", context)

    def _call(self, node: Node, context: Context) -> None:
        function = node.child_by_field_name("function")
        shape = call_shape(node.child_by_field_name("arguments"))
        if function is not None and function.type == "identifier":
            self.call(node, "", text(function), shape, context)
        elif function is not None and function.type == "scoped_identifier":
            owner = dotted(function.child_by_field_name("path"))
            name = text(function.child_by_field_name("name"))
            if owner == "Self" and context.owner:
                owner = f"{SELF}{context.owner}"
            elif owner is not None and owner.partition(".")[0] in ROOTS:
                owner = self.from_file(owner)
            if owner and owner != "Self":
                self.call(node, owner, name, shape, context)
        elif function is not None and function.type == "field_expression":
            owner = self._owner(function.child_by_field_name("value"), context)
            if owner is not None:
                name = text(function.child_by_field_name("field"))
                self.call(node, owner, name, shape, context)
        self.visit_children(node, context)

    def _owner(self, value: Node | None, context: Context) -> str | None:
        """The instance that something is a member of, where that can be found."""
        if value is None:
            return None
        if value.type == "self":
            return f"{SELF}{context.owner}" if context.owner else None
        if value.type == "identifier":
            return self.instance(text(value), context)
        kind = value_type(value)
        return f"{INSTANCE}{kind}" if kind else None

    def _struct_expression(self, node: Node, context: Context) -> None:
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        fields: list[str] = []
        based = False
        for child in body.named_children if body is not None else ():
            if child.type == "base_field_initializer":
                based = True
            elif child.type == "field_initializer":
                fields.append(text(child.child_by_field_name("field")))
                self.visit_field(child, "value", context)
            elif child.type == "shorthand_field_initializer":
                fields.append(text(child.named_children[-1]))
        if name is not None:
            if name.type == "type_identifier" and text(name) != "Self":
                shape = CallShape(0, tuple(sorted(fields)), based)
                self.call(node, "", text(name), shape, context)
            self.visit(name, context)
