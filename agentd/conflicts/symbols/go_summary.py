"""Reads Go, and the name of its module from `go.mod`.

Pure; knows one file. Methods are named after their receiver's type; files for one platform are
marked, since another may define the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from posixpath import basename
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.go_nodes import (
    bases,
    bindings,
    is_closed,
    own_members,
    result_type,
    type_name,
    value_type,
)
from agentd.conflicts.symbols.instances import instance_names
from agentd.conflicts.symbols.summary import (
    INSTANCE,
    CallShape,
    Import,
    Kind,
    Language,
    Signature,
    Summary,
)
from agentd.conflicts.symbols.syntax import (
    Context,
    SyntaxReader,
    descend,
    enter,
    line_of,
    parse,
    text,
)

_PLATFORMS: Final = frozenset(
    (
        *("aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux"),
        *("netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "unix"),
        *("386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle"),
        *("ppc64", "ppc64le", "riscv64", "s390x", "wasm"),
    )
)
_FUNCTIONS: Final = frozenset(("function_declaration", "method_declaration"))
_BUILD_LINE: Final = re.compile(rb"^//(go:build| ?\+build)", re.MULTILINE)
_MODULE_LINE: Final = re.compile(rb"^module\s+\"?([^\s\"]+)", re.MULTILINE)
_MAJOR: Final = re.compile(r"v\d+")


def read_go(content: bytes, path: str) -> Summary:
    """Summarises a file of a package, or a `go.mod`."""
    if path.endswith(".mod"):
        found = _MODULE_LINE.search(content)
        name = found[1].decode("utf-8", "replace") if found else ""
        return Summary(Language.GO, parsed=True, package=name, conditional=True)
    root = parse(content, "tree_sitter_go")
    reader = _Reader(Language.GO, root, "//")
    reader.imports_bind = False
    reader.conditional = _is_conditional(content, path)
    reader.instances = instance_names(root, _FUNCTIONS, bindings)
    reader.visit_children(root, Context())
    return reader.summary()


def _is_conditional(content: bytes, path: str) -> bool:
    words = basename(path).removesuffix(".go").removesuffix("_test").split("_")[1:]
    clause = content.find(b"\npackage ")
    header = content[: clause if clause >= 0 else 0]
    return any(word in _PLATFORMS for word in words) or _BUILD_LINE.search(header) is not None


@dataclass(slots=True)
class _Reader(SyntaxReader):
    def __post_init__(self) -> None:
        SyntaxReader.__post_init__(self)
        self.handlers = {
            "package_clause": self._package,
            "import_spec": self._import,
            "function_declaration": self._function,
            "method_declaration": self._method,
            "func_literal": self._literal,
            "type_spec": self._type,
            "type_alias": self._type,
            "const_spec": self._values,
            "var_spec": self._values,
            "short_var_declaration": self._short,
            "range_clause": self._short,
            "receive_statement": self._short,
            "type_switch_statement": self._type_switch,
            "parameter_list": self._parameters,
            "type_parameter_list": self._parameters,
            "method_elem": self._method_element,
            "field_declaration": self._field,
            "keyed_element": self._keyed,
            "composite_literal": self._composite,
            "selector_expression": self._selector,
            "qualified_type": self._qualified,
            "call_expression": self._call,
            "identifier": self._identifier,
            "type_identifier": self._identifier,
            "labeled_statement": lambda node, context: self.visit_children(
                node, replace(context, inside=True)
            ),
            "label_name": lambda node, context: None,
        }

    def _package(self, node: Node, context: Context) -> None:
        self.package = text(node.named_children[0])

    def _import(self, node: Node, context: Context) -> None:
        module = text(node.child_by_field_name("path")).strip('"`')
        name = node.child_by_field_name("name")
        if name is not None and name.type == "dot":
            self.stars.append(module)
            return
        local = text(name) if name is not None else _package_name(module)
        local = "" if local == "_" else local
        self.imports.append(Import(module, None, local, line_of(node), context.guarded))
        self.define_import(node, local, context)

    def _function(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        self.define(
            node,
            Kind.FUNCTION,
            name,
            context,
            signature=_signature(node.child_by_field_name("parameters")),
            repeatable=name in ("init", "_"),
            returns=result_type(node.child_by_field_name("result")),
        )
        self._inside(node, context)

    def _method(self, node: Node, context: Context) -> None:
        receiver = node.child_by_field_name("receiver")
        kind = next(
            (text(each) for each in descend(receiver or node) if each.type == "type_identifier"), ""
        )
        name = text(node.child_by_field_name("name"))
        self.define(
            node,
            Kind.METHOD,
            name,
            replace(context, qualifier=f"{kind}."),
            signature=_signature(node.child_by_field_name("parameters")),
            repeatable=name == "_",
            returns=result_type(node.child_by_field_name("result")),
        )
        self.visit_field(node, "receiver", replace(context, inside=True))
        self._inside(node, context)

    def _literal(self, node: Node, context: Context) -> None:
        self._inside(node, context)

    def _inside(self, node: Node, context: Context) -> None:
        inner = enter(node, context)
        for name in ("type_parameters", "parameters", "result", "body"):
            self.visit_field(node, name, inner)

    def _parameters(self, node: Node, context: Context) -> None:
        for child in node.named_children:
            self.locals.update(text(name) for name in child.children_by_field_name("name"))
            self.visit_field(child, "type", context)

    def _type(self, node: Node, context: Context) -> None:
        name = text(node.child_by_field_name("name"))
        if context.inside:
            self.locals.add(name)
        else:
            body = node.child_by_field_name("type")
            self.define(
                node,
                Kind.CLASS,
                name,
                context,
                repeatable=name == "_",
                closed=is_closed(body),
                bases=tuple(bases(body)),
            )
            for member, line in own_members(body):
                self.define(line, Kind.VALUE, member, replace(context, qualifier=f"{name}."))
        self.visit_field(node, "type_parameters", context)
        self.visit_field(node, "type", context)

    def _values(self, node: Node, context: Context) -> None:
        for child in node.children_by_field_name("name"):
            name = text(child)
            if context.inside:
                self.locals.add(name)
            else:
                self.define(node, Kind.VALUE, name, context, repeatable=name == "_")
        for part in ("type", "value"):
            self.visit_field(node, part, context)

    def _short(self, node: Node, context: Context) -> None:
        left = node.child_by_field_name("left")
        for child in left.named_children if left is not None else ():
            if child.type == "identifier":
                self.locals.add(text(child))
        self.visit_field(node, "right", context)

    def _type_switch(self, node: Node, context: Context) -> None:
        alias = node.child_by_field_name("alias")
        for child in alias.named_children if alias is not None else ():
            self.locals.add(text(child))
        self.visit_children(node, context)

    def _method_element(self, node: Node, context: Context) -> None:
        for name in ("parameters", "result"):
            self.visit_field(node, name, context)

    def _field(self, node: Node, context: Context) -> None:
        self.visit_field(node, "type", context)

    def _keyed(self, node: Node, context: Context) -> None:
        # A key that is a bare name is most often a field's.
        key = node.child_by_field_name("key")
        if key is not None and not (
            len(key.named_children) == 1 and key.named_children[0].type == "identifier"
        ):
            self.visit(key, context)
        self.visit_field(node, "value", context)

    def _selector(self, node: Node, context: Context) -> None:
        operand = node.child_by_field_name("operand")
        name = text(node.child_by_field_name("field"))
        self.members.add(name)
        owner = self._owner(operand, context)
        if owner is not None:
            self.use(node, owner, name, context)
        if operand is not None:
            self.visit(operand, context)

    def _owner(self, operand: Node | None, context: Context) -> str | None:
        """What something is a member of, where that can be found."""
        if operand is None:
            return None
        if operand.type == "identifier":
            return self.instance(text(operand), context) or text(operand)
        kind = value_type(operand)
        return f"{INSTANCE}{kind}" if kind else None

    def _composite(self, node: Node, context: Context) -> None:
        """A literal names the fields that it sets."""
        kind = type_name(node.child_by_field_name("type"))
        body = node.child_by_field_name("body")
        for element in body.named_children if body is not None and kind else ():
            key = element.child_by_field_name("key") if element.type == "keyed_element" else None
            if key is not None and key.named_children[:1] and len(key.named_children) == 1:
                name = key.named_children[0]
                if name.type == "identifier":
                    self.use(name, f"{INSTANCE}{kind}", text(name), context)
        self.visit_children(node, context)

    def _qualified(self, node: Node, context: Context) -> None:
        package = node.child_by_field_name("package")
        name = text(node.child_by_field_name("name"))
        if package is not None:
            self.use(node, text(package), name, context)
            self.use(node, "", text(package), context)

    def _call(self, node: Node, context: Context) -> None:
        function = node.child_by_field_name("function")
        shape = _shape(node.child_by_field_name("arguments"))
        if function is not None and function.type == "identifier":
            self.call(node, "", text(function), shape, context)
        elif function is not None and function.type == "selector_expression":
            owner = self._owner(function.child_by_field_name("operand"), context)
            if owner is not None:
                name = text(function.child_by_field_name("field"))
                self.call(node, owner, name, shape, context)
        self.visit_children(node, context)

    def _identifier(self, node: Node, context: Context) -> None:
        self.use(node, "", text(node), context)


def _package_name(module: str) -> str:
    """What a package is most likely called, by its path."""
    parts = module.split("/")
    if len(parts) > 1 and _MAJOR.fullmatch(parts[-1]):
        parts.pop()
    return parts[-1]


def _signature(parameters: Node | None) -> Signature | None:
    if parameters is None:
        return None
    names: list[str] = []
    variadic = False
    for child in parameters.named_children:
        if child.type == "variadic_parameter_declaration":
            variadic = True
        elif child.type == "parameter_declaration":
            given = [text(name) for name in child.children_by_field_name("name")]
            names += given or [text(child.child_by_field_name("type"))[:30]]
    return Signature(tuple(names), len(names), len(names), any_positional=variadic)


def _shape(arguments: Node | None) -> CallShape:
    given = [
        child
        for child in (arguments.named_children if arguments is not None else ())
        if child.type != "comment"
    ]
    # One call as the only argument may give several values.
    several = len(given) == 1 and given[0].type == "call_expression"
    spread = any(child.type == "variadic_argument" for child in given)
    return CallShape(len(given), open=several or spread or arguments is None)
