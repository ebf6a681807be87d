"""The text of a unified diff: where its files and hunks are, and what is odd about it.

git alone decides what a patch does; this module reads the text only for what git does not say: it
counts against limits, makes git look for each hunk where the patch says it belongs, recounts
headers that were counted wrong, and names the usual damage. Pure: bytes in, values out; it must not
know any file of the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_HUNK: Final = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_PREFIXES: Final = (b"a/", b"b/", b"i/", b"w/", b"c/", b"o/")
_NOWHERE: Final = b"/dev/null"


@dataclass(frozen=True, slots=True)
class PatchHunk:
    """One hunk: its header as written, and the lines that follow."""

    line: int
    """Index of the header among the patch's lines."""
    old_start: int
    old_count: int
    new_start: int
    new_count: int
    body: tuple[bytes, ...]
    """As many lines as belong to it, whatever the header says; without their newlines."""
    tail: bytes
    """What stands behind the second `@@`."""

    @property
    def counted(self) -> tuple[int, int]:
        """How many old and new lines the body really has."""
        old = sum(line[:1] in (b" ", b"-", b"") for line in self.body)
        new = sum(line[:1] in (b" ", b"+", b"") for line in self.body)
        return old, new

    @property
    def counts_match(self) -> bool:
        """Whether the header counts its lines right."""
        return self.counted == (self.old_count, self.new_count)

    def fits(self, lines: Sequence[bytes]) -> bool:
        """Whether its old lines stand in a file's lines where the header says."""
        old = [line[1:] for line in self.body if line[:1] in (b" ", b"-", b"")]
        start = self.old_start - 1 if self.old_count else self.old_start
        return list(lines[start : start + len(old)]) == old

    @property
    def has_context(self) -> bool:
        """Whether any line says where the hunk belongs."""
        return any(line[:1] in (b" ", b"") for line in self.body)


@dataclass(frozen=True, slots=True)
class PatchSection:
    """What a patch says about one file."""

    line: int
    old_name: bytes
    new_name: bytes
    git_header: bytes | None
    """What follows `diff --git `, where there is such a line."""
    hunks: tuple[PatchHunk, ...]
    binary_marker: bool
    """`Binary files … differ`: the change without its content."""

    def names(self, path: str) -> bool:
        """Whether its old name is this path, with or without a prefix."""
        old, wanted = self.old_name, path.encode("utf-8", "surrogateescape")
        return old == wanted or (old.startswith(_PREFIXES) and old[2:] == wanted)

    @property
    def unprefixed(self) -> bool:
        """Whether the names are plainly written without `a/` and `b/`."""
        if self.git_header is not None:
            half = len(self.git_header) // 2
            return self.git_header[:half] == self.git_header[half + 1 :]
        names = [name for name in (self.old_name, self.new_name) if name != _NOWHERE]
        if all(name.startswith(b"./") for name in names):
            return False  # The dot is what `diff` was called with, and taken off like `a/`.
        if len(names) == 2:
            return names[0] == names[1]
        return bool(names) and not names[0].startswith(_PREFIXES)


@dataclass(frozen=True, slots=True)
class PatchText:
    """A whole patch."""

    lines: tuple[bytes, ...]
    sections: tuple[PatchSection, ...]

    @property
    def hunks(self) -> Iterator[PatchHunk]:
        """All hunks of all files."""
        return (hunk for section in self.sections for hunk in section.hunks)

    @property
    def longest_line(self) -> int:
        """The length of the longest line in bytes."""
        return max((len(line) for line in self.lines), default=0)

    @property
    def unprefixed(self) -> bool:
        """Whether all its names are plainly written without `a/` and `b/`."""
        return bool(self.sections) and all(section.unprefixed for section in self.sections)

    @property
    def absolute_name(self) -> str | None:
        """The first name that is an absolute path; git would take it as relative."""
        for section in self.sections:
            for name in (section.old_name, section.new_name):
                bare = name[2:] if name.startswith(_PREFIXES) else name
                if bare.startswith(b"/") and name != _NOWHERE:
                    return bare.decode("utf-8", "replace")
        return None

    @property
    def winding_name(self) -> str | None:
        """The first name with a `.`, a `..` or nothing between its slashes."""
        for section in self.sections:
            for name in (section.old_name, section.new_name):
                bare = name[2:] if name.startswith((*_PREFIXES, b"./")) else name
                parts = set(bare.split(b"/"))
                if name not in (b"", _NOWHERE) and not parts.isdisjoint((b"", b".", b"..")):
                    return bare.decode("utf-8", "replace")
        return None

    @property
    def carriage_returns(self) -> bool:
        """Whether the lines that belong to the format itself end in CR: damaged on its way."""
        marks = [self.lines[hunk.line] for hunk in self.hunks]
        return bool(marks) and all(mark.endswith(b"\r") for mark in marks)

    @property
    def counts_match(self) -> bool:
        """Whether all headers count their lines right."""
        return all(hunk.counts_match for hunk in self.hunks)

    @property
    def lacks_context(self) -> bool:
        """Whether some hunk of an existing file has no context: made with `-U0`."""
        return any(
            not hunk.has_context and hunk.old_count and hunk.new_count for hunk in self.hunks
        ) or any(not hunk.has_context and hunk.old_start > 0 for hunk in self.hunks)

    def anchored(self) -> bytes:
        """The same patch, with each hunk's new position following from its old one.

        git looks for a hunk at its *new* position, which is often miscounted while the old one,
        the one on the declared base, is right.
        """
        return self._rewritten(recount=False)

    def recounted(self) -> bytes:
        """The same patch, with the headers' counts and positions made to fit the lines."""
        return self._rewritten(recount=True)

    def _rewritten(self, *, recount: bool) -> bytes:
        lines = list(self.lines)
        for section in self.sections:
            shift = 0
            for hunk in section.hunks:
                old, new = hunk.counted if recount else (hunk.old_count, hunk.new_count)
                # An empty side names the line before it.
                start = hunk.old_start + shift + (old == 0) - (new == 0)
                shift += new - old
                lines[hunk.line] = (
                    b"@@ -%d,%d +%d,%d @@" % (hunk.old_start, old, max(start, 0), new) + hunk.tail
                )
        return b"\n".join(lines)


