"""How two trees differ, read from what `git diff-tree` prints.

Pure: bytes in, values out. It must not know which trees they were or why somebody asks.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from unidiff.patch import Hunk as ParsedHunk

MODE_ABSENT: Final = "000000"
MODE_SYMLINK: Final = "120000"
MODE_GITLINK: Final = "160000"
MODE_TREE: Final = "040000"


@dataclass(frozen=True, slots=True)
class TreeChange:
    """One path that differs."""

    status: str
    """git's letter: A, C, D, M, R or T."""
    path: str
    old_path: str | None
    """Where it was before a rename."""
    old_mode: str
    new_mode: str
    old_blob: str
    new_blob: str
    additions: int
    deletions: int
    binary: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """Both ends of a rename, otherwise the path."""
        return (self.path,) if self.old_path is None else (self.old_path, self.path)


@dataclass(frozen=True, slots=True, order=True)
class Hunk:
    """A stretch of changed lines, counted from 1; a pure insertion stands behind its old line."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    removed: tuple[bytes, ...] = ()
    added: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class FileHunks:
    """One path that differs, with the lines that do."""

    change: TreeChange
    hunks: tuple[Hunk, ...]


_RAW: Final = re.compile(rb":(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) ([A-Z])\d*")
_FILE: Final = re.compile(rb"^diff --git .*\n?", re.MULTILINE)
_FIRST_HUNK: Final = re.compile(rb"^@@ ", re.MULTILINE)
_BINARY: Final = re.compile(rb"^Binary files ", re.MULTILINE)
_NO_LINE_END: Final = "\\"
"""What a patch says of the line above: that nothing ends it."""


def sections(output: bytes, headers: Sequence[bytes]) -> Iterator[bytes]:
    """Cuts the output of `diff-tree --stdin` at the lines that repeat its input.

    A header inside a section is no danger: it can only be taken for one where the next pair's is
    expected, and content lines of a patch begin with `+`, `-`, a space or a backslash.
    """
    offset = 0
    for index, header in enumerate(headers):
        if not output.startswith(header, offset):
            raise ValueError("a pair of trees is missing from the answer")
        offset += len(header)
        if index + 1 == len(headers):
            end = len(output)
        else:
            end = _header_position(output, headers[index + 1], offset)
        yield output[offset:end]
        offset = end


def _header_position(output: bytes, header: bytes, start: int) -> int:
    position = output.find(header, start)
    while position > start and output[position - 1 : position] not in (b"\n", b"\0"):
        position = output.find(header, position + 1)
    if position < 0:
        raise ValueError("a pair of trees is missing from the answer")
    return position


def parse_entry_changes(section: bytes) -> tuple[TreeChange, ...]:
    """Reads `--raw -z`: what lies where, without a look into it, so that no lines are counted."""
    raws, rest = _raw_records(section)
    if rest.strip(b"\0"):
        raise ValueError("something follows the list of changes")
    return tuple(_uncounted(raw) for raw in raws)


def _uncounted(raw: _Raw) -> TreeChange:
    return TreeChange(
        status=raw.status,
        path=raw.path,
        old_path=raw.old_path,
        old_mode=raw.old_mode,
        new_mode=raw.new_mode,
        old_blob=raw.old_blob,
        new_blob=raw.new_blob,
        additions=0,
        deletions=0,
    )


def parse_tree_changes(section: bytes) -> tuple[TreeChange, ...]:
    """Reads `--raw --numstat -z`: all raw records, then all counts, in the same order."""
    raws, rest = _raw_records(section)
    fields = rest.split(b"\0")
    counts: list[tuple[bytes, bytes]] = []
    index = 0
    while index < len(fields) and fields[index]:
        added, deleted, path = fields[index].split(b"\t", 2)
        counts.append((added, deleted))
        index += 1 if path else 3  # A rename has an empty path, then the two.
    changes = []
    for raw, (added, deleted) in zip(raws, counts, strict=True):
        binary = added == b"-"
        changes.append(
            replace(
                _uncounted(raw),
                additions=0 if binary else int(added),
                deletions=0 if binary else int(deleted),
                binary=binary,
            )
        )
    return tuple(changes)


def parse_hunks(section: bytes) -> tuple[FileHunks, ...]:
    """Reads `--raw -p -U0 -z`: all raw records, an empty field, then a patch in the same order."""
    raws, rest = _raw_records(section)
    files = _patch_files(rest.removeprefix(b"\0"))
    result = []
    index = 0
    for raw in raws:
        # A change of type is printed as a deletion and a creation.
        parts = files[index : index + (2 if raw.status == "T" else 1)]
        index += len(parts)
        hunks = tuple(hunk for part in parts for hunk in part[0])
        binary = any(part[1] for part in parts)
        result.append(
            FileHunks(
                replace(
                    _uncounted(raw),
                    additions=sum(hunk.new_count for hunk in hunks),
                    deletions=sum(hunk.old_count for hunk in hunks),
                    binary=binary,
                ),
                hunks,
            )
        )
    if index != len(files):
        raise ValueError("the patch has other files than the list of changes")
    return tuple(result)


@dataclass(frozen=True, slots=True)
class _Raw:
    old_mode: str
    new_mode: str
    old_blob: str
    new_blob: str
    status: str
    path: str
    old_path: str | None


def _raw_records(section: bytes) -> tuple[list[_Raw], bytes]:
    records = []
    offset = 0
    while section.startswith(b":", offset):
        end = section.index(b"\0", offset)
        match = _RAW.fullmatch(section, offset, end)
        if match is None:
            raise ValueError(f"not a record of a tree difference: {section[offset:end]!r}")
        first_end = section.index(b"\0", end + 1)
        names = [section[end + 1 : first_end]]
        offset = first_end + 1
        if match[5] in b"RC":
            second_end = section.index(b"\0", offset)
            names.append(section[offset:second_end])
            offset = second_end + 1
        old_mode, new_mode, old_blob, new_blob, status = (part.decode() for part in match.groups())
        paths = [name.decode("utf-8", "surrogateescape") for name in names]
        old_path = paths[0] if status == "R" else None
        records.append(_Raw(old_mode, new_mode, old_blob, new_blob, status, paths[-1], old_path))
    return records, section[offset:]


def _patch_files(patch: bytes) -> list[tuple[list[Hunk], bool]]:
    """The hunks of each file of a patch without context, and whether it is binary."""
    _, *files = _FILE.split(patch)  # Each line of content has a mark before it.
    return [(_hunks_of(file), _BINARY.search(_head(file)) is not None) for file in files]


def _head(file: bytes) -> bytes:
    """What git says of a file before its hunks."""
    return file[: first.start()] if (first := _FIRST_HUNK.search(file)) is not None else file


def _hunks_of(file: bytes) -> list[Hunk]:
    # It takes 10 ms, for which not every command has a use.
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    text = file[len(_head(file)) :].decode("latin-1")  # A character a byte, and back again.
    if not text:
        return []
    try:
        # Names are git's to tell: they are read from the records above, and none from here.
        (parsed,) = PatchSet(io.StringIO(f"--- a\n+++ b\n{text}", newline="\n"))
    except (UnidiffParseError, ValueError) as wrong:
        raise ValueError(f"not hunks: {wrong}") from wrong
    return [_hunk(each) for each in parsed]


def _hunk(parsed: ParsedHunk) -> Hunk:
    removed: list[bytes] = []
    added: list[bytes] = []
    last = removed
    for line in parsed:
        if line.line_type == _NO_LINE_END:
            last[-1] = last[-1].removesuffix(b"\n")
        elif line.is_removed or line.is_added:
            last = removed if line.is_removed else added
            last.append(line.value.encode("latin-1"))
    return Hunk(
        old_start=parsed.source_start,
        old_count=parsed.source_length,
        new_start=parsed.target_start,
        new_count=parsed.target_length,
        removed=tuple(removed),
        added=tuple(added),
    )
