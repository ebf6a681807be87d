"""How Java finds classes: a place is the directory of a package, or a class's own file.

Pure but for looking into a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import basename
from typing import Final

from agentd.conflicts.symbols.tree_view import TreeView

_LANG: Final = (
    "Appendable AutoCloseable Boolean Byte CharSequence Character Class ClassLoader Cloneable "
    "Comparable Deprecated Double Enum Error Exception Float FunctionalInterface Integer "
    "Iterable Long Math Module Number Object Override Package Process ProcessBuilder Readable "
    "Record Runnable Runtime RuntimeException SafeVarargs Short StackTraceElement String "
    "StringBuffer StringBuilder SuppressWarnings System Thread ThreadGroup ThreadLocal "
    "Throwable Void var"
)

_SOURCES: Final = (".java", ".kt", ".groovy", ".scala")
"""What may hold a class of a package; those that nobody reads make it unknown."""


_PLAIN_BASES: Final = frozenset(
    (
        *("Object", "Serializable", "Cloneable", "Comparable", "Runnable", "Callable"),
        *("AutoCloseable", "Closeable", "Iterable", "CharSequence"),
    )
)
"""The language's own classes and interfaces of which the names below are all that matters."""
_OBJECT_MEMBERS: Final = frozenset(
    (
        *("equals", "hashCode", "toString", "getClass", "clone", "finalize", "notify"),
        *("notifyAll", "wait", "run", "call", "close", "compareTo", "iterator", "forEach"),
        *("spliterator", "length", "charAt", "subSequence", "isEmpty", "chars", "codePoints"),
        *("values", "valueOf", "ordinal", "name", "compare"),
    )
)


class JavaNaming:
    """Java's rules."""

    builtins: frozenset[str] = frozenset(_LANG.split())
    roots: frozenset[str] = frozenset()
    overloads: bool = True
    qualified: bool = True
    rebinds: bool = False
    binds_modules: bool = False
    plain_bases: frozenset[str] = _PLAIN_BASES
    common_members: frozenset[str] = _OBJECT_MEMBERS
    opener: str = ""

    def siblings(self, view: TreeView, path: str) -> Sequence[str]:
        summary = view.summary(path)
        if summary is None or not summary.package or "/resources/" in path:
            return (path,)  # What is a resource is compiled by nobody, or alone.
        return tuple(dict.fromkeys((path, *self._package(view, summary.package))))

    def module(self, view: TreeView, importer: str, module: str) -> Sequence[str]:
        suffix = module.replace(".", "/")
        packages = [place for place in view.directories_called(suffix) if self.files(view, place)]
        if packages:
            return packages
        # A class that holds others.
        holder, _, name = suffix.rpartition("/")
        return [
            f"{place}/{name}.java"
            for place in (view.directories_called(holder) if holder else ())
            if view.exists(f"{place}/{name}.java")
        ]

    def holder(self, module: str) -> str:
        return ""

    def files(self, view: TreeView, place: str) -> Sequence[str]:
        if place.endswith(".java"):
            return (place,)
        return tuple(path for path in view.within(place) if path.endswith(_SOURCES))

    def submodule(self, view: TreeView, place: str, name: str) -> str | None:
        return None

    def stems(self, path: str) -> Sequence[str]:
        return (basename(path).removesuffix(".java"),)

    def elsewhere(self, view: TreeView, name: str) -> bool:
        return False

    def _package(self, view: TreeView, package: str) -> Sequence[str]:
        """The files of a package, which may be spread over source roots."""
        return [
            path
            for place in view.directories_called(package.replace(".", "/"))
            for path in self.files(view, place)
        ]
