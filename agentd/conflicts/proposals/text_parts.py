"""Reads lists in texts into containers of items: Markdown, reStructuredText, changelogs. Pure.

An item is a line that begins with a list marker, with the deeper indented lines below; a section
is a heading with everything up to the next one like it. Every other line is a part of its own that
nobody may reorder. Numbered items are not read: both sides would have taken the same number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.proposals.blocks import Container, Kind, Part

_MARKER: Final = re.compile(rb"([ \t]*)([-*+\xe2\x80\xa2]+)[ \t]+(?=\S)")
_CODE_INDENT: Final = 4
"""So deep below no other item it is a piece of code."""
_FENCE: Final = re.compile(rb"[ \t]*(```|~~~)")
_HASHES: Final = re.compile(rb"(#{1,6})[ \t]+\S")
_TARGET: Final = re.compile(rb"\.\. _[^:]+: \S+\s*")
_VERSION: Final = re.compile(r"\b\d+(\.\d+)+\b")
_RULE: Final = re.compile(rb"[ \t]*([-*_=~^#+.\"'`:])(?:[ \t]*\1){2,}[ \t]*\r?\n?")
_REFERENCE: Final = re.compile(rb"(?:#|gh-|GH-|issue[ `:]*|:pr:`|:issue:`|!)(\d+)")


def read_list(lines: Sequence[bytes], *, is_changelog: bool) -> Container:
    """A text as sections, list items and other lines.

    What a version brings is a section by itself in a changelog alone: in a guide it is written for
    the version that it stands under.
    """
    return Container("", tuple(_Text(lines, is_changelog=is_changelog).parts(0, len(lines), "")))


@dataclass(frozen=True, slots=True)
class _Heading:
    at: int
    last: int
    level: bytes
    """Its underline's character, or the number signs before it."""
    title: str


class _Text:
    def __init__(self, lines: Sequence[bytes], *, is_changelog: bool) -> None:
        self._lines = lines
        self._is_changelog = is_changelog
        self._fenced = _fenced(lines)
        self._headings = list(self._find_headings())

    def _find_headings(self) -> Iterator[_Heading]:
        for at, line in enumerate(self._lines):
            if at in self._fenced or not line.strip():
                continue
            title = line.strip().decode("utf-8", "replace")
            hashes = _HASHES.match(line)
            if hashes is not None:
                yield _Heading(at, at + 1, hashes[1], title)
            elif _is_heading_above(self._lines, at) and _RULE.fullmatch(line) is None:
                yield _Heading(at, at + 2, self._lines[at + 1].strip()[:1], title)

    def parts(self, first: int, last: int, scope: str) -> Iterator[Part]:
        """The parts of a stretch: its own lines, then the sections of its upper level."""
        within = [each for each in self._headings if first <= each.at and each.last <= last]
        if not within:
            yield from self._items(first, last)
            return
        yield from self._items(first, within[0].at)
        upper = [heading for heading in within if heading.level == within[0].level]
        for heading, end in zip(upper, [*(each.at for each in upper[1:]), last], strict=True):
            yield self._section(heading, end, scope)

    def _section(self, heading: _Heading, end: int, scope: str) -> Part:
        while not self._lines[end - 1].strip():
            end -= 1
        inner = f"{scope}{heading.title}/"
        inside = Container(inner, tuple(self.parts(heading.last, end, inner)))
        version = _VERSION.search(heading.title)
        if version is None or not self._is_changelog:
            return Part(heading.at, end, None, inside=inside)
        numbers = tuple(int(number) for number in version[0].split("."))
        names = frozenset([version[0]])
        return Part(heading.at, end, Kind.SECTION, names, inside, version=numbers)

    def _items(self, first: int, last: int) -> Iterator[Part]:
        at = first
        while at < last:
            line = self._lines[at]
            end = at + 1
            if at in self._fenced or _RULE.fullmatch(line):
                yield Part(at, end, None)
            elif marker := _MARKER.match(line):
                depth = len(marker[1].expandtabs())
                end = self._item_end(at, last, depth)
                kind = Kind.ITEM if depth < _CODE_INDENT else None
                yield Part(at, end, kind, _references(self._lines[at:end]))
            elif _TARGET.fullmatch(line):
                name = line.split(b": ")[0].decode("utf-8", "replace")
                yield Part(at, end, Kind.ITEM, frozenset([name]))
            elif line.strip():
                yield Part(at, end, None)
            at = end

    def _item_end(self, at: int, last: int, indent: int) -> int:
        """The line behind an item: it goes on where lines are indented deeper."""
        end = at + 1
        for here in range(at + 1, last):
            line = self._lines[here].expandtabs()
            if not line.strip():
                continue
            if len(line) - len(line.lstrip()) <= indent:
                break
            end = here + 1
        return end


def _fenced(lines: Sequence[bytes]) -> frozenset[int]:
    """The lines of code blocks."""
    found = set()
    fence: bytes | None = None
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence is not None or mark is not None:
            found.add(at)
        if mark is not None and fence in (None, mark[1]):
            fence = mark[1] if fence is None else None
    return frozenset(found)


def read_names(lines: Sequence[bytes]) -> Container:
    """A list of people, one to a line."""
    return Container(
        "",
        tuple(
            Part(
                at,
                at + 1,
                None if _RULE.fullmatch(line) or _is_heading_above(lines, at) else Kind.PERSON,
                _person(line.decode("utf-8", "replace")),
            )
            for at, line in enumerate(lines)
            if line.strip()
        ),
    )


def _person(line: str) -> frozenset[str]:
    """The whole line, and the name alone, which may stand there with two addresses."""
    text = " ".join(line.casefold().split())
    return frozenset([text, re.split(r" *[<(,@]", text)[0] or text])


def _is_heading_above(lines: Sequence[bytes], at: int) -> bool:
    return at + 1 < len(lines) and _RULE.fullmatch(lines[at + 1]) is not None


def _references(lines: Sequence[bytes]) -> frozenset[str]:
    """The issues that an item names: two items about one issue are not independent."""
    return frozenset(f"#{found.decode()}" for line in lines for found in _REFERENCE.findall(line))
