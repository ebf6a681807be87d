"""Puts the chunks of an `apply_patch` into a file's lines, where Codex itself would put them.

Measured with Codex 0.169.0. It looks for a chunk's old lines behind the one before, first exactly,
then without spaces at the lines' ends, then without spaces around them, and last with typographic
quotes, dashes and spaces taken for plain ones. A chunk without old lines goes to the end of the
file, whatever `@@` it has. Lines keep their ends, new ones get the end of the file's first line,
and the last line always gets one. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from agentd.conflicts.patches.apply_patch import Chunk, Line, Mark

_LINE: Final = re.compile(r"([^\r\n]*)(\r\n|\n|\r|$)")
_SPACES: Final = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Unicode's white space."""
_PLAIN: Final = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | dict.fromkeys(
        "\xa0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    )
)
_SHOWN_CHARS_MAX: Final = 300


class DoesNotFit(ValueError):
    """A chunk does not stand in the file. The message says which lines were looked for."""


_READINGS: Final[tuple[Callable[[str], str], ...]] = (
    lambda line: line,
    lambda line: line.rstrip(_SPACES),
    lambda line: line.strip(_SPACES),
    lambda line: line.strip(_SPACES).translate(_PLAIN),
)
"""How two lines are compared, strictest first."""


@dataclass(frozen=True, slots=True)
class _Replacement:
    """Some lines of the file, and what stands there instead."""

    start: int
    length: int
    lines: tuple[str, ...]


def updated(content: str, chunks: Sequence[Chunk]) -> str:
    """The file with the chunks in it. Raises `DoesNotFit`."""
    lines, ends = _split(content)
    replacements: list[_Replacement] = []
    at = 0
    for chunk in chunks:
        if chunk.below is not None:
            found = _find(lines, (chunk.below,), at, at_end=False)
            if found is None:
                raise DoesNotFit(f"no line {chunk.below[:_SHOWN_CHARS_MAX]!r} stands there")
            at = found + 1
        start, placed = _place(lines, chunk, at) if chunk.old else (len(lines), chunk.lines)
        replacements += _replacements(start, placed)
        if chunk.old:
            at = start + sum(mark is not Mark.ADDED for mark, _ in placed)
    return _joined(lines, ends, sorted(replacements, key=lambda each: each.start))


def _split(content: str) -> tuple[list[str], list[str]]:
    """The lines, and how each ends."""
    found = [match.groups() for match in _LINE.finditer(content)]
    while found and found[-1] == ("", ""):
        found.pop()
    return [line for line, _ in found], [end for _, end in found]


def _place(lines: Sequence[str], chunk: Chunk, at: int) -> tuple[int, tuple[Line, ...]]:
    """Where a chunk stands, and its lines as they fit there."""
    found = _find(lines, chunk.old, at, at_end=chunk.is_end_of_file)
    if found is not None:
        return found, chunk.lines
    if not chunk.old[-1]:
        # An empty last line stands for the end of the line before it.
        found = _find(lines, chunk.old[:-1], at, at_end=chunk.is_end_of_file)
        if found is not None:
            return found, _without_empty_end(chunk.lines)
    wanted = "\n".join(chunk.old)
    raise DoesNotFit(f"the lines {wanted[:_SHOWN_CHARS_MAX]!r} do not stand there")


def _without_empty_end(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Without the last of its old lines, which is empty, and without the last of its new lines
    where that is empty, too."""
    last_old = max(at for at, (mark, _) in enumerate(lines) if mark is not Mark.ADDED)
    new = [at for at, (mark, _) in enumerate(lines) if mark is not Mark.REMOVED]
    last_new = new[-1] if new and not lines[new[-1]][1] else None
    kept: list[Line] = []
    for at, (mark, text) in enumerate(lines):
        stays_old = mark is not Mark.ADDED and at != last_old
        stays_new = mark is not Mark.REMOVED and at != last_new
        if stays_old and stays_new:
            kept.append((mark, text))
        elif stays_old:
            kept.append((Mark.REMOVED, text))
        elif stays_new:
            kept.append((Mark.ADDED, text))
    return tuple(kept)


def _find(lines: Sequence[str], wanted: Sequence[str], start: int, *, at_end: bool) -> int | None:
    """Where some lines stand, from `start` on or at the end of the file."""
    if not wanted:
        return start
    last = len(lines) - len(wanted)
    first = max(start, last) if at_end else start
    for reading in _READINGS:
        read = [reading(line) for line in lines]
        pattern = [reading(line) for line in wanted]
        for position in range(first, last + 1):
            if read[position : position + len(pattern)] == pattern:
                return position
    return None


def _replacements(start: int, lines: Sequence[Line]) -> Iterator[_Replacement]:
    """What a chunk changes, without the context between: that stays as the file has it."""
    at = start
    for is_context, run in groupby(lines, key=lambda line: line[0] is Mark.CONTEXT):
        stretch = list(run)
        length = sum(mark is not Mark.ADDED for mark, _ in stretch)
        if not is_context:
            added = tuple(text for mark, text in stretch if mark is Mark.ADDED)
            yield _Replacement(at, length, added)
        at += length


def _joined(lines: list[str], ends: list[str], replacements: Sequence[_Replacement]) -> str:
    usual = (ends[0] if ends else "") or "\n"
    whole = [line + (end or usual) for line, end in zip(lines, ends, strict=True)]
    pieces: list[str] = []
    at = 0
    for replacement in replacements:
        pieces += whole[at : replacement.start]
        pieces += [line + usual for line in replacement.lines]
        at = replacement.start + replacement.length
    return "".join([*pieces, *whole[at:]])
