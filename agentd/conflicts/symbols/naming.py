"""Which files a module's name leads to: the contract that each language's rules fill in.

A *place* is where the names of a module live; what it is made of (a file, a directory) is the
language's business. Pure but for looking into a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agentd.conflicts.symbols.tree_view import TreeView


class Naming(Protocol):
    """How one language finds what a name means."""

    builtins: frozenset[str]
    """The names that exist without being bound."""

    roots: frozenset[str]
    """The names that begin a module's name without being imported."""

    overloads: bool
    """Whether a class may have one name several times, those of its bases included."""

    qualified: bool
    """Whether a module's full name may stand anywhere without an import."""

    rebinds: bool
    """Whether a name may be given its value again, so that the same one twice is no mistake."""

    binds_modules: bool
    """Whether a module is a name like others, which an import or an inner module may give."""

    plain_bases: frozenset[str]
    """Simple names of bases from outside the tree that give no members worth looking for."""

    common_members: frozenset[str]
    """Members that every instance may have without anybody defining them."""

    opener: str
    """A member through which a class has those of another type; empty: there is no such thing."""

    def siblings(self, view: TreeView, path: str) -> Sequence[str]:
        """The files whose top-level names a file sees without importing them, itself included."""

    def module(self, view: TreeView, importer: str, module: str) -> Sequence[str]:
        """The places that an imported module may be; none where it is not in the tree."""

    def holder(self, module: str) -> str:
        """The module that another is inside, by its name; empty: its name does not say."""

    def files(self, view: TreeView, place: str) -> Sequence[str]:
        """The files that hold the names of a place."""

    def submodule(self, view: TreeView, place: str, name: str) -> str | None:
        """The place of a module inside another; None where there is none."""

    def stems(self, path: str) -> Sequence[str]:
        """The names under which a file as a whole can be imported."""

    def elsewhere(self, view: TreeView, name: str) -> bool:
        """Whether a class may get a member from where nobody looks."""


def siblings_of(naming: Naming, view: TreeView, path: str) -> tuple[str, ...]:
    """The siblings of a file, found once for each tree."""
    key = ("siblings", type(naming), path)
    return view.recall(key, lambda: tuple(naming.siblings(view, path)))
