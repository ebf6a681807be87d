"""What pieces of JavaScript and TypeScript say by themselves: patterns, members, signatures.

Pure; each answer rests on the node that it is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.summary import CallShape, Signature
from agentd.conflicts.symbols.syntax import text

_FILLED: Final = re.compile(rb"([\w$]+)\s*\.\s*prototype\b(?!\s*\.)")


def member_parts(node: Node) -> tuple[Node | None, Node | None]:
    """What a member is reached through, and its name."""
    if node.type == "member_expression":
        return node.child_by_field_name("object"), node.child_by_field_name("property")
    if node.type == "nested_type_identifier":
        return node.child_by_field_name("module"), node.child_by_field_name("name")
    children = node.named_children
    return (children[0], children[-1]) if len(children) > 1 else (None, None)


def is_open_class(body: Node | None) -> bool:
    """Whether a class may have members that its text does not name."""
    return any(
        child.type in ("index_signature", "class_static_block")
        or (child.named_children and child.named_children[0].type == "computed_property_name")
        for child in (body.named_children if body is not None else ())
    ) or (body is not None and "Object.assign(this" in text(body))


def filled_classes(root: Node) -> frozenset[str]:
    """The classes whose prototype is handed to somebody, who may give it members."""
    return frozenset(each.decode("utf-8", "replace") for each in _FILLED.findall(root.text or b""))


def bound_by(node: Node | None) -> Iterator[str]:
    """The names that a pattern or parameter list binds."""
    if node is None:
        return
    if node.type in ("identifier", "shorthand_property_identifier_pattern"):
        yield text(node)
        return
    for child in node.named_children:
        if node.type == "pair_pattern" and child == node.child_by_field_name("key"):
            continue
        if child == node.child_by_field_name("right") or child == node.child_by_field_name("type"):
            continue
        if child == node.child_by_field_name("value") and node.type != "pair_pattern":
            continue
        if child.type in ("type_annotation", "decorator"):
            continue
        yield from bound_by(child)


def required_module(node: Node | None) -> str | None:
    """The module of `require("…")` or `import("…")`; None for anything else."""
    if node is None:
        return None
    if node.type == "await_expression" and node.named_children:
        node = node.named_children[0]
    if node.type != "call_expression":
        return None
    if text(node.child_by_field_name("function")) not in ("require", "import"):
        return None
    arguments = node.child_by_field_name("arguments")
    given = arguments.named_children if arguments is not None else []
    return string_value(given[0]) if len(given) == 1 and given[0].type == "string" else None


def string_value(node: Node | None) -> str:
    """A string's value, or the text of a name."""
    raw = text(node)
    return raw[1:-1] if raw[:1] in ("'", '"', "`") else raw


def call_shape(arguments: Node | None) -> CallShape:
    """What a call hands over."""
    if arguments is None:
        return CallShape(0)
    if arguments.type != "arguments":
        return CallShape(0, open=True)  # A tagged template.
    given = [child for child in arguments.named_children if child.type != "comment"]
    return CallShape(len(given), open=any(child.type == "spread_element" for child in given))


def function_signature(node: Node) -> Signature | None:
    """What a TypeScript function takes."""
    parameters = node.child_by_field_name("parameters")
    if parameters is None:
        single = node.child_by_field_name("parameter")
        return None if single is None else Signature((text(single),), 1)
    names: list[str] = []
    required = 0
    rest = False
    for child in parameters.named_children:
        pattern = child.child_by_field_name("pattern")
        if child.type not in ("required_parameter", "optional_parameter"):
            continue
        if pattern is not None and pattern.type == "this":
            continue
        if pattern is not None and pattern.type == "rest_pattern":
            rest = True
            continue
        names.append(text(pattern)[:40] if pattern is not None else "_")
        optional = child.type == "optional_parameter"
        if not optional and child.child_by_field_name("value") is None:
            required = len(names)
    return Signature(tuple(names), required, len(names), any_positional=rest)
