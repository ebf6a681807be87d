"""The colours of code: which stretches of some lines are keywords, texts, comments and the like.

Pure. Only grammars that are known to stay quick on any text are used, chosen by the file's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, TypeAlias

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Literal, Name, Number, String

Colour: TypeAlias = tuple[int, int, str]
"""A half-open stretch of characters of a line, and the class that colours it."""

_LEXERS: Final = {
    "c": "c",
    "cc": "cpp",
    "cpp": "cpp",
    "cs": "csharp",
    "css": "css",
    "go": "go",
    "h": "c",
    "hpp": "cpp",
    "java": "java",
    "js": "javascript",
    "json": "json",
    "jsx": "javascript",
    "kt": "kotlin",
    "mjs": "javascript",
    "php": "php",
    "py": "python",
    "pyi": "python",
    "rb": "ruby",
    "rs": "rust",
    "sh": "bash",
    "sql": "sql",
    "swift": "swift",
    "toml": "toml",
    "ts": "typescript",
    "tsx": "typescript",
    "yaml": "yaml",
    "yml": "yaml",
}

_CLASSES: Final = (
    (Comment, "com"),
    (Keyword, "key"),
    (Number, "num"),
    (String, "str"),
    (Literal, "str"),
    (Name.Function, "def"),
    (Name.Class, "def"),
    (Name.Tag, "key"),
    (Name.Decorator, "def"),
)


def coloured(path: str, lines: Sequence[str]) -> list[list[Colour]]:
    """For each line its coloured stretches; none where the language is not known."""
    found: list[list[Colour]] = [[] for _ in lines]
    lexer = _lexer(path.rpartition("/")[2].rpartition(".")[2].lower())
    if lexer is None:
        return found
    line = column = 0
    for token, value in lexer.get_tokens("\n".join(lines)):
        name = next((name for kind, name in _CLASSES if token in kind), None)
        for index, part in enumerate(value.split("\n")):
            if index:
                line, column = line + 1, 0
            if part and name is not None and line < len(lines):
                found[line].append((column, column + len(part), name))
            column += len(part)
    return found


@cache
def _lexer(ending: str) -> Lexer | None:
    name = _LEXERS.get(ending)
    if name is None:
        return None
    lexer: Lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    return lexer
