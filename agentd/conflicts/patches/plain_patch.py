"""Patches as `git diff` prints them, without anything odd, and what they make of exact content.

A plain patch edits or adds ordinary text files whose names raise no question, and every line of it
has its place in the format. Where each hunk stands in its file exactly as it says, there is only
one thing that it can mean, and thousands of patches need no process of git's. Everything else
(renames, deletions, modes, quoted names, a missing newline, whatever does not fit) is for git to
judge. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_NAME: Final = rb"[A-Za-z0-9_+=@,-][A-Za-z0-9_+=@,.-]*(?:/[A-Za-z0-9_+=@,.-]+)*"
_HEADER: Final = re.compile(rb"diff --git a/(" + _NAME + rb") b/\1")
_NEW_MODE: Final = re.compile(rb"new file mode (100644|100755)")
_INDEX: Final = re.compile(rb"index [0-9a-f]{7,64}\.\.[0-9a-f]{7,64}(?: (100644|100755))?")
_HUNK: Final = re.compile(
    rb"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+[0-9]{1,9}(?:,([0-9]{1,9}))? @@.*"
)
_ODD_NAMES: Final = re.compile(rb"(?:^|/)(?:\.{1,2}(?:/|$)|\.?git)|\.(?:/|$)", re.IGNORECASE)
"""What git, or a file system, may take for something else."""


@dataclass(frozen=True, slots=True)
class PlainHunk:
    """A stretch of lines and what it becomes, both with their newlines."""

    start: int
    """The line of the file at which it stands, counted from 0."""
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]
    open_end: bool
    """Whether it ends with its change, so that it can only stand at the end of the file."""


@dataclass(frozen=True, slots=True)
class PlainFile:
    """What a patch does to one file."""

    path: str
    new: bool
    """Whether it adds the file."""
    mode: str | None
    """Of the file, where the patch says it."""
    hunks: tuple[PlainHunk, ...]

    def applied(self, content: bytes) -> bytes | None:
        """What becomes of a content; None where a hunk does not stand where it says."""
        lines = [line + b"\n" for line in content.split(b"\n")]
        rest = lines.pop().removesuffix(b"\n")
        parts: list[bytes] = []
        at = 0
        for hunk in self.hunks:
            end = hunk.start + len(hunk.old)
            if hunk.start < at or tuple(lines[hunk.start : end]) != hunk.old:
                return None
            if hunk.open_end and (end != len(lines) or rest):
                return None
            parts += lines[at : hunk.start]
            parts += hunk.new
            at = end
        return b"".join((*parts, *lines[at:], rest))


def plain_files(patch: bytes) -> tuple[PlainFile, ...] | None:
    """What a patch does, file by file; None where it is not plain."""
    if b"\r" in patch or b"\0" in patch or not patch.endswith(b"\n"):
        return None
    lines = patch.split(b"\n")[:-1]
    files: list[PlainFile] = []
    index = 0
    while index < len(lines):
        read = _file(lines, index)
        if read is None:
            return None
        file, index = read
        files.append(file)
    names = {file.path for file in files}
    if len(names) < len(files) or any(
        parent in names for name in names for parent in parents(name)
    ):
        return None
    return tuple(files) or None


def parents(path: str) -> list[str]:
    """The directories that a path lies in, but for the root."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _file(lines: Sequence[bytes], index: int) -> tuple[PlainFile, int] | None:
    """The file that begins at a line, and the line behind it."""
    header = _HEADER.fullmatch(lines[index])
    if header is None or _ODD_NAMES.search(header[1]):
        return None
    name = header[1]
    index += 1
    new_mode = _NEW_MODE.fullmatch(lines[index]) if index < len(lines) else None
    index += new_mode is not None
    stated = _INDEX.fullmatch(lines[index]) if index < len(lines) else None
    index += stated is not None
    if new_mode is not None and stated is not None and stated[1]:
        return None  # As if it had been there before.
    before = b"--- /dev/null" if new_mode is not None else b"--- a/" + name
    if list(lines[index : index + 2]) != [before, b"+++ b/" + name]:
        return None
    index += 2
    hunks: list[PlainHunk] = []
    while index < len(lines) and lines[index].startswith(b"@@"):
        read = _hunk(lines, index, adds_file=new_mode is not None)
        if read is None:
            return None
        hunk, index = read
        hunks.append(hunk)
    if not hunks or (new_mode is not None and len(hunks) > 1):
        return None
    mode = new_mode or stated
    return (
        PlainFile(
            name.decode(),
            new_mode is not None,
            mode[1].decode() if mode is not None and mode[1] else None,
            tuple(hunks),
        ),
        index,
    )


def _hunk(lines: Sequence[bytes], index: int, *, adds_file: bool) -> tuple[PlainHunk, int] | None:
    header = _HUNK.fullmatch(lines[index])
    if header is None:
        return None
    start, old_count, new_count = (1 if part is None else int(part) for part in header.groups())
    index += 1
    begin, old, new = index, 0, 0
    while index < len(lines) and (old < old_count or new < new_count):
        mark = lines[index][:1]
        if mark not in (b" ", b"-", b"+"):
            return None
        old += mark != b"+"
        new += mark != b"-"
        index += 1
    body = lines[begin:index]
    if (old, new) != (old_count, new_count) or all(line[:1] == b" " for line in body):
        return None
    if adds_file != (start == 0) or adds_file != (old_count == 0):
        return None
    if body[0][:1] != b" " and start > 1:
        return None  # Without context before it git may look for it elsewhere.
    return (
        PlainHunk(
            max(start - 1, 0),
            tuple(line[1:] + b"\n" for line in body if line[:1] != b"+"),
            tuple(line[1:] + b"\n" for line in body if line[:1] != b"-"),
            open_end=body[-1][:1] != b" ",
        ),
        index,
    )
