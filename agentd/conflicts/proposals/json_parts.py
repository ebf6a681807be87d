"""Reads JSON files, and files with a JSON value a line, into containers of entries. Pure.

Members of objects and texts in arrays may be added by both sides; an array's objects and numbers
may not, since their order often counts.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from agentd.conflicts.proposals.blocks import Container, Kind, Part, with_whole_lines
from agentd.conflicts.proposals.unordered import about, may_be_anywhere, may_be_listed_anywhere

_SPACE: Final = re.compile(r"[ \t\r\n]*")


def read_json(text: str, lines: Sequence[bytes]) -> Container | None:
    """A JSON file; None where it does not parse, or has a key twice."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a key stands there twice")
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=unique)
        return _Json(text).read()
    except (ValueError, RecursionError):
        return None


class _Json:
    """A second walk over a text that is known to be JSON, for where things are."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [at for at, char in enumerate(text) if char == "\n"]
        self._scan = json.JSONDecoder().raw_decode

    def read(self) -> Container:
        start = self._after_space(0)
        end, inside = self._value(start, "")
        return Container(
            "", (Part(self._line(start), self._line(end - 1) + 1, None, inside=inside),)
        )

    def _line(self, at: int) -> int:
        return bisect_right(self._ends, at - 1)

    def _after_space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _value(self, at: int, scope: str) -> tuple[int, Container | None]:
        if self._text[at] == "{":
            return self._members(at, scope, "}")
        if self._text[at] == "[":
            return self._members(at, scope, "]")
        return self._scan(self._text, at)[1], None

    def _members(self, opening: int, scope: str, closing: str) -> tuple[int, Container | None]:
        parts: list[Part] = []
        at = self._after_space(opening + 1)
        while self._text[at] != closing:
            start = at
            inside = None
            if closing == "}":
                name, at = self._scan(self._text, at)
                at = self._after_space(self._after_space(at) + 1)
                at, inside = self._value(at, f"{scope}/{name}")
                free = may_be_anywhere(name)
            else:
                at, inside = self._value(at, f"{scope}/{len(parts)}")
                value = self._text[start:at].strip('"')
                free = self._text[start] == '"' and may_be_listed_anywhere(
                    value, scope.rpartition("/")[2]
                )
                name = about(value)
            first, last = self._line(start), self._line(at - 1) + 1
            names = frozenset([name]) if closing == "}" or inside is None else frozenset[str]()
            parts.append(Part(first, last, Kind.ENTRY if free else None, names, inside))
            at = self._after_space(at)
            if self._text[at] == ",":
                at = self._after_space(at + 1)
        return at + 1, with_whole_lines(scope, parts, self._line(opening), self._line(at))


def read_json_lines(text: str, lines: Sequence[bytes]) -> Container | None:
    """A file with a JSON object a line; None where a line is anything else."""
    parts = []
    for at, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(record, dict):
            return None
        name = str(record["id"]) if "id" in record else " ".join(line.decode().split())
        parts.append(Part(at, at + 1, Kind.ENTRY, frozenset([name])))
    return Container("", tuple(parts))
