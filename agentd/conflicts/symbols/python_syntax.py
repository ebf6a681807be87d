"""Reads a Python file that `ast` does not parse, such as one of Python 2, by its syntax tree.

Pure; knows one file. Coarser than the reading by `ast`: names bound inside any function are left
alone everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.summary import (
    SELF,
    STAR,
    CallShape,
    Import,
    Kind,
    Language,
    Signature,
    Summary,
)
from agentd.conflicts.symbols.syntax import Context, SyntaxReader, line_of, parse, text, within

_BLOCKS: Final = ("if_statement", "for_statement", "while_statement", "try_statement")


def read_python_syntax(content: bytes) -> Summary:
    """Summarises a module, whatever its version."""
    root = parse(content, "tree_sitter_python")
    reader = _PythonReader(Language.PYTHON, root, "#")
    reader.visit_children(root, Context())
    return reader.summary(strict=False)


@dataclass(slots=True)
class _PythonReader(SyntaxReader):
    def __post_init__(self) -> None:
        SyntaxReader.__post_init__(self)
        self.handlers = {
            "import_statement": self._import,
            "import_from_statement": self._import_from,
            "future_import_statement": lambda node, context: None,
            "function_definition": self._function,
            "class_definition": self._class,
            "decorated_definition": self._decorated,
            "assignment": self._assignment,
            "global_statement": self._global,
            "identifier": self._identifier,
            "attribute": self._attribute,
            "call": self._call,
            "keyword_argument": lambda node, context: self.visit_field(node, "value", context),
            "lambda": self._lambda,
            "for_in_clause": self._targets,
            "as_pattern": self._as_pattern,
            "except_clause": self._except,
            **dict.fromkeys(_BLOCKS, self._block),
        }

    def _block(self, node: Node, context: Context) -> None:
        guarded = context.guarded or node.type == "try_statement"
        if node.type == "for_statement":
            self._bind(node.child_by_field_name("left"), context)
        self.visit_children(node, replace(context, conditional=True, guarded=guarded))

    def _bind(self, node: Node | None, context: Context) -> None:
        """Binds the names of a target."""
        if node is None:
            return
        if node.type == "identifier":
            (self.locals if context.inside else self.bound).add(text(node))
        elif node.type not in ("attribute", "subscript", "call"):
            for child in node.named_children:
                self._bind(child, context)

    def _as_pattern(self, node: Node, context: Context) -> None:
        self._bind(node.named_children[-1], context)
        self.visit(node.named_children[0], context)

    def _targets(self, node: Node, context: Context) -> None:
        self._bind(node.child_by_field_name("left"), context)
        self.visit_children(node, context)

    def _except(self, node: Node, context: Context) -> None:
        if len(node.named_children) == 3:
            self._bind(node.named_children[1], context)  # `except Error, name:`
        self.visit_children(node, context)

    def _global(self, node: Node, context: Context) -> None:
        self.bound.update(text(child) for child in node.named_children)

    def _import(self, node: Node, context: Context) -> None:
        for child in node.children_by_field_name("name"):
            module, local = _alias(child)
            self._take_in(node, Import(module, None, local or module.partition(".")[0], 0), context)

    def _import_from(self, node: Node, context: Context) -> None:
        module = text(node.child_by_field_name("module_name")).replace(" ", "")
        for child in node.children_by_field_name("name"):
            name, local = _alias(child)
            self._take_in(node, Import(module, name, local or name, 0), context)
        if any(child.type == "wildcard_import" for child in node.children):
            self.stars.append(module)
            self._take_in(node, Import(module, STAR, "", 0), context)

    def _take_in(self, node: Node, found: Import, context: Context) -> None:
        self.imports.append(replace(found, line=line_of(node), guarded=context.guarded))

    def _decorated(self, node: Node, context: Context) -> None:
        decorators = [child for child in node.named_children if child.type == "decorator"]
        for decorator in decorators:
            self.visit_children(decorator, context)
        inner = node.child_by_field_name("definition")
        if inner is not None:
            # What a decorator does to it is not known here.
            self.visit(inner, replace(context, conditional=True))

    def _function(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        parameters = node.child_by_field_name("parameters")
        if not context.inside:
            kind = Kind.METHOD if context.owner else Kind.FUNCTION
            signature = None if context.conditional else _signature(parameters, kind)
            self.define(node, kind, name, context, signature=signature)
        else:
            self.locals.add(name)
        inner = replace(context, inside=True, conditional=False)
        for child in parameters.named_children if parameters is not None else ():
            self._parameter(child, inner)
        self.visit_field(node, "body", inner)

    def _parameter(self, node: Node, context: Context) -> None:
        for child in (node, *node.named_children):
            if child.type == "identifier":
                self.locals.add(text(child))
                break
        self.visit_field(node, "value", context)

    def _lambda(self, node: Node, context: Context) -> None:
        parameters = node.child_by_field_name("parameters")
        for child in parameters.named_children if parameters is not None else ():
            self._parameter(child, context)
        self.visit_field(node, "body", context)

    def _class(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        if not context.inside:
            self.define(node, Kind.CLASS, name, context)
        else:
            self.locals.add(name)
        self.visit_field(node, "superclasses", context)
        inner = replace(within(context, name), conditional=False)
        self.visit_field(node, "body", inner)

    def _assignment(self, node: Node, context: Context) -> None:
        left = node.child_by_field_name("left")
        if left is not None and left.type == "identifier" and not context.inside:
            self.define(node, Kind.VALUE, text(left), context, repeatable=True)
        elif not context.owner or context.inside:
            self._bind(left, context)
        if left is not None and left.type != "identifier":
            self.visit(left, context)
        self.visit_field(node, "right", context)

    def _identifier(self, node: Node, context: Context) -> None:
        self.use(node, "", text(node), context)

    def _attribute(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("attribute"))
        holder = node.child_by_field_name("object")
        self.members.add(name)
        owner = self._chain(holder, context)
        if owner is not None:
            self.use(node, owner, name, context)
        if holder is not None:
            self.dynamic |= text(holder) == "sys.modules"
            self.visit(holder, context)

    def _chain(self, node: Node | None, context: Context) -> str | None:
        if node is None:
            return None
        if node.type == "identifier":
            name = text(node)
            return f"{SELF}{context.owner}" if name == "self" and context.owner else name
        if node.type == "attribute":
            prefix = self._chain(node.child_by_field_name("object"), context)
            if prefix is not None and not prefix.startswith(SELF):
                return f"{prefix}.{text(node.child_by_field_name('attribute'))}"
        return None

    def _call(self, node: Node, context: Context) -> None:
        function = node.child_by_field_name("function")
        shape = _shape(node.child_by_field_name("arguments"))
        if function is not None and function.type == "identifier":
            self.call(node, "", text(function), shape, context)
            self.dynamic |= text(function) in ("globals", "exec", "execfile")
        elif function is not None and function.type == "attribute":
            owner = self._chain(function.child_by_field_name("object"), context)
            if owner is not None:
                name = text(function.child_by_field_name("attribute"))
                self.call(node, owner, name, shape, context)
        self.visit_children(node, context)


def _alias(node: Node) -> tuple[str, str]:
    if node.type == "aliased_import":
        return (
            text(node.child_by_field_name("name")),
            text(node.child_by_field_name("alias")),
        )
    return text(node), ""


def _signature(parameters: Node | None, kind: Kind) -> Signature | None:
    if parameters is None:
        return None
    names: list[str] = []
    required = 0
    any_positional = any_keyword = False
    for child in parameters.named_children:
        match child.type:
            case "identifier":
                names.append(text(child))
                required += 1
            case "default_parameter":
                names.append(text(child.child_by_field_name("name")))
            case "list_splat_pattern":
                any_positional = True
            case "dictionary_splat_pattern":
                any_keyword = True
            case "comment":
                continue
            case _:
                return None
    if kind is Kind.METHOD:
        names, required = names[1:], max(required - 1, 0)
    return Signature(tuple(names), required, any_positional=any_positional, any_keyword=any_keyword)


def _shape(arguments: Node | None) -> CallShape:
    positional = 0
    keywords: list[str] = []
    open_ended = arguments is None or arguments.type != "argument_list"
    for child in arguments.named_children if arguments is not None else ():
        if child.type == "keyword_argument":
            keywords.append(text(child.child_by_field_name("name")))
        elif child.type in ("list_splat", "dictionary_splat"):
            open_ended = True
        elif child.type != "comment":
            positional += 1
    return CallShape(positional, tuple(sorted(keywords)), open_ended)
