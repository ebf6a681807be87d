"""Which readers of languages this installation has, and of what version.

What a file's names are depends on who reads it, so summaries are kept under these, and a review
says which it had. It must not know files.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from agentd.conflicts.symbols.summary import Language

_PARSER: Final = "tree-sitter"
_PACKAGES: Final[Mapping[Language, str]] = {
    Language.PYTHON: "tree-sitter-python",
    Language.JAVASCRIPT: "tree-sitter-javascript",
    Language.TYPESCRIPT: "tree-sitter-typescript",
    Language.GO: "tree-sitter-go",
    Language.RUST: "tree-sitter-rust",
    Language.JAVA: "tree-sitter-java",
}


@cache
def reader_of(language: Language) -> str:
    """Who reads a language here, with versions; empty where nobody does."""
    parts = []
    if language is Language.PYTHON:
        parts.append(f"Python {sys.version_info.major}.{sys.version_info.minor}")
    package = _PACKAGES[language]
    versions = [(name, _version(name)) for name in (package, _PARSER)]
    if all(found for _, found in versions):
        parts += [f"{name} {found}" for name, found in versions]
    return ", ".join(parts)


def readers() -> dict[str, str]:
    """Who reads each language, by its name."""
    return {language.value: reader_of(language) for language in Language}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
