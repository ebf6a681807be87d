"""What pieces of Go say by themselves: types, fields, what binds a name.

Pure; each answer rests on the node that it is asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.syntax import text

_NAMES: Final = frozenset(("type_identifier", "qualified_type"))


def type_name(node: Node | None) -> str:
    """The type that a type or a pointer to it names; empty where it has no name."""
    if node is not None and node.type in ("pointer_type", "parenthesized_type"):
        node = node.named_children[0]
    if node is not None and node.type == "generic_type":
        node = node.child_by_field_name("type")
    return text(node) if node is not None and node.type in _NAMES else ""


def value_type(node: Node | None) -> str:
    """The type of a literal, or `function()` for what a function gives; empty for anything else."""
    if node is not None and node.type in ("unary_expression", "parenthesized_expression"):
        node = node.named_children[0]
    if node is None:
        return ""
    if node.type == "composite_literal":
        return type_name(node.child_by_field_name("type"))
    function = node.child_by_field_name("function")
    if node.type != "call_expression" or function is None:
        return ""
    if function.type == "identifier" and text(function) == "new":
        arguments = node.child_by_field_name("arguments")
        return type_name(arguments.named_children[0]) if arguments is not None else ""
    plain = function.type == "identifier" or (
        function.type == "selector_expression" and function.named_children[0].type == "identifier"
    )
    return f"{text(function)}()" if plain else ""


def result_type(node: Node | None) -> str:
    """The type of a function's first result."""
    if node is not None and node.type == "parameter_list":
        node = next((c.child_by_field_name("type") for c in node.named_children), None)
    return type_name(node)


def bindings(node: Node) -> Iterator[tuple[str, str]]:
    """The names that a node binds, each with its type; empty where it is not said."""
    match node.type:
        case "parameter_declaration" | "var_spec":
            declared = node.child_by_field_name("type")
            values = node.child_by_field_name("value")
            names = node.children_by_field_name("name")
            given = values.named_children if values is not None else []
            for name, value in zip_longest(names, given[: len(names)]):
                yield text(name), type_name(declared) if declared is not None else value_type(value)
        case "short_var_declaration":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            names = left.named_children if left is not None else []
            given = right.named_children if right is not None else []
            for index, name in enumerate(names):
                value = given[index] if index < len(given) else None
                yield text(name), value_type(value)
        case "const_spec" | "variadic_parameter_declaration":
            for name in node.children_by_field_name("name"):
                yield text(name), ""
        case "range_clause" | "receive_statement":
            left = node.child_by_field_name("left")
            for name in left.named_children if left is not None else ():
                yield text(name), ""
        case "type_switch_statement":
            alias = node.child_by_field_name("alias")
            for name in alias.named_children if alias is not None else ():
                yield text(name), ""


def is_closed(body: Node | None) -> bool:
    """Whether a type has no members but its own, its methods and those of what it embeds."""
    return body is not None and body.type in ("struct_type", "interface_type")


def bases(body: Node | None) -> Iterator[str]:
    """The types that a struct or interface embeds."""
    if body is None:
        return
    for node in _elements(body):
        if node.type == "field_declaration" and node.child_by_field_name("name") is None:
            yield type_name(node.child_by_field_name("type")) or "?"
        elif node.type == "type_elem":
            yield (type_name(node.named_children[0]) if node.named_children else "") or "?"


def own_members(body: Node | None) -> Iterator[tuple[str, Node]]:
    """The fields of a struct and the methods of an interface, each with where it stands."""
    for node in _elements(body) if body is not None else ():
        if node.type in ("field_declaration", "method_elem"):
            for name in node.children_by_field_name("name"):
                if text(name) != "_":
                    yield text(name), node


def _elements(body: Node) -> Iterator[Node]:
    """The parts of a struct or interface itself, not those of types inside it."""
    if body.type not in ("struct_type", "interface_type"):
        return
    for child in body.named_children:
        if child.type == "field_declaration_list":
            yield from child.named_children
        else:
            yield child
