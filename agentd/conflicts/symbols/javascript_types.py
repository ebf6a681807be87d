"""Which types JavaScript and TypeScript name: of values, of what is bound, of a class's bases.

Pure; each answer rests on the node that it is asked about.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from agentd.conflicts.symbols.instances import THIS
from agentd.conflicts.symbols.javascript_nodes import bound_by
from agentd.conflicts.symbols.syntax import text


def type_name(node: Node | None) -> str:
    """The class that a type names; empty where it has no plain name."""
    if node is not None and node.type == "type_annotation":
        node = node.named_children[0]
    if node is not None and node.type == "generic_type":
        node = node.child_by_field_name("name")
    plain = ("type_identifier", "nested_type_identifier", "identifier", "member_expression")
    if node is None or node.type not in plain:
        return ""
    said = text(node)
    return said if said.replace(".", "").isidentifier() else ""


def value_type(node: Node | None) -> str:
    """The class that `new` makes an instance of, or `make()`; empty for anything else."""
    if node is None:
        return ""
    if node.type == "new_expression":
        return type_name(node.child_by_field_name("constructor"))
    if node.type == "call_expression":
        called = type_name(node.child_by_field_name("function"))
        return f"{called}()" if called and called != "require" else ""
    return ""


def class_bases(heritage: Node) -> Iterator[str]:
    """The classes that a class extends; interfaces that it implements give it nothing."""
    inner = [child for child in heritage.named_children if child.type == "extends_clause"]
    if inner:
        for clause in inner:
            yield type_name(clause.child_by_field_name("value")) or "?"
    elif heritage.children and heritage.children[0].type == "extends":
        yield type_name(heritage.named_children[0]) or "?"


def bindings(node: Node) -> Iterator[tuple[str, str]]:
    """The names that a node binds, each with its type; empty where it is not said."""
    match node.type:
        case "required_parameter" | "optional_parameter":
            pattern = node.child_by_field_name("pattern")
            kind = type_name(node.child_by_field_name("type"))
            plain = pattern is not None and pattern.type == "identifier"
            for name in bound_by(pattern):
                yield name, kind if plain else ""
            if any(child.type in ("accessibility_modifier", "readonly") for child in node.children):
                yield f"{THIS}{text(pattern)}", kind
        case "variable_declarator":
            target = node.child_by_field_name("name")
            declared = node.child_by_field_name("type")
            value = node.child_by_field_name("value")
            kind = type_name(declared) if declared is not None else value_type(value)
            plain = target is not None and target.type == "identifier"
            for name in bound_by(target):
                yield name, kind if plain else ""
        case "public_field_definition" | "field_definition":
            name_node = node.child_by_field_name("name") or node.child_by_field_name("property")
            declared = node.child_by_field_name("type")
            value = node.child_by_field_name("value")
            kind = type_name(declared) if declared is not None else value_type(value)
            yield f"{THIS}{text(name_node)}", kind
        case "assignment_expression":
            left = node.child_by_field_name("left")
            if (left is not None and left.type == "identifier") or (
                left is not None and text(left).startswith("this.")
            ):
                yield text(left), value_type(node.child_by_field_name("right"))
        case "formal_parameters":
            for child in node.named_children:
                if child.type not in ("required_parameter", "optional_parameter"):
                    yield from ((name, "") for name in bound_by(child))
        case "for_in_statement" | "catch_clause" | "arrow_function":
            for part in ("left", "parameter"):
                yield from ((name, "") for name in bound_by(node.child_by_field_name(part)))
