"""How Python finds modules: a place is a path without extension, of a module or a package.

Roots are guessed from the importing file: the directories above it and their `src`; what lies
elsewhere counts as not in the tree. Pure but for looking into a tree.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Sequence
from posixpath import basename, dirname
from typing import Final

from agentd.conflicts.symbols.tree_view import TreeView

_ROOT_NAMES: Final = ("", "src", "lib", "python", "Lib")
_MODULE_NAMES: Final = frozenset(
    [
        "__file__",
        "__name__",
        "__doc__",
        "__path__",
        "__spec__",
        "__loader__",
        "__package__",
        "__builtins__",
        "__all__",
        "__dict__",
        "__annotations__",
        "__class__",
        "__module__",
        "__qualname__",
        "WindowsError",
    ]
)


_PLAIN_BASES: Final = frozenset(
    [
        *("object", "ABC", "Generic", "Protocol", "NamedTuple", "Enum", "IntEnum", "StrEnum"),
        *("Flag", "IntFlag", "Exception", "BaseException", "ValueError", "TypeError", "OSError"),
        *("KeyError", "LookupError", "RuntimeError", "AttributeError", "NotImplementedError"),
    ]
)
"""Bases of the language's own whose members nobody mistakes for those of a project."""


class PythonNaming:
    """Python's rules."""

    builtins: frozenset[str] = frozenset(dir(builtins)) | _MODULE_NAMES
    roots: frozenset[str] = frozenset()
    overloads: bool = False
    qualified: bool = False
    rebinds: bool = True
    binds_modules: bool = False
    plain_bases: frozenset[str] = _PLAIN_BASES
    common_members: frozenset[str] = frozenset(("name", "value", "args", "add_note"))
    opener: str = ""

    def siblings(self, view: TreeView, path: str) -> Sequence[str]:
        return (path,)

    def module(self, view: TreeView, importer: str, module: str) -> Sequence[str]:
        name = module.lstrip(".")
        level = len(module) - len(name)
        parts = "/".join(name.split(".")) if name else ""
        if level:
            directory = dirname(importer)
            for _ in range(level - 1):
                directory = dirname(directory)
            place = _join(directory, parts)
            return (place,) if self._exists(view, place) else ()
        return tuple(
            place
            for place in (_join(root, parts) for root in self._roots(view, importer, name))
            if self._exists(view, place)
        )

    def holder(self, module: str) -> str:
        above, dot, _ = module.rpartition(".")
        return above if above.strip(".") else f"{above}{dot}"

    def files(self, view: TreeView, place: str) -> Sequence[str]:
        package = _join(place, "__init__.py")
        if view.exists(package):
            return (package,)  # A package wins over a module of its name.
        return tuple(path for path in view.with_stem(place) if _is_module(path))

    def submodule(self, view: TreeView, place: str, name: str) -> str | None:
        inner = _join(place, name)
        return inner if self._exists(view, inner) else None

    def stems(self, path: str) -> Sequence[str]:
        name = basename(path).partition(".")[0]
        return (basename(dirname(path)), name) if name == "__init__" else (name,)

    def elsewhere(self, view: TreeView, name: str) -> bool:
        return False

    def _exists(self, view: TreeView, place: str) -> bool:
        if not place:
            return True
        return bool(self.files(view, place)) or view.has_directory(place)

    def _roots(self, view: TreeView, importer: str, module: str) -> Iterator[str]:
        """The directories in which an absolute import may begin."""
        own = directory = dirname(importer)
        standard = module.partition(".")[0] in sys.stdlib_module_names
        while True:
            inside_package = view.exists(_join(directory, "__init__.py"))
            if not inside_package and not (directory == own and directory and standard):
                yield directory
            for name in _ROOT_NAMES[1:]:
                if basename(directory) != name:
                    yield _join(directory, name)
            if not directory:
                return
            directory = dirname(directory)


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory and name else directory or name


def _is_module(path: str) -> bool:
    return path.rpartition(".")[2] in ("py", "pyi", "pyx", "pyd", "so", "c", "cpp")
