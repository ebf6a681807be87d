"""Reads YAML files in block style into containers of entries. Pure.

There is no YAML parser here: a file is read by its indentation, block mappings and lists of plain
keys and values only. One with anything else (anchors, tags, flow style, several documents,
templates, text over several lines in quotes) is not read at all.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from agentd.conflicts.proposals.blocks import Container, Kind, Part
from agentd.conflicts.proposals.unordered import about, may_be_listed_anywhere

_KEY: Final = re.compile(
    r"( *)(\"[^\"]*\"|'[^']*'|[^\s#&*!|>%@`\"'{}\[\],?:-][^#:]*?)\s*:(?:\s+(.*))?"
)
_ITEM: Final = re.compile(r"( *)-(?: +(.*))?")
_NOT_BLOCK: Final = re.compile(r"(?:^|:|-)\s+[&*!{\[?%@`]|^[&*!{\[?%@`]|^\.\.\.")
_QUOTED: Final = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*')\s*(?:#.*)?")
_BLOCK_TEXT: Final = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?")


def read_yaml(text: str, lines: Sequence[bytes]) -> Container | None:
    """A YAML file in block style; None where it has anything else, or a key twice."""
    rows = [line.decode().rstrip("\r\n") for line in lines]
    if "\t" in text or "{{" in text or "{%" in text or any(map(_NOT_BLOCK.search, rows)):
        return None
    try:
        return Container("", tuple(_Reader(rows).parts(0, len(rows), "")))
    except (ValueError, RecursionError):
        return None


class _Reader:
    def __init__(self, rows: Sequence[str]) -> None:
        self._rows = rows
        first = next((at for at in range(len(rows)) if self._is_content(at)), None)
        # A document may begin with a mark; behind another one a second document would begin.
        self._begin = 0 if first is None or rows[first].rstrip() != "---" else first + 1

    def parts(self, first: int, last: int, scope: str) -> Iterator[Part]:
        """The entries of a stretch. Raises `ValueError` where it is not in block style."""
        content = [at for at in range(max(first, self._begin), last) if self._is_content(at)]
        if not content:
            return
        column = self._column(content[0])
        are_items = self._is_item(content[0], column)
        # A key's list may stand in the column of the key.
        starts = [
            at
            for at in content
            if self._column(at) == column and self._is_item(at, column) is are_items
        ]
        if any(
            self._column(at) < column
            or (are_items and self._column(at) == column and not self._is_item(at, column))
            for at in content
        ):
            raise ValueError("not in block style")
        seen: set[str] = set()
        for start, end in zip(starts, [*starts[1:], last], strict=True):
            inner_end = content[bisect_left(content, end) - 1] + 1
            part = self._part(start, inner_end, column, scope)
            if not are_items and part.names & seen:
                raise ValueError("a key stands there twice")
            seen |= part.names
            yield part

    def _is_content(self, at: int) -> bool:
        row = self._rows[at].strip()
        return bool(row) and not row.startswith("#")

    def _column(self, at: int) -> int:
        return len(self._rows[at]) - len(self._rows[at].lstrip(" "))

    def _is_item(self, at: int, column: int) -> bool:
        return re.match(r"-( |$)", self._rows[at][column:]) is not None

    def _part(self, start: int, last: int, column: int, scope: str) -> Part:
        row = self._rows[start]
        first = start
        # One in another column may be the end of a text above.
        while first > self._begin and self._rows[first - 1].startswith(f"{' ' * column}#"):
            first -= 1
        item = _ITEM.fullmatch(row)
        if item is not None:
            value = _value(item[2])
            # What is more than a word may be a command, and commands have an order.
            plain = last == start + 1 and bool(value) and " " not in value and value[-1] != ":"
            word = value.strip("\"'")
            free = plain and may_be_listed_anywhere(word, scope.rpartition("/")[2])
            names = frozenset([about(word)] if plain else [])
            return Part(first, last, Kind.ENTRY if free else None, names)
        key = _KEY.fullmatch(row)
        if key is None:
            raise ValueError("not a key")
        name, value = key[2].strip("\"'"), _value(key[3])
        below = [at for at in range(start + 1, last) if self._is_content(at)]
        if value and any(self._column(at) <= column for at in below):
            raise ValueError("a list below a value")
        if below and value and _BLOCK_TEXT.fullmatch(value) is None:
            raise ValueError("a value over several lines")
        if value[:1] in ('"', "'") and _QUOTED.fullmatch(value) is None:
            raise ValueError("a quote without an end")
        inside = None
        if not value and last > start + 1:
            way = f"{scope}/{name}"
            inside = Container(way, tuple(self.parts(start + 1, last, way)))
        return Part(first, last, None if name == "<<" else Kind.ENTRY, frozenset([name]), inside)


def _value(text: str | None) -> str:
    """What stands behind a key or a dash, without a comment."""
    value = (text or "").strip()
    return "" if value.startswith("#") else re.split(r"\s+#", value)[0]
