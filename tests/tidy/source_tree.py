"""The package's sources, parsed once, for the tests that read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "agentd"


@dataclass(frozen=True)
class Source:
    """One module."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.text.count("\n")

    def imports(self) -> Iterator[str]:
        """The modules it imports, also inside functions, but not those for types alone."""
        for_types = {
            id(inner)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(self.tree):
            if id(node) in for_types:
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}: import by the full name"
                assert node.module is not None
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in module_names() else node.module

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def calls(self) -> Iterator[tuple[int, str]]:
        """Line and dotted name of every call whose name can be read."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node.lineno, ast.unparse(node.func)


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def module_names() -> frozenset[str]:
    """Every module of the package."""
    return frozenset(_module_name(path) for path in PACKAGE.rglob("*.py"))


@cache
def sources() -> tuple[Source, ...]:
    """Every module of the package, parsed."""
    return _parsed(PACKAGE)


@cache
def sources_beside() -> tuple[Source, ...]:
    """Every module that is shipped beside the package, parsed; not the tests."""
    return (*_parsed(ROOT / "benchmarks"), *_parsed(ROOT / "examples"), *_parsed(ROOT / "tools"))


def _parsed(directory: Path) -> tuple[Source, ...]:
    found = []
    for path in sorted(directory.rglob("*.py")):
        text = path.read_text()
        found.append(Source(_module_name(path), path, text, ast.parse(text)))
    return tuple(found)
