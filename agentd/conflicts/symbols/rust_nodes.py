"""What pieces of Rust say by themselves: paths, patterns, signatures.

Pure; each answer rests on the node that it is asked about.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from agentd.conflicts.symbols.summary import CallShape, Signature
from agentd.conflicts.symbols.syntax import text


def use_paths(node: Node | None, prefix: str) -> Iterator[tuple[str, str]]:
    """The dotted paths of a `use`, each with its alias."""
    if node is None:
        return
    match node.type:
        case "use_list":
            for child in node.named_children:
                yield from use_paths(child, prefix)
        case "scoped_use_list":
            inner = _join(prefix, dotted(node.child_by_field_name("path")) or "")
            yield from use_paths(node.child_by_field_name("list"), inner)
        case "use_as_clause":
            aliased = dotted(node.child_by_field_name("path")) or ""
            yield _join(prefix, aliased), text(node.child_by_field_name("alias"))
        case "use_wildcard":
            everything = dotted(node.named_children[0]) if node.named_children else ""
            yield _join(_join(prefix, everything or ""), "*"), ""
        case _:
            path = dotted(node)
            if path is not None:
                yield _join(prefix, path), ""


def _join(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if prefix and path else prefix or path


def dotted(node: Node | None) -> str | None:
    """A path of plain names, with dots; None where types or generics stand in it."""
    if node is None:
        return None
    if node.type in ("identifier", "type_identifier", "crate", "self", "super"):
        return text(node)
    if node.type in ("scoped_identifier", "scoped_type_identifier"):
        path = node.child_by_field_name("path")
        name = text(node.child_by_field_name("name"))
        prefix = dotted(path)
        return f"{prefix}.{name}" if prefix is not None else None
    return None


def bound_by(node: Node | None) -> Iterator[str]:
    """The names that a pattern binds; more rather than fewer."""
    if node is None:
        return
    if node.type in ("identifier", "shorthand_field_identifier"):
        yield text(node)
    elif node.type not in ("scoped_identifier", "scoped_type_identifier"):
        for child in node.named_children:
            yield from bound_by(child)


def function_signature(parameters: Node | None) -> tuple[Signature | None, bool]:
    """What a function takes, and whether it takes `self`."""
    if parameters is None:
        return None, False
    names: list[str] = []
    method = False
    for child in parameters.named_children:
        if child.type == "self_parameter":
            method = True
        elif child.type == "parameter":
            names.append(text(child.child_by_field_name("pattern"))[:30])
        elif child.type in ("attribute_item", "variadic_parameter"):
            return None, method
    return Signature(tuple(names), len(names), len(names)), method


def struct_signature(node: Node) -> Signature | None:
    """What making a struct takes: all of its fields."""
    body = node.child_by_field_name("body")
    if node.type != "struct_item" or body is None:
        return None
    if any(
        child.type == "attribute_item" and "cfg" in text(child) for child in body.named_children
    ):
        return None
    if body.type == "field_declaration_list":
        names = [
            text(child.child_by_field_name("name"))
            for child in body.named_children
            if child.type == "field_declaration"
        ]
        return Signature(keyword_required=tuple(sorted(names)))
    fields = [text(child)[:30] for child in body.children_by_field_name("type")]
    return Signature(tuple(fields), len(fields), len(fields))


def call_shape(arguments: Node | None) -> CallShape:
    """What a call hands over."""
    given = arguments.named_children if arguments is not None else []
    return CallShape(sum(not child.type.endswith("comment") for child in given))
