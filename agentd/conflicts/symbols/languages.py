"""Which language a file is written in, and who reads it.

A language whose grammar is not installed is not read, and that is said. Pure but for importing
grammars; must not know sides or trees.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from posixpath import basename, splitext
from typing import Final

from agentd.conflicts.symbols.grammars import reader_of
from agentd.conflicts.symbols.python_summary import compiles, read_python
from agentd.conflicts.symbols.summary import Language, Summary

FORMAT: Final = 17
"""Raised whenever a summary of the same file would come out differently."""

_EXTENSIONS: Final[Mapping[str, Language]] = {
    ".py": Language.PYTHON,
    ".pyi": Language.PYTHON,
    ".js": Language.JAVASCRIPT,
    ".mjs": Language.JAVASCRIPT,
    ".cjs": Language.JAVASCRIPT,
    ".jsx": Language.JAVASCRIPT,
    ".ts": Language.TYPESCRIPT,
    ".mts": Language.TYPESCRIPT,
    ".cts": Language.TYPESCRIPT,
    ".tsx": Language.TYPESCRIPT,
    ".go": Language.GO,
    ".rs": Language.RUST,
    ".java": Language.JAVA,
    ".mod": Language.GO,
}
_UNREAD: Final = frozenset(
    [
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".cxx",
        ".hpp",
        ".hh",
        ".m",
        ".mm",
        ".cs",
        ".fs",
        ".vb",
        ".rb",
        ".php",
        ".pl",
        ".pm",
        ".kt",
        ".kts",
        ".scala",
        ".swift",
        ".dart",
        ".lua",
        ".r",
        ".jl",
        ".ex",
        ".exs",
        ".erl",
        ".hs",
        ".ml",
        ".mli",
        ".clj",
        ".groovy",
        ".sh",
        ".bash",
        ".zsh",
        ".fish",
        ".ps1",
        ".sql",
        ".pyx",
        ".pxd",
        ".vue",
        ".svelte",
        ".zig",
        ".nim",
        ".proto",
        ".ipynb",
    ]
)
"""Code that nobody here reads."""


@dataclass(frozen=True, slots=True)
class NotRead:
    """Why a file has no summary."""

    reason: str
    code: bool = True
    """Whether it is code, so that not reading it is worth saying."""


def language_of(path: str) -> Language | None:
    """The language of a file, by its name."""
    return _EXTENSIONS.get(_extension(path))


@lru_cache(maxsize=100_000)
def _extension(path: str) -> str:
    return splitext(basename(path))[1].lower()


@cache
def _analyser(extension: str) -> str | NotRead:
    language = _EXTENSIONS.get(extension)
    if language is None:
        if extension in _UNREAD:
            return NotRead(f"no analyser for {extension} files")
        return NotRead("it is no code", code=False)
    reader = re.sub(r"[^\w.]+", "-", reader_of(language)) or "none"
    return f"{language.value}{'x' if extension == '.tsx' else ''}-{FORMAT}-{reader}"


def analyser_of(path: str) -> str | NotRead:
    """Who reads a file: a name that changes whenever the summary would."""
    return _analyser(_extension(path))


def summarise(path: str, content: bytes) -> Summary | NotRead:
    """Reads a file."""
    language = language_of(path)
    if language is None:
        return NotRead("it is no code", code=False)
    try:
        if language is Language.PYTHON:
            return _python(content)
        return _by_syntax(language, content, path)
    except ImportError as failure:
        return NotRead(f"the grammar {failure.name} is not installed")
    except RecursionError:
        return NotRead("it is nested too deeply")


def stands(path: str, content: bytes) -> bool:
    """Whether a file's language takes it, as far as more than its grammar is asked here."""
    return language_of(path) is not Language.PYTHON or compiles(_decoded(content))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _python(content: bytes) -> Summary:
    found = read_python(_decoded(content))
    if found is not None:
        return found
    try:
        from agentd.conflicts.symbols.python_syntax import read_python_syntax

        return read_python_syntax(content)
    except ImportError:
        return Summary(Language.PYTHON, parsed=False, strict=False)


def _by_syntax(language: Language, content: bytes, path: str) -> Summary:
    """Reads a file by its grammar, which is imported now: it may not be installed."""
    if language is Language.GO:
        from agentd.conflicts.symbols.go_summary import read_go

        return read_go(content, path)
    if language is Language.RUST:
        from agentd.conflicts.symbols.rust_summary import read_rust

        return read_rust(content)
    if language is Language.JAVA:
        from agentd.conflicts.symbols.java_summary import read_java

        return read_java(content)
    from agentd.conflicts.symbols.javascript_summary import read_javascript

    return read_javascript(content, path, language)
