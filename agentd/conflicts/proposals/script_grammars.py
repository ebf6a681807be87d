"""What JavaScript's and TypeScript's nodes mean for proposals. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from agentd.conflicts.proposals.blocks import Kind
from agentd.conflicts.proposals.syntax_parts import Grammar, Naming, by_field, nearest, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_FUNCTION_VALUES: Final = ("arrow_function", "function_expression", "generator_function")
_TESTS: Final = ("describe", "it", "test", "suite")


def _imported(node: Node) -> frozenset[str] | None:
    """What an import statement binds; nothing may be said of one that only runs a module."""
    clauses = [child for child in node.named_children if child.type == "import_clause"]
    if not clauses:
        return None
    found = []
    for each in nearest(clauses[0], lambda child: child.type in ("identifier", "import_specifier")):
        local = each.child_by_field_name("alias") or each.child_by_field_name("name") or each
        found.append(text_of(local))
    return frozenset(found)


def _passed_on(node: Node) -> frozenset[str] | None:
    """The names of `export { a, b } from "m"`; None for a star, which may bring in any name."""
    clauses = [child for child in node.named_children if child.type == "export_clause"]
    if not clauses or node.child_by_field_name("source") is None:
        return None
    return frozenset(
        text_of(each.child_by_field_name("alias") or each.child_by_field_name("name") or each)
        for each in clauses[0].named_children
        if each.type == "export_specifier"
    )


def _functions(node: Node) -> frozenset[str] | None:
    """The names of `const f = () => …`; None where a value is anything but a function."""
    declarators = [each for each in node.named_children if each.type == "variable_declarator"]
    values = [each.child_by_field_name("value") for each in declarators]
    if not all(value and value.type in _FUNCTION_VALUES for value in values):
        return None
    return frozenset(
        text_of(name) for each in declarators if (name := each.child_by_field_name("name"))
    )


def _test_case(node: Node) -> frozenset[str] | None:
    """`it("…", …)` and its like: a test with its title as its name."""
    call = node.named_children[0] if node.named_children else None
    function = call.child_by_field_name("function") if call is not None else None
    arguments = call.child_by_field_name("arguments") if call is not None else None
    if function is None or arguments is None or text_of(function).partition(".")[0] not in _TESTS:
        return None
    first = arguments.named_children[0] if arguments.named_children else None
    return None if first is None else frozenset([text_of(first).strip("\"'`")])


_DEFINITIONS: Final[Mapping[str, Naming]] = {
    "function_declaration": by_field("name"),
    "generator_function_declaration": by_field("name"),
    "class_declaration": by_field("name"),
    "method_definition": by_field("name"),
    "lexical_declaration": _functions,
    "expression_statement": _test_case,
}
_TYPES: Final[Mapping[str, Naming]] = {
    "interface_declaration": by_field("name"),
    "type_alias_declaration": by_field("name"),
    "enum_declaration": by_field("name"),
    "abstract_class_declaration": by_field("name"),
    "property_signature": by_field("name"),
}


def _script(module: str, function: str, definitions: Mapping[str, Naming]) -> Grammar:
    return Grammar(
        module=module,
        imports={"import_statement": _imported, "export_statement": _passed_on},
        definitions=definitions,
        bodies=frozenset({"class_body", "statement_block", "interface_body"}),
        lists={
            "named_imports": Kind.IMPORT,
            "export_clause": Kind.IMPORT,
            "object": Kind.ENTRY,
        },
        elements=frozenset({"import_specifier", "export_specifier", "pair", "method_definition"}),
        attached=frozenset({"comment", "decorator"}),
        wrappers=frozenset({"export_statement"}),
        function=function,
    )


JAVASCRIPT: Final = _script("tree_sitter_javascript", "language", _DEFINITIONS)
TYPESCRIPT: Final = _script(
    "tree_sitter_typescript", "language_typescript", {**_DEFINITIONS, **_TYPES}
)
TSX: Final = _script("tree_sitter_typescript", "language_tsx", {**_DEFINITIONS, **_TYPES})
