"""What Go's, Rust's and Java's nodes mean for proposals. Pure.

An import that brings in every name of a place is never moved: what it binds cannot be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from agentd.conflicts.proposals.blocks import Kind
from agentd.conflicts.proposals.syntax_parts import Grammar, by_field, nearest, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_MAJOR: Final = re.compile(r"v\d+")


def _go_import(node: Node) -> frozenset[str] | None:
    """The package that an import names; None for one with a dot."""
    alias = node.child_by_field_name("name")
    if alias is not None and alias.type == "dot":
        return None
    path = text_of(node.child_by_field_name("path") or node).strip('"`')
    if alias is None:
        segments = [each for each in path.split("/") if not _MAJOR.fullmatch(each)]
        return frozenset(segments[-1:])
    return frozenset([path if alias.type == "blank_identifier" else text_of(alias)])


def _go_imports(node: Node) -> frozenset[str] | None:
    """A declaration of one import, or of a list of them, which binds nothing itself."""
    specs = [child for child in node.named_children if child.type == "import_spec"]
    return _go_import(specs[0]) if specs else frozenset()


def _go_method(node: Node) -> frozenset[str] | None:
    """A method's name, with the type that it is of."""
    receiver = node.child_by_field_name("receiver")
    name = node.child_by_field_name("name")
    if receiver is None or name is None:
        return None
    kind = next(nearest(receiver, lambda child: child.type == "type_identifier"), receiver)
    return frozenset([f"{text_of(kind)}.{text_of(name)}"])


def _go_type(node: Node) -> frozenset[str] | None:
    """The type's name; None for a list of types."""
    specs = node.named_children
    name = specs[0].child_by_field_name("name") if len(specs) == 1 else None
    return None if name is None else frozenset([text_of(name)])


def _rust_use(node: Node) -> frozenset[str] | None:
    """The names that a `use` binds; None where there is a star."""
    argument = node.child_by_field_name("argument")
    names = list(_rust_names(argument)) if argument is not None else [None]
    return None if None in names else frozenset(name for name in names if name is not None)


def _rust_names(node: Node) -> Iterator[str | None]:
    match node.type:
        case "use_wildcard":
            yield None
        case "use_as_clause":
            yield text_of(node.child_by_field_name("alias") or node)
        case "scoped_use_list":
            path = text_of(node.child_by_field_name("path") or node)
            names = node.child_by_field_name("list")
            for name in _rust_names(names) if names is not None else ():
                yield path.rpartition("::")[2] if name == "self" else name
        case "use_list":
            for child in node.named_children:
                yield from _rust_names(child)
        case "line_comment" | "block_comment":
            return
        case _:
            yield text_of(node).rpartition("::")[2]


def _rust_implementation(node: Node) -> frozenset[str]:
    """Everything before the body, such as `impl Display for Point`."""
    body = node.child_by_field_name("body")
    text = text_of(node)
    shown = text if body is None else text[: len(text) - len(text_of(body))]
    return frozenset([" ".join(shown.split())])


def _java_import(node: Node) -> frozenset[str] | None:
    """The name that an import binds; None for one of everything, and of a method's overloads."""
    if any(child.type == "asterisk" for child in node.named_children):
        return None
    return frozenset([text_of(node.named_children[-1]).rpartition(".")[2]])


GO: Final = Grammar(
    module="tree_sitter_go",
    imports={"import_spec": _go_import, "import_declaration": _go_imports},
    definitions={
        "function_declaration": by_field("name"),
        "method_declaration": _go_method,
        "type_declaration": _go_type,
    },
    bodies=frozenset({"import_spec_list"}),
    lists={"literal_value": Kind.ENTRY},
    elements=frozenset({"keyed_element"}),
)
RUST: Final = Grammar(
    module="tree_sitter_rust",
    imports={"use_declaration": _rust_use},
    definitions={
        **dict.fromkeys(
            ("function_item", "struct_item", "enum_item", "trait_item", "type_item", "mod_item"),
            by_field("name"),
        ),
        "impl_item": _rust_implementation,
    },
    bodies=frozenset({"declaration_list"}),
    lists={"use_list": Kind.IMPORT},
    elements=frozenset({"identifier", "scoped_identifier", "use_as_clause", "self"}),
    attached=frozenset({"attribute_item", "line_comment", "block_comment"}),
)
JAVA: Final = Grammar(
    module="tree_sitter_java",
    imports={"import_declaration": _java_import},
    definitions=dict.fromkeys(
        (
            "class_declaration",
            "interface_declaration",
            "enum_declaration",
            "record_declaration",
            "annotation_type_declaration",
            # By its name alone: what a call means may depend on all methods of a name.
            "method_declaration",
            "constructor_declaration",
        ),
        by_field("name"),
    ),
    bodies=frozenset({"class_body", "interface_body", "enum_body_declarations"}),
)
