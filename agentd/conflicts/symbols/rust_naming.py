"""How Rust finds modules: a place is a module's file, found from the crate's root by its path.

Inner modules of a file, and crates that are not in the tree, lead out of what can be seen. Pure but
for looking into a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import basename, dirname
from typing import Final

from agentd.conflicts.symbols.rust_crates import library_of
from agentd.conflicts.symbols.tree_view import TreeView

_ROOTS: Final = ("lib.rs", "main.rs")
_PRELUDE: Final = (
    "Some None Ok Err Option Result Box String Vec ToString ToOwned Clone Copy Send Sync "
    "Sized Drop Fn FnMut FnOnce Iterator IntoIterator Extend Default From Into TryFrom "
    "TryInto AsRef AsMut PartialEq Eq PartialOrd Ord Debug Hash FromIterator drop bool char "
    "str u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 Self self std core alloc"
)


_DERIVED: Final = (
    "clone clone_from eq ne cmp partial_cmp lt le gt ge max min hash fmt default from into "
    "try_from try_into to_string to_owned as_ref as_mut deref deref_mut drop next iter "
    "into_iter serialize deserialize parse borrow source description cause"
)
"""Methods that a derive or a trait of everybody's may give."""


class RustNaming:
    """Rust's rules."""

    builtins: frozenset[str] = frozenset(_PRELUDE.split())
    roots: frozenset[str] = frozenset(("crate", "self", "super"))
    overloads: bool = False
    qualified: bool = True
    rebinds: bool = False
    binds_modules: bool = True
    plain_bases: frozenset[str] = frozenset()
    common_members: frozenset[str] = frozenset(_DERIVED.split())
    opener: str = "deref"

    def siblings(self, view: TreeView, path: str) -> Sequence[str]:
        return (path,)

    def module(self, view: TreeView, importer: str, module: str) -> Sequence[str]:
        parts = module.split(".")
        place = self._start(view, importer, parts)
        for part in parts:
            place = self.submodule(view, place, part) if place is not None else None
        return () if place is None else (place,)

    def holder(self, module: str) -> str:
        return module.rpartition(".")[0]

    def files(self, view: TreeView, place: str) -> Sequence[str]:
        return (place,)

    def submodule(self, view: TreeView, place: str, name: str) -> str | None:
        directory = _inner_directory(place)
        prefix = f"{directory}/" if directory else ""
        for candidate in (f"{prefix}{name}.rs", f"{prefix}{name}/mod.rs"):
            if view.exists(candidate):
                return candidate
        return None

    def stems(self, path: str) -> Sequence[str]:
        name = basename(path).removesuffix(".rs")
        return (basename(dirname(path)),) if name == "mod" else (name,)

    def elsewhere(self, view: TreeView, name: str) -> bool:
        """An `impl`, or a trait that gives it, may have come into any of the changed files."""
        return name in view.recall("Rust's changed members", lambda: _changed_members(view))

    def _start(self, view: TreeView, importer: str, parts: list[str]) -> str | None:
        """The file that a path begins at; takes its first names off the path."""
        if parts[0] == "crate":
            parts.pop(0)
            return self._root(view, importer)
        if parts[0] == "self":
            parts.pop(0)
            return importer
        place: str | None = importer
        if parts[0] == "super":
            while parts and parts[0] == "super" and place is not None:
                parts.pop(0)
                place = self._parent(view, place)
            return place
        # A module that this file declares: everything else is another crate.
        if self.submodule(view, importer, parts[0]) is not None:
            return importer
        return library_of(view, importer, parts.pop(0))

    def _root(self, view: TreeView, importer: str) -> str | None:
        if basename(importer) == "main.rs" or f"/{dirname(importer)}".endswith("/src/bin"):
            return importer  # A program is a crate of its own, beside the library.
        directory = dirname(importer)
        while True:
            for name in _ROOTS:
                candidate = f"{directory}/{name}" if directory else name
                if view.exists(candidate):
                    return candidate
            if not directory:
                return None
            directory = dirname(directory)

    def _parent(self, view: TreeView, path: str) -> str | None:
        directory = dirname(path) if basename(path) != "mod.rs" else dirname(dirname(path))
        if basename(path) in _ROOTS:
            return None
        for candidate in (f"{directory}/mod.rs", f"{directory}.rs"):
            if view.exists(candidate):
                return candidate
        return next(
            (f"{directory}/{name}" for name in _ROOTS if view.exists(f"{directory}/{name}")), None
        )


def _changed_members(view: TreeView) -> frozenset[str]:
    """The simple names of all members in the changed files."""
    return frozenset(
        each.simple_name
        for path, blob in view.changed.items()
        if blob is not None and path.endswith(".rs")
        if (summary := view.summary(path)) is not None
        for each in summary.definitions
        if "." in each.name
    )


def _inner_directory(path: str) -> str:
    """Where the files of a module's inner modules are."""
    if basename(path) in (*_ROOTS, "mod.rs"):
        return dirname(path)
    return path.removesuffix(".rs")
