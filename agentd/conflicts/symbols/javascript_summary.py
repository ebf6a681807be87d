"""Reads JavaScript and TypeScript by their syntax trees.

Signatures are known for TypeScript only: JavaScript lets a call hand over what it likes. Pure;
knows one file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.instances import instance_names
from agentd.conflicts.symbols.javascript_members import MemberReader
from agentd.conflicts.symbols.javascript_nodes import (
    bound_by,
    filled_classes,
    function_signature,
    is_open_class,
    required_module,
    string_value,
)
from agentd.conflicts.symbols.javascript_types import bindings, class_bases, type_name
from agentd.conflicts.symbols.summary import (
    Kind,
    Language,
    Signature,
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

_FUNCTIONS: Final = ("function_declaration", "generator_function_declaration")
_CLASSES: Final = ("class_declaration", "abstract_class_declaration")
_INNER_FUNCTIONS: Final = ("function_expression", "generator_function", "arrow_function")
_SCOPES: Final = frozenset((*_FUNCTIONS, *_INNER_FUNCTIONS, "method_definition"))
_PATTERNS: Final = frozenset(
    (
        "object_pattern",
        "array_pattern",
        "rest_pattern",
        "pair_pattern",
        "assignment_pattern",
        "object_assignment_pattern",
    )
)
TYPE: Final = "type"
"""The variant of what exists for types alone, and so may share its name with a value."""


def read_javascript(content: bytes, path: str, language: Language) -> Summary:
    """Summarises a module or script."""
    if language is Language.JAVASCRIPT:
        root = parse(content, "tree_sitter_javascript")
    else:
        kind = "language_tsx" if path.endswith("x") else "language_typescript"
        root = parse(content, "tree_sitter_typescript", kind)
    reader = _Reader(language, root, "//")
    reader.instances = instance_names(root, _SCOPES, bindings)
    reader.visit_children(root, Context())
    reader.finish()
    return reader.summary()


@dataclass(slots=True)
class _Reader(MemberReader):
    filled: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        SyntaxReader.__post_init__(self)
        self.offered = set()
        self.filled = filled_classes(self.root)
        self.handlers = {
            "import_statement": self.read_import,
            "export_statement": self.read_export,
            "lexical_declaration": self._variables,
            "variable_declaration": self._variables,
            "function_signature": self._overload,
            "interface_declaration": self._type,
            "type_alias_declaration": self._type,
            "enum_declaration": self._enum,
            "internal_module": self._namespace,
            "module": self._namespace,
            "ambient_declaration": self._ambient,
            "method_definition": self._method,
            "public_field_definition": self._field,
            "field_definition": self._field,
            "statement_block": self._inner_block,
            "for_in_statement": self._for_in,
            "catch_clause": self._catch,
            "identifier": self._identifier,
            "type_identifier": self._identifier,
            "shorthand_property_identifier": self._identifier,
            "member_expression": self.read_member,
            "nested_type_identifier": self.read_member,
            "nested_identifier": self.read_member,
            "call_expression": self.read_call,
            "new_expression": self.read_call,
            "assignment_expression": self.read_assignment,
            "pair": self._pair,
            "unary_expression": self._unary,
            "type_parameter": self._type_parameter,
            "infer_type": self._type_parameter,
            **dict.fromkeys(_FUNCTIONS, self._function),
            **dict.fromkeys(_CLASSES, self._class),
            **dict.fromkeys(_INNER_FUNCTIONS, self._inner_function),
            **dict.fromkeys(
                ("function_type", "constructor_type", "call_signature", "method_signature"),
                self._function_type,
            ),
            "index_signature": lambda node, context: self.visit_field(node, "type", context),
        }

    def finish(self) -> None:
        """Settles what is mocked, and what a file without exports offers: what its loader makes."""
        self.imports = [
            replace(each, guarded=each.guarded or each.module in self.mocked)
            for each in self.imports
        ]
        if not self.offered and not self.stars:
            self.opaque = True
            # A script that takes nothing in shares its names with others on its page.
            self.dynamic |= not self.imports and not self.commonjs

    # Declarations

    def _variables(self, node: Node, context: Context) -> None:
        block = node.type == "lexical_declaration"
        for child in node.named_children:
            if child.type != "variable_declarator":
                continue
            target = child.child_by_field_name("name")
            value = child.child_by_field_name("value")
            required = required_module(value)
            if target is not None and required is not None and not context.inside:
                self.require(node, target, required, context)
            elif context.inside or context.qualifier:
                self.locals.update(bound_by(target))
            elif target is not None and target.type == "identifier":
                self._variable(child, text(target), value, context, repeatable=not block)
            else:
                for name in bound_by(target):
                    self.bound.add(name)
            self._visit_defaults(target, context)
            self.visit_field(child, "type", context)
            if value is not None:
                self.visit(value, context)

    def _variable(
        self, node: Node, name: str, value: Node | None, context: Context, *, repeatable: bool
    ) -> None:
        kind, signature = Kind.VALUE, None
        if value is not None and value.type in _INNER_FUNCTIONS:
            annotated = node.child_by_field_name("type") is not None
            kind = Kind.FUNCTION
            signature = None if annotated else self._takes(value)
        self.define(node, kind, name, context, signature=signature, repeatable=repeatable)

    def _function(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        if context.inside:
            self.locals.add(name)
        else:
            self.define(
                node,
                Kind.FUNCTION,
                name,
                context,
                signature=self._takes(node),
                returns=type_name(node.child_by_field_name("return_type")),
            )
        self._inside(node, replace(context, owner=""))

    def _overload(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        if not context.inside:
            self.define(node, Kind.FUNCTION, name, context, repeatable=True)
        self._function_type(node, context)

    def _inner_function(self, node: Node, context: Context) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self.locals.add(text(name))
        owner = context.owner if node.type == "arrow_function" else ""
        self._inside(node, replace(context, owner=owner))

    def _inside(self, node: Node, context: Context) -> None:
        """Reads a function's parameters and body."""
        inner = replace(enter(node, context), conditional=False)
        for name in ("parameters", "parameter"):
            parameters = node.child_by_field_name(name)
            if parameters is not None:
                self.locals.update(bound_by(parameters))
                self._visit_defaults(parameters, inner)
        for name in ("type_parameters", "return_type", "body"):
            self.visit_field(node, name, inner)

    def _function_type(self, node: Node, context: Context) -> None:
        parameters = node.child_by_field_name("parameters")
        if parameters is not None:
            self.locals.update(bound_by(parameters))
            self._visit_defaults(parameters, context)
        for name in ("type_parameters", "return_type"):
            self.visit_field(node, name, context)

    def _visit_defaults(self, node: Node | None, context: Context) -> None:
        """Reads the types and default values inside a pattern or parameter list."""
        for child in node.named_children if node is not None else ():
            if child.type in ("required_parameter", "optional_parameter"):
                self._visit_defaults(child.child_by_field_name("pattern"), context)
                self.visit_field(child, "type", context)
                self.visit_field(child, "value", context)
            elif child.type in ("assignment_pattern", "object_assignment_pattern"):
                self._visit_defaults(child.child_by_field_name("left"), context)
                self.visit_field(child, "right", context)
            elif child.type in _PATTERNS:
                self._visit_defaults(child, context)

    def _class(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        body = node.child_by_field_name("body")
        heritage = [child for child in node.named_children if child.type == "class_heritage"]
        decorated = any(child.type == "decorator" for child in node.named_children)
        for child in heritage:
            self.visit(child, context)
        self.visit_field(node, "type_parameters", context)
        if context.inside:
            self.locals.add(name)
            self.visit_field(node, "body", replace(context, owner=""))
            return
        extends = any("extends" in text(child) for child in heritage)
        self.define(
            node,
            Kind.CLASS,
            name,
            context,
            signature=None if extends or decorated else self._constructor(body),
            closed=not (decorated or is_open_class(body) or name in self.filled),
            bases=tuple(base for child in heritage for base in class_bases(child)),
        )
        self.visit_field(node, "body", within(context, name))

    def _constructor(self, body: Node | None) -> Signature | None:
        found = [
            child
            for child in (body.named_children if body is not None else ())
            if child.type in ("method_definition", "method_signature")
            and text(child.child_by_field_name("name")) == "constructor"
        ]
        if not found:
            return Signature() if self.language is Language.TYPESCRIPT else None
        return self._takes(found[0]) if len(found) == 1 else None

    def _method(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        words = {child.type for child in node.children}
        accessor = bool(words & {"get", "set"})
        if not context.inside and context.owner:
            self.define(
                node,
                Kind.STATIC if "static" in words else Kind.METHOD,
                name,
                context,
                signature=None if accessor else self._takes(node),
                variant=next(iter(words & {"get", "set"}), "static" if "static" in words else ""),
                repeatable=name.startswith("["),
            )
            self._parameter_properties(node, context)
        owner = context.owner if not context.inside else ""
        self._inside(node, replace(context, owner=owner, qualifier=""))

    def _parameter_properties(self, node: Node, context: Context) -> None:
        """A constructor's parameters with a modifier are members, too."""
        parameters = node.child_by_field_name("parameters")
        for child in parameters.named_children if parameters is not None else ():
            if any(each.type in ("accessibility_modifier", "readonly") for each in child.children):
                name = text(child.child_by_field_name("pattern"))
                self.define(child, Kind.VALUE, name, context, repeatable=True)

    def _field(self, node: Node, context: Context) -> None:
        name = node.child_by_field_name("name") or node.child_by_field_name("property")
        if name is not None and context.owner and not context.inside:
            self.define(node, Kind.VALUE, text(name), context, repeatable=True)
        self.visit_field(node, "type", context)
        # The value of a field is evaluated with `this`, like a method.
        self.visit_field(node, "value", replace(context, inside=True, qualifier=""))

    def _type(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        merging = node.type == "interface_declaration"
        if context.inside:
            self.locals.add(name)
        else:
            self.define(node, Kind.VALUE, name, context, variant=TYPE, repeatable=merging)
        for child in node.named_children:
            if child.type not in ("type_identifier", "identifier") or text(child) != name:
                self.visit(child, replace(context, qualifier="", inside=True))

    def _enum(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        if context.inside:
            return
        self.define(node, Kind.CLASS, name, context, repeatable=True, closed=True)
        body = node.child_by_field_name("body")
        for child in body.named_children if body is not None else ():
            target = child.child_by_field_name("name") or child
            if target.type in ("property_identifier", "string"):
                member = string_value(target)
                self.define(child, Kind.VALUE, member, within(context, name), variant="enum")

    def _namespace(self, node: Node, context: Context) -> None:
        name = node.child_by_field_name("name")
        if name is not None and name.type == "identifier" and not context.inside:
            self.define(node, Kind.VALUE, text(name), context, variant=TYPE, repeatable=True)
        body = node.child_by_field_name("body")
        if body is not None:
            self.visit_children(body, replace(context, inside=True))

    def _ambient(self, node: Node, context: Context) -> None:
        self.visit_children(node, replace(context, conditional=True))

    # Scopes and names

    def _inner_block(self, node: Node, context: Context) -> None:
        self.visit_children(node, replace(context, inside=True))

    def _for_in(self, node: Node, context: Context) -> None:
        self.locals.update(bound_by(node.child_by_field_name("left")))
        for name in ("right", "body"):
            self.visit_field(node, name, context)

    def _catch(self, node: Node, context: Context) -> None:
        self.locals.update(bound_by(node.child_by_field_name("parameter")))
        self.visit_field(node, "body", context)

    def _type_parameter(self, node: Node, context: Context) -> None:
        for index, child in enumerate(node.named_children):
            if index == 0 and child.type == "type_identifier":
                self.locals.add(text(child))
            else:
                self.visit(child, context)

    def _identifier(self, node: Node, context: Context) -> None:
        if text(node) in ("exports", "module"):
            self.opaque |= node.parent is None or node.parent.type != "member_expression"
        self.use(node, "", text(node), context)

    def _unary(self, node: Node, context: Context) -> None:
        asked = node.child_by_field_name("argument")
        is_typeof = text(node.child_by_field_name("operator")) == "typeof"
        if is_typeof and asked is not None and asked.type == "identifier":
            self.locals.add(text(asked))  # Who asks provides for its not being there.
        self.visit_children(node, context)

    def _pair(self, node: Node, context: Context) -> None:
        key = node.child_by_field_name("key")
        if key is not None and key.type == "computed_property_name":
            self.visit(key, context)
        self.visit_field(node, "value", context)

    def _takes(self, node: Node) -> Signature | None:
        """What a function takes; JavaScript's take anything."""
        return function_signature(node) if self.language is Language.TYPESCRIPT else None
