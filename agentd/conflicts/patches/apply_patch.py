"""Codex's own form of a patch, `*** Begin Patch … *** End Patch`: its grammar.

It has no line numbers: a chunk names a line that stands somewhere above it (`@@ def f():`), then
its own lines with ` `, `-` and `+` before them. Where these belong in a file is the business of
`apply_patch_chunks`. The grammar is as `apply_patch` of Codex 0.169.0 was measured to take it.
Pure: text in, values out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

_BEGIN: Final = "*** Begin Patch"
_END: Final = "*** End Patch"
_ADD: Final = "*** Add File: "
_DELETE: Final = "*** Delete File: "
_UPDATE: Final = "*** Update File: "
_MOVE: Final = "*** Move to: "
_ENVIRONMENT: Final = "*** Environment ID:"
_END_OF_FILE: Final = "*** End of File"
_HERE_DOCUMENTS: Final = ("<<EOF", "<<'EOF'", '<<"EOF"')
_SHOWN_CHARS_MAX: Final = 120


class Mark(StrEnum):
    """What stands before a line of a chunk."""

    CONTEXT = " "
    REMOVED = "-"
    ADDED = "+"


Line: TypeAlias = tuple[Mark, str]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines of a file that stand together."""

    lines: tuple[Line, ...]
    below: str | None = None
    """A line that stands above it."""
    is_end_of_file: bool = False
    """Whether its old lines are the last ones of the file."""

    @property
    def old(self) -> tuple[str, ...]:
        """What it says that stands there."""
        return tuple(text for mark, text in self.lines if mark is not Mark.ADDED)


@dataclass(frozen=True, slots=True)
class AddFile:
    """A new file."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """A file that goes."""

    path: str


@dataclass(frozen=True, slots=True)
class UpdateFile:
    """A file that changes, and perhaps its name with it."""

    path: str
    chunks: tuple[Chunk, ...]
    move_to: str | None = None


Operation: TypeAlias = AddFile | DeleteFile | UpdateFile


class Malformed(ValueError):
    """The text does not follow the grammar. The message says where and how."""


def is_apply_patch(patch: bytes) -> bool:
    """Whether a patch means to be one of these rather than a unified diff."""
    start = patch[:200].lstrip()
    for here_document in _HERE_DOCUMENTS:
        start = start.removeprefix(here_document.encode()).lstrip()
    return start.startswith(_BEGIN.encode())


def parse_apply_patch(patch: bytes) -> tuple[Operation, ...]:
    """What a patch does, in its order. Raises `Malformed`."""
    try:
        text = patch.decode()
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8 text") from None
    operations = _Parser(_inner_lines(text)).operations()
    if not operations:
        raise Malformed("it changes no file")
    return operations


def paths_of(operations: tuple[Operation, ...]) -> tuple[str, ...]:
    """Every path that it names, old and new names of what it moves among them."""
    paths: list[str] = []
    for operation in operations:
        paths.append(operation.path)
        if isinstance(operation, UpdateFile) and operation.move_to is not None:
            paths.append(operation.move_to)
    return tuple(dict.fromkeys(paths))


def _inner_lines(text: str) -> list[str]:
    lines = [line.removesuffix("\r") for line in text.strip().split("\n")]
    if len(lines) >= 4 and lines[0] in _HERE_DOCUMENTS and lines[-1].endswith("EOF"):
        lines = lines[1:-1]
    if lines[0].strip() != _BEGIN:
        raise Malformed(f"its first line must be {_BEGIN!r}")
    if len(lines) < 2 or lines[-1].strip() != _END:
        raise Malformed(f"its last line must be {_END!r}")
    return lines[1:-1]


class _Parser:
    """Goes through the lines between the first and the last."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def operations(self) -> tuple[Operation, ...]:
        found: list[Operation] = []
        if self._lines and self._lines[0].strip().startswith(_ENVIRONMENT):
            self._at = 1
        while self._at < len(self._lines):
            found.append(self._operation())
        return tuple(found)

    def _operation(self) -> Operation:
        header = self._lines[self._at].strip()
        if header.startswith(_ADD):
            self._at += 1
            return AddFile(self._path(header, _ADD), self._added())
        if header.startswith(_DELETE):
            self._at += 1
            return DeleteFile(self._path(header, _DELETE))
        if header.startswith(_UPDATE):
            return self._update(self._path(header, _UPDATE))
        raise self._wrong(
            "a file must begin with *** Add File:, *** Delete File: or *** Update File:"
        )

    def _path(self, header: str, prefix: str) -> str:
        path = header.removeprefix(prefix)
        if not path:
            raise self._wrong("it names no file")
        return path

    def _added(self) -> str:
        content = ""
        while self._at < len(self._lines) and self._lines[self._at].startswith("+"):
            content += self._lines[self._at][1:] + "\n"
            self._at += 1
        return content

    def _update(self, path: str) -> UpdateFile:
        began = self._at
        self._at += 1
        move_to = None
        if self._at < len(self._lines) and self._lines[self._at].startswith(_MOVE):
            move_to = self._path(self._lines[self._at].strip(), _MOVE)
            self._at += 1
        chunks: list[Chunk] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.startswith("***"):
                break
            if chunks and chunks[-1].is_end_of_file and not line.strip():
                self._at += 1
                continue
            chunks.append(self._chunk(is_first=not chunks))
        if not chunks:
            self._at = began
            raise self._wrong(f"it changes no line of {path}")
        return UpdateFile(path, tuple(chunks), move_to)

    def _chunk(self, *, is_first: bool) -> Chunk:
        below = None
        header = self._lines[self._at].rstrip()
        if header == "@@" or header.startswith("@@ "):
            below = header[3:] or None
            self._at += 1
        elif not is_first:
            raise self._wrong("a further chunk must begin with @@")
        lines: list[Line] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line == _END_OF_FILE and lines:
                self._at += 1
                return Chunk(tuple(lines), below, is_end_of_file=True)
            if line and line[0] not in " -+":
                break
            lines.append((Mark(line[0]), line[1:]) if line else (Mark.CONTEXT, ""))
            self._at += 1
        if not lines:
            raise self._wrong("a line of a chunk must begin with a space, - or +")
        return Chunk(tuple(lines), below)

    def _wrong(self, rule: str) -> Malformed:
        if self._at >= len(self._lines):
            return Malformed(f"{rule}, and it ends there")
        number = self._at + 2  # The first line has been taken off, and people count from 1.
        return Malformed(
            f"line {number} is {self._lines[self._at][:_SHOWN_CHARS_MAX]!r}, but {rule}"
        )
