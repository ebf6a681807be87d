"""What a file of Rust takes from other modules and crates, and which modules it declares.

Pure; knows one file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tree_sitter import Node

from agentd.conflicts.symbols.rust_nodes import use_paths
from agentd.conflicts.symbols.summary import Import
from agentd.conflicts.symbols.syntax import Context, SyntaxReader, line_of, text

ROOTS: Final = ("crate", "self", "super")
"""What a path begins with that does not begin at a name of its file."""


@dataclass(slots=True)
class ModuleReader(SyntaxReader):
    """Gathers imports and declared modules."""

    depth: int = 0
    """How many of the file's inner modules this is inside."""

    def read_use(self, node: Node, context: Context) -> None:
        argument = node.child_by_field_name("argument")
        for path, local in use_paths(argument, ""):
            module, _, name = path.rpartition(".")
            if name == "*":
                if not context.inside and not context.qualifier:
                    self.stars.append(module)
                    self.imports.append(Import(module, None, "", line_of(node)))
            elif name == "self":
                self.take_in(node, module, local or module.rpartition(".")[2], context)
            else:
                self.take_in(node, path, local or name, context)

    def take_in(self, node: Node, path: str, local: str, context: Context) -> None:
        module, _, name = path.rpartition(".")
        if context.inside or context.qualifier or context.conditional:
            self.locals.add(local)  # Seen in one function or inner module, not in the whole file.
            if context.conditional and not (context.inside or context.qualifier):
                self.bound.add(local)
            holder = self.from_file(module)
            if holder and not context.conditional:
                self.use(node, holder, name, replace(context, guarded=False))
            return
        local = "" if local == "_" else local
        guarded = context.guarded or context.conditional
        if module:
            self.imports.append(Import(module, name, local, line_of(node), guarded))
        else:
            self.imports.append(Import(name, None, local, line_of(node), guarded))
        self.define_import(node, local, context)

    def read_extern_crate(self, node: Node, context: Context) -> None:
        alias = node.child_by_field_name("alias") or node.child_by_field_name("name")
        self.bound.add(text(alias))

    def declare(self, node: Node, name: str, context: Context) -> None:
        """A module that has a file of its own."""
        if context.qualifier or context.conditional:
            self.take_in(node, f"self.{name}", name, context)
            return
        self.imports.append(Import(f"self.{name}", None, name, line_of(node), context.guarded))
        self.define_import(node, name, context)

    def from_file(self, path: str) -> str:
        """A path as it is to be read outside of the inner module that this is in.

        Empty where it leads to what is inside, or begins at no root.
        """
        root, _, rest = path.partition(".")
        if root == "crate" or (root in ROOTS and not self.depth):
            return path
        above = 0
        while root == "super":
            above += 1
            root, _, rest = rest.partition(".") if rest else ("", "", "")
        if not self.depth or above < self.depth:
            return ""
        left = ["super"] * (above - self.depth) or ["self"]
        return ".".join([*left, *filter(None, (root, rest))])
