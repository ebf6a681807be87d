"""Which language a file is written in, and who reads it.

A language whose grammar is not installed is not read, and that is said. Pure but for importing
grammars; must not know sides or trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from posixpath import basename, splitext
from typing import Final

from agentd.conflicts.symbols.python_summary import read_python
from agentd.conflicts.symbols.summary import Language, Summary

FORMAT: Final = 2
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
    return _EXTENSIONS.get(splitext(basename(path))[1].lower())


@cache
def _analyser(extension: str) -> str | NotRead:
    language = _EXTENSIONS.get(extension)
    if language is None:
        if extension in _UNREAD:
            return NotRead(f"no analyser for {extension} files")
        return NotRead("it is no code", code=False)
    return f"{language.value}{'x' if extension == '.tsx' else ''}-{FORMAT}"


def analyser_of(path: str) -> str | NotRead:
    """Who reads a file: a name that changes whenever the summary would."""
    return _analyser(splitext(basename(path))[1].lower())


def summarise(path: str, content: bytes) -> Summary | NotRead:
    """Reads a file."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    language = language_of(path)
    found = None
    if language is Language.PYTHON:
        found = read_python(text)
    if found is None:
        return Summary(Language.PYTHON, parsed=False, strict=False)
    return found
