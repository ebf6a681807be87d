"""Which reader reads a file, by its name. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from posixpath import basename, splitext
from typing import Final, TypeAlias

from agentd.conflicts.proposals.blocks import Container
from agentd.conflicts.proposals.compiled_grammars import GO, JAVA, RUST
from agentd.conflicts.proposals.json_parts import read_json, read_json_lines
from agentd.conflicts.proposals.python_parts import read_python
from agentd.conflicts.proposals.regions import lines_of
from agentd.conflicts.proposals.script_grammars import JAVASCRIPT, TSX, TYPESCRIPT
from agentd.conflicts.proposals.syntax_parts import Grammar, is_installed, read_syntax
from agentd.conflicts.proposals.text_parts import read_list, read_names
from agentd.conflicts.proposals.toml_parts import read_toml
from agentd.conflicts.proposals.yaml_parts import read_yaml

Reader: TypeAlias = Callable[[bytes], Container | None]
"""The content of a file as a container; None where it does not parse."""

_TextReader: TypeAlias = Callable[[str, Sequence[bytes]], Container | None]

_TEXT_READERS: Final[Mapping[str, _TextReader]] = {
    ".py": read_python,
    ".pyi": read_python,
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".toml": read_toml,
    ".yaml": read_yaml,
    ".yml": read_yaml,
}
_GRAMMARS: Final[Mapping[str, Grammar]] = {
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), JAVASCRIPT),
    **dict.fromkeys((".ts", ".mts", ".cts"), TYPESCRIPT),
    ".tsx": TSX,
    ".go": GO,
    ".rs": RUST,
    ".java": JAVA,
}
_GENERATED: Final = re.compile(r".+[-.](lock|shrinkwrap)\.(json|ya?ml|toml)|.+\.lock")
"""A list of exact versions is written anew, not merged."""
_CHANGELOG: Final = re.compile(r"(change(s|log)?|news|history|release[-_ ]?notes)\b", re.IGNORECASE)
_PEOPLE: Final = re.compile(r"(authors?|contributors?|thanks|credits)(\.\w+)?$", re.IGNORECASE)
_PROSE: Final = frozenset({".md", ".markdown", ".rst"})


def reader_of(path: str) -> Reader | None:
    """The reader of a file; None where there is none."""
    name = basename(path)
    extension = splitext(name)[1].lower()
    if _GENERATED.fullmatch(name):
        return None
    if extension in _TEXT_READERS:
        return partial(_read_text, _TEXT_READERS[extension])
    if extension in _GRAMMARS and is_installed(_GRAMMARS[extension]):
        return partial(_read_syntax, _GRAMMARS[extension])
    if _PEOPLE.match(name) and extension in ("", ".txt", ".rst", ".md"):
        return _names
    is_changelog = _CHANGELOG.match(name) is not None
    if extension in _PROSE or (is_changelog and extension in ("", ".txt")):
        return partial(_list, is_changelog=is_changelog)
    return None


def is_python(path: str) -> bool:
    """Whether a file of this name is a Python module or stub."""
    return _TEXT_READERS.get(splitext(path)[1].lower()) is read_python


def grammar_of(path: str) -> Grammar | None:
    """The grammar of a file, where it has one and that is installed."""
    grammar = _GRAMMARS.get(splitext(path)[1].lower())
    return grammar if grammar is not None and is_installed(grammar) else None


def why_unread(path: str) -> str:
    """Why a file has no reader, in a half sentence."""
    extension = splitext(basename(path))[1].lower()
    if _GENERATED.fullmatch(basename(path)):
        return "it is written by a program; let that write it anew"
    if extension in _GRAMMARS:
        module = _GRAMMARS[extension].module
        return f"{module} is not installed (pip install 'agentd-coord[languages]')"
    return f"{basename(path)} is no kind of file that `entity` can read"


def _text(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # A lone carriage return ends a line for some readers and not for git.
    return None if "\r" in text.replace("\r\n", "") else text


def _read_text(reader: _TextReader, content: bytes) -> Container | None:
    text = _text(content)
    return None if text is None else reader(text, lines_of(content))


def _read_syntax(grammar: Grammar, content: bytes) -> Container | None:
    return None if _text(content) is None else read_syntax(content, grammar)


def _list(content: bytes, *, is_changelog: bool) -> Container | None:
    if _text(content) is None:
        return None
    return read_list(lines_of(content), is_changelog=is_changelog)


def _names(content: bytes) -> Container | None:
    return None if _text(content) is None else read_names(lines_of(content))
