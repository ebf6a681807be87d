"""What pieces of Java say by themselves: types, parameters, constructors, what binds a name.

Pure; each answer rests on the node that it is asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.summary import CallShape, Signature
from agentd.conflicts.symbols.syntax import text

_HARMLESS: Final = frozenset(
    ("Override", "Deprecated", "SuppressWarnings", "FunctionalInterface", "SafeVarargs", "Test")
)
_TYPED: Final = frozenset(
    (
        "formal_parameter",
        "resource",
        "enhanced_for_statement",
        "local_variable_declaration",
        "field_declaration",
    )
)
_UNTYPED: Final = frozenset(
    (
        "spread_parameter",
        "catch_formal_parameter",
        "inferred_parameters",
        "lambda_expression",
        "instanceof_expression",
        "type_pattern",
        "record_pattern_component",
    )
)


_GIVING: Final = frozenset(
    (
        *("Getter", "Setter", "With", "Wither", "Delegate", "Builder", "SuperBuilder"),
        *("Accessors", "Singular", "BoundProperty"),
    )
)
"""What written at a member gives its class further ones."""


def bindings(node: Node) -> Iterator[tuple[str, str]]:
    """The names that a node binds, each with its type; empty where it has none of its own."""
    if node.type in _TYPED:
        kind = node.child_by_field_name("type")
        for target in (node, *node.children_by_field_name("declarator")):
            name = target.child_by_field_name("name")
            if name is not None and name.type == "identifier":
                yield text(name), _kind_of(kind, target.child_by_field_name("value"))
    elif node.type in _UNTYPED:
        for child in (node, *node.named_children):
            name = child if child.type == "identifier" else child.child_by_field_name("name")
            if name is not None and name.type == "identifier":
                yield text(name), ""


def _kind_of(declared: Node | None, value: Node | None) -> str:
    if text(declared) != "var":
        return type_name(declared)
    return value_type(value)


def value_type(node: Node | None) -> str:
    """The class that `new` makes, or `Class.method()` for what that gives; empty otherwise."""
    if node is not None and node.type == "object_creation_expression":
        anonymous = any(child.type == "class_body" for child in node.named_children)
        return "" if anonymous else type_name(node.child_by_field_name("type"))
    if node is None or node.type != "method_invocation":
        return ""
    holder = node.child_by_field_name("object")
    static = holder is not None and holder.type == "identifier" and text(holder)[:1].isupper()
    return f"{text(holder)}.{text(node.child_by_field_name('name'))}()" if static else ""


def type_name(node: Node | None) -> str:
    """The class that a type names, without its arguments; empty where it is none."""
    if node is not None and node.type == "generic_type":
        node = node.named_children[0]
    if node is None or node.type not in ("type_identifier", "scoped_type_identifier"):
        return ""
    return text(node)


def bases(node: Node) -> Iterator[str]:
    """The classes and interfaces that a type comes from."""
    for child in node.named_children:
        if child.type == "superclass":
            yield type_name(child.named_children[0]) or "?"
        elif child.type in ("super_interfaces", "extends_interfaces"):
            for each in child.named_children[0].named_children:
                yield type_name(each) or "?"


def modifiers(node: Node) -> set[str]:
    """The words in front of a declaration."""
    return {
        inner.type
        for child in node.named_children
        if child.type == "modifiers"
        for inner in child.children
    }


def has_strange_annotation(node: Node) -> bool:
    """Whether an annotation may add members or constructors."""
    return any(
        text(inner.child_by_field_name("name")) not in _HARMLESS
        for child in node.named_children
        if child.type == "modifiers"
        for inner in child.named_children
        if inner.type in ("marker_annotation", "annotation")
    )


def is_given_members(body: Node | None) -> bool:
    """Whether an annotation of a member gives its class others, such as a getter."""
    return any(
        text(annotation.child_by_field_name("name")).rpartition(".")[2] in _GIVING
        for member in (body.named_children if body is not None else ())
        for child in member.named_children
        if child.type == "modifiers"
        for annotation in child.named_children
        if annotation.type in ("marker_annotation", "annotation")
    )


def constructor_signature(node: Node, body: Node | None) -> Signature | None:
    """What `new` takes; None where there are several constructors, or none can be seen."""
    if node.type not in ("class_declaration", "record_declaration") or body is None:
        return None
    if any(child.type == "compact_constructor_declaration" for child in body.named_children):
        return method_signature(node.child_by_field_name("parameters"))
    found = [child for child in body.named_children if child.type == "constructor_declaration"]
    if node.type == "record_declaration":
        # Beside its own components' there may be others.
        return None if found else method_signature(node.child_by_field_name("parameters"))
    if not found:
        return Signature()
    return method_signature(found[0].child_by_field_name("parameters")) if len(found) == 1 else None


def parameter_types(parameters: Node | None) -> str:
    """The types of parameters as one text, which tells overloads apart."""
    types = []
    for child in parameters.named_children if parameters is not None else ():
        if child.type == "formal_parameter":
            types.append("".join(text(child.child_by_field_name("type")).split()))
        elif child.type == "spread_parameter":
            types.append("".join(text(child).split())[:60])
    return ",".join(types)


def method_signature(parameters: Node | None) -> Signature | None:
    """What a method takes."""
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


def call_shape(arguments: Node | None) -> CallShape:
    """What a call hands over."""
    given = arguments.named_children if arguments is not None else []
    return CallShape(sum(not child.type.endswith("comment") for child in given))
