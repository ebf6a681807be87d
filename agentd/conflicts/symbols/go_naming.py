"""How Go finds packages: a place is a directory, found through the nearest `go.mod` above.

Pure but for looking into a tree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from posixpath import basename, dirname
from typing import Final

from agentd.conflicts.symbols.tree_view import TreeView

_BUILTINS: Final = (
    "any append bool byte cap clear close comparable complex complex128 complex64 copy delete "
    "error false float32 float64 imag int int16 int32 int64 int8 iota len make max min new "
    "nil panic print println real recover rune string true uint uint16 uint32 uint64 uint8 "
    "uintptr _"
)
_IGNORED: Final = re.compile(r"testdata$|[_.]")
"""How the directories begin that make no packages: each of their files may be a program."""


class GoNaming:
    """Go's rules."""

    builtins: frozenset[str] = frozenset(_BUILTINS.split())
    roots: frozenset[str] = frozenset()
    overloads: bool = False
    qualified: bool = False
    rebinds: bool = False
    binds_modules: bool = False
    plain_bases: frozenset[str] = frozenset()
    common_members: frozenset[str] = frozenset()
    opener: str = ""

    def siblings(self, view: TreeView, path: str) -> Sequence[str]:
        own = view.summary(path)
        if own is None or any(_IGNORED.match(part) for part in dirname(path).split("/")):
            return (path,)
        in_test = path.endswith("_test.go")
        return tuple(
            other
            for other in view.within(dirname(path))
            if other.endswith(".go")
            and (in_test or not other.endswith("_test.go"))
            and (other == path or _package(view, other) == own.package)
        )

    def module(self, view: TreeView, importer: str, module: str) -> Sequence[str]:
        directory = dirname(importer)
        while True:
            manifest = view.summary(f"{directory}/go.mod" if directory else "go.mod")
            if manifest is not None and manifest.package:
                break
            if not directory:
                return ()
            directory = dirname(directory)
        if module != manifest.package and not module.startswith(f"{manifest.package}/"):
            return ()
        inner = module[len(manifest.package) :].strip("/")
        for place in (_join(directory, inner), _join(directory, f"vendor/{module}")):
            if self.files(view, place) and self._is_of(view, place, directory):
                return (place,)
        return ()

    @staticmethod
    def _is_of(view: TreeView, place: str, root: str) -> bool:
        """Whether a directory is of the module at a root, and of no other inside it."""
        while place != root:
            if view.exists(f"{place}/go.mod"):
                return False
            place = dirname(place)
        return True

    def holder(self, module: str) -> str:
        return ""

    def files(self, view: TreeView, place: str) -> Sequence[str]:
        return tuple(
            path
            for path in view.within(place)
            if path.endswith(".go") and not path.endswith("_test.go")
        )

    def submodule(self, view: TreeView, place: str, name: str) -> str | None:
        return None

    def stems(self, path: str) -> Sequence[str]:
        return (basename(dirname(path)),)

    def elsewhere(self, view: TreeView, name: str) -> bool:
        return False


def _join(directory: str, inner: str) -> str:
    return f"{directory}/{inner}" if directory and inner else directory or inner


def _package(view: TreeView, path: str) -> str | None:
    summary = view.summary(path)
    return None if summary is None else summary.package
