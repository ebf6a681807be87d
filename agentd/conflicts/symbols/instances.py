"""Which names of a file stand for an instance of one class, in what tree-sitter reads.

A name counts where all that binds it in one function, or outside of any, gives it the same type. A
language's reader says what binds and what the type is. Pure; knows one file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tree_sitter import Node

THIS: Final = "this."
"""What the name of an instance's own field begins with; such names are the whole file's."""

Bindings: TypeAlias = Callable[[Node], Iterator[tuple[str, str]]]
"""The names that a node binds, each with its type as written; empty: nobody can say."""


@dataclass(frozen=True, slots=True)
class InstanceNames:
    """The names of a file that are bound, with the type of those that have one alone."""

    of_file: Mapping[str, str] = field(default_factory=dict)
    of_functions: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """By the id of the outermost function's node."""

    def kind(self, function: int, name: str) -> str:
        """The type of a name as it is seen in a function (0: outside of any); empty: unknown."""
        own = self.of_functions.get(function, {})
        return own[name] if name in own else self.of_file.get(name, "")


def instance_names(root: Node, functions: Collection[str], bindings: Bindings) -> InstanceNames:
    """Looks through a file once."""
    of_file: dict[str, str] = {}
    of_functions: dict[int, dict[str, str]] = {}
    pending = [(root, 0)]
    while pending:
        node, function = pending.pop()
        if not function and node.type in functions:
            function = node.id
        for name, kind in bindings(node):
            own = of_functions.setdefault(function, {}) if function else of_file
            known = of_file if name.startswith(THIS) else own
            known[name] = kind if known.get(name, kind) == kind else ""
        # What has nothing inside it, as most nodes do, binds nothing.
        pending += [(child, function) for child in node.named_children if child.named_child_count]
    return InstanceNames(of_file, of_functions)