def parse_patch(data: bytes) -> PatchText:
    """Finds the files and hunks in a text, which may hold prose around them."""
    lines = data.split(b"\n")
    sections: list[PatchSection] = []
    index = 0
    while index < len(lines):
        if not _starts_section(lines, index):
            index += 1
            continue
        section, index = _section(lines, index)
        sections.append(section)
    return PatchText(tuple(lines), tuple(sections))


def _starts_section(lines: Sequence[bytes], index: int) -> bool:
    return lines[index].startswith(b"diff --git ") or _starts_names(lines, index)


def _starts_names(lines: Sequence[bytes], index: int) -> bool:
    return (
        lines[index].startswith(b"--- ")
        and index + 2 < len(lines)
        and lines[index + 1].startswith(b"+++ ")
        and lines[index + 2].startswith(b"@@ -")
    )


def _section(lines: Sequence[bytes], index: int) -> tuple[PatchSection, int]:
    first = index
    git_header = None
    old_name = new_name = b""
    hunks: list[PatchHunk] = []
    binary_marker = False
    if lines[index].startswith(b"diff --git "):
        git_header = lines[index][11:].rstrip(b"\r")
        index += 1
    while index < len(lines) and not lines[index].startswith(b"diff --git "):
        if _starts_names(lines, index):
            if old_name:
                break  # The next file, without a line of git's.
            old_name, new_name = _name(lines[index]), _name(lines[index + 1])
            index += 2
        elif lines[index].startswith(b"@@ -") and old_name:
            hunk, index = _hunk(lines, index)
            hunks.append(hunk)
        else:
            marker = lines[index]
            binary_marker |= marker.startswith(b"Binary files ") and not hunks
            index += 1
    return (
        PatchSection(first, old_name, new_name, git_header, tuple(hunks), binary_marker),
        index,
    )


def _name(line: bytes) -> bytes:
    return line[4:].split(b"\t", 1)[0].rstrip(b"\r").strip(b'"')


def _hunk(lines: Sequence[bytes], index: int) -> tuple[PatchHunk, int]:
    match = _HUNK.match(lines[index])
    if match is None:
        return PatchHunk(index, 0, 0, 0, 0, (), b""), index + 1
    start = index
    old_count = 1 if match[2] is None else int(match[2])
    new_count = 1 if match[4] is None else int(match[4])
    end = _body_end(lines, start + 1, old_count, new_count)
    return (
        PatchHunk(
            line=start,
            old_start=int(match[1]),
            old_count=old_count,
            new_start=int(match[3]),
            new_count=new_count,
            body=tuple(lines[start + 1 : end]),
            tail=lines[start][match.end() :],
        ),
        end,
    )


def _body_end(lines: Sequence[bytes], index: int, old: int, new: int) -> int:
    """Where a hunk's lines end: as its header counts them if that comes out, else as they look."""
    by_count = index
    while by_count < len(lines) and (old > 0 or new > 0):
        mark = lines[by_count][:1]
        if mark not in (b" ", b"-", b"+", b"\\", b""):
            break
        old -= mark in (b" ", b"-", b"")
        new -= mark in (b" ", b"+", b"")
        by_count += 1
    if by_count < len(lines) and lines[by_count].startswith(b"\\"):
        by_count += 1
    if old == 0 and new == 0 and not _is_marked(lines, by_count):
        return by_count
    by_look = index
    while by_look < len(lines) and (_is_marked(lines, by_look) or lines[by_look] in (b"", b"\r")):
        by_look += 1
    while by_look > index and not lines[by_look - 1].strip():
        by_look -= 1  # Blank lines behind a hunk are no context.
    return by_look


def _is_marked(lines: Sequence[bytes], index: int) -> bool:
    """Whether a line looks like one of a hunk."""
    if index >= len(lines) or _starts_section(lines, index) or lines[index] == b"-- ":
        return False
    return lines[index][:1] in (b" ", b"-", b"+", b"\\")
