"""What a file of JavaScript or TypeScript reaches, calls and sets through something else.

Pure; knows one file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.instances import THIS
from agentd.conflicts.symbols.javascript_modules import ModuleReader, exported_names
from agentd.conflicts.symbols.javascript_nodes import (
    call_shape,
    member_parts,
    required_module,
    string_value,
)
from agentd.conflicts.symbols.javascript_types import value_type
from agentd.conflicts.symbols.summary import INSTANCE, SELF, SUPER, Import, is_instance
from agentd.conflicts.symbols.syntax import Context, line_of, text

_MOCKS: Final = ("jest.mock", "jest.doMock", "vi.mock", "vi.doMock")


@dataclass(slots=True)
class MemberReader(ModuleReader):
    """Gathers members and calls."""

    commonjs: bool = False
    mocked: set[str] = field(default_factory=set)
    """Modules that a test replaces by what it makes itself."""

    def _chain(self, node: Node | None, context: Context) -> str | None:
        if node is None:
            return None
        if node.type in ("identifier", "type_identifier"):
            return self.instance(text(node), context) or text(node)
        if node.type in ("this", "super") and context.owner:
            return f"{SELF if node.type == 'this' else SUPER}{context.owner}"
        if node.type == "new_expression":
            kind = value_type(node)
            return f"{INSTANCE}{kind}" if kind else None
        if node.type in ("member_expression", "nested_identifier"):
            holder, name = member_parts(node)
            prefix = self._chain(holder, context)
            if prefix is not None and prefix.startswith(SELF):
                return self.instance(f"{THIS}{text(name)}", context)
            if prefix is not None and not is_instance(prefix):
                return f"{prefix}.{text(name)}"
        return None

    def read_member(self, node: Node, context: Context) -> None:
        holder, name = member_parts(node)
        self.members.add(text(name))
        owner = self._chain(holder, context)
        call = node.parent if node.parent and node.parent.type == "call_expression" else node
        around = (*node.children, *call.children)
        optional = any(child.type in ("optional_chain", "?.") for child in around)
        if owner is not None and not optional:
            self.use(node, owner, text(name), context)
        if owner in ("module", "exports"):
            self.commonjs = True
            self.opaque |= not self._is_plain_export(node)
        if holder is not None:
            self.visit(holder, context)

    def read_call(self, node: Node, context: Context) -> None:
        function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        arguments = node.child_by_field_name("arguments")
        module = required_module(node)
        if module is not None:
            self.imports.append(Import(module, None, "", line_of(node), guarded=True))
        if text(function) in _MOCKS and arguments is not None:
            given = arguments.named_children
            if len(given) > 1 and given[0].type == "string":
                self.mocked.add(string_value(given[0]))
        shape = call_shape(arguments)
        if function is not None and function.type == "identifier":
            name = text(function)
            # Only `new` makes an instance; a class and a function of one name cannot both be.
            self.call(node, "", name, shape, context)
        elif function is not None and function.type == "member_expression":
            holder, name_node = member_parts(function)
            owner = self._chain(holder, context)
            if owner is not None:
                self.call(node, owner, text(name_node), shape, context)
        self.visit_children(node, context)

    def read_assignment(self, node: Node, context: Context) -> None:
        left = node.child_by_field_name("left")
        if left is not None and left.type == "member_expression":
            holder, name = member_parts(left)
            if holder is not None:
                self.assigned.add(text(name))
        self.visit_children(node, context)

    def _is_plain_export(self, node: Node) -> bool:
        """Takes in what `exports.name = …` and `module.exports = { … }` offer, where they stand."""
        names = exported_names(node)
        if names is not None and self.offered is not None:
            self.offered.update(names)
        return names is not None
