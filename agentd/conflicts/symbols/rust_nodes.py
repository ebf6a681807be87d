"""What pieces of Rust say by themselves: paths, patterns, signatures.

Pure; each answer rests on the node that it is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.summary import CallShape, Signature
from agentd.conflicts.symbols.syntax import parse, text

_PLAIN_ATTRIBUTES: Final = frozenset(
    (
        *("allow", "deny", "expect", "warn", "doc", "must_use", "non_exhaustive", "repr"),
        *("deprecated", "cfg", "cfg_attr"),
    )
)
_PLAIN_DERIVES: Final = frozenset(
    (
        *("Clone", "Copy", "Debug", "Default", "Eq", "Hash", "Ord", "PartialEq", "PartialOrd"),
        *("Serialize", "Deserialize", "Error"),
    )
)


_EXPRESSION_MACROS: Final = frozenset(
    (
        *("assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "dbg", "eprint"),
        *("debug_assert_ne", "eprintln", "format", "panic", "print", "println", "todo", "vec"),
        *("unimplemented", "unreachable", "write", "writeln"),
    )
)


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


def parts_of_path(path: str) -> Iterator[tuple[str, str]]:
    """Each name on a dotted path with what stands before it: what has to exist on the way."""
    head, _, name = path.rpartition(".")
    while head:
        yield head, name
        head, _, name = head.rpartition(".")


def expressions_of(macro: Node) -> Node | None:
    """The call that stands for a macro of the standard library whose arguments are expressions.

    Each node is on the line that it has in the file. None for another macro, or for tokens that
    are no expressions.
    """
    tokens = next((child for child in macro.named_children if child.type == "token_tree"), None)
    if tokens is None or text(macro.child_by_field_name("macro")) not in _EXPRESSION_MACROS:
        return None
    before = "\n" * tokens.start_point.row
    root = parse(f"{before}fn m() {{ m({text(tokens)[1:-1]}); }}".encode(), "tree_sitter_rust")
    return None if root.has_error else root.named_children[0].child_by_field_name("body")


def call_shape(arguments: Node | None) -> CallShape:
    """What a call hands over."""
    given = arguments.named_children if arguments is not None else []
    return CallShape(sum(not child.type.endswith("comment") for child in given))


def depends(attribute: Node) -> bool:
    """Whether an attribute makes an item one of several that may be there."""
    said = text(attribute)
    return (
        said.startswith("#[path") or ("cfg" in said and said != "#[cfg(test)]") or "macro" in said
    )


def is_decorated(node: Node) -> bool:
    """Whether an attribute may give a type members that its text does not show."""
    before = node.prev_named_sibling
    while before is not None and (
        before.type == "attribute_item" or before.type.endswith("comment")
    ):
        words = re.findall(r"\w+", text(before)) if before.type == "attribute_item" else ["doc"]
        if words[:1] == ["derive"]:
            if not _PLAIN_DERIVES.issuperset(word for word in words[1:] if word[:1].isupper()):
                return True
        elif words and words[0] not in _PLAIN_ATTRIBUTES:
            return True
        before = before.prev_named_sibling
    return False


def fields(node: Node) -> Iterator[tuple[Node, bool]]:
    """The named fields of a struct, each with whether it is one of several that may be there."""
    body = node.child_by_field_name("body")
    if node.type != "struct_item" or body is None or body.type != "field_declaration_list":
        return
    conditional = False
    for child in body.named_children:
        if child.type == "attribute_item":
            conditional |= depends(child)
        elif child.type == "field_declaration":
            yield child, conditional
            conditional = False


def type_name(node: Node | None) -> str:
    """The type that a type or a reference to it names; empty where it has no plain name."""
    if node is not None and node.type == "reference_type":
        node = node.child_by_field_name("type")
    if node is not None and node.type == "generic_type":
        node = node.child_by_field_name("type")
    return dotted(node) or ""


def value_type(node: Node | None) -> str:
    """The type of a literal, or `Type.function()` for what a function gives; empty otherwise."""
    while node is not None and node.type in ("reference_expression", "parenthesized_expression"):
        node = node.named_children[-1]
    if node is None:
        return ""
    if node.type == "struct_expression":
        return type_name(node.child_by_field_name("name"))
    function = node.child_by_field_name("function")
    name = dotted(function) if node.type == "call_expression" else None
    return f"{name}()" if name and not name.startswith("Self") else ""


def bindings(node: Node) -> Iterator[tuple[str, str]]:
    """The names that a node binds, each with its type; empty where it is not said."""
    if node.type in ("parameter", "let_declaration"):
        pattern = node.child_by_field_name("pattern")
        declared, value = node.child_by_field_name("type"), node.child_by_field_name("value")
        if pattern is not None and pattern.type == "mut_pattern":
            pattern = pattern.named_children[-1]
        kind = type_name(declared) if declared is not None else value_type(value)
        plain = pattern is not None and pattern.type == "identifier"
        for name in bound_by(pattern):
            yield name, kind if plain else ""
    elif node.type in ("let_condition", "match_arm", "for_expression"):
        for name in bound_by(node.child_by_field_name("pattern")):
            yield name, ""
    elif node.type == "closure_parameters":
        for child in node.named_children:
            for name in bound_by(child.child_by_field_name("pattern") or child):
                yield name, ""
