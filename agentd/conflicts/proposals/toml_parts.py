"""Reads TOML files into containers of keys and tables. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from agentd.conflicts.proposals.blocks import Container, Kind, Part
from agentd.conflicts.proposals.unordered import about, may_be_listed_anywhere
from agentd.conflicts.toml_text import NotToml, load_toml

_VALUE_LINES_MAX: Final = 400
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?")
_ELEMENT: Final = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[\w.+-]+|\{.*\})\s*(,?)\s*(#.*)?")


def read_toml(text: str, lines: Sequence[bytes]) -> Container | None:
    """A TOML file; None where it does not parse."""
    try:
        load_toml(text)
    except NotToml:
        return None
    rows = [line.decode() for line in lines]
    values = list(_values(rows))
    if None in values:
        return None
    return Container("", tuple(_tables(rows, [part for part in values if part is not None])))


def _values(rows: Sequence[str]) -> Iterator[Part | None]:
    """Headers, as parts without a kind, and keys in their order; None where a value has no end."""
    at = 0
    while at < len(rows):
        row = rows[at].strip()
        if not row or row.startswith("#"):
            at += 1
            continue
        header = _HEADER.fullmatch(rows[at].rstrip())
        if header is None and row.startswith("["):
            yield None
            return
        if header is not None:
            yield Part(at, at + 1, None, frozenset([f"{header[1]}{header[2]}"]))
            at += 1
            continue
        last = _value_end(rows, at)
        if last is None:
            yield None
            return
        name = row.partition("=")[0].strip()
        yield Part(at, last, Kind.ENTRY, frozenset([name]), _elements(rows, at, last, name))
        at = last


def _value_end(rows: Sequence[str], at: int) -> int | None:
    for last in range(at + 1, min(at + _VALUE_LINES_MAX, len(rows)) + 1):
        try:
            load_toml("".join(rows[at:last]))
        except NotToml:
            continue
        return last
    return None


def _elements(rows: Sequence[str], first: int, last: int, name: str) -> Container | None:
    """The elements of a list that has one to a line."""
    if last - first < 3 or not rows[first].rstrip().endswith("["):
        return None
    parts = []
    for at in range(first + 1, last - 1):
        if not rows[at].strip() or rows[at].lstrip().startswith("#"):
            continue
        element = _ELEMENT.fullmatch(rows[at].rstrip())
        if element is None:
            return None
        value = element[1].strip("\"'")
        free = element[1][0] in "\"'" and may_be_listed_anywhere(value, name)
        parts.append(Part(at, at + 1, Kind.ENTRY if free else None, frozenset([about(value)])))
    return Container(f"{name}=", tuple(parts), commas=True)


def _tables(rows: Sequence[str], values: Sequence[Part]) -> Iterator[Part]:
    headers = [part for part in values if part.kind is None]
    several = {name[2:] for part in headers for name in part.names if name.startswith("[[")}
    first_header = headers[0].first if headers else len(rows)
    yield from (_commented(part, rows) for part in values if part.first < first_header)
    ends = [*(each.first for each in headers[1:]), len(rows)][: len(headers)]
    places = [part.first for part in values]
    for header, end in zip(headers, ends, strict=True):
        own = values[bisect_right(places, header.first) : bisect_left(places, end)]
        last = own[-1].last if own else header.last
        (name,) = header.names
        inside = Container(f"{name}]", tuple(_scoped(part, name, rows) for part in own))
        # A table below one of several belongs to the one right above it.
        kind = None if _is_below(name.strip("["), several) else Kind.ENTRY
        yield _commented(Part(header.first, last, kind, header.names, inside), rows)


def _is_below(table: str, several: Collection[str]) -> bool:
    return any(table[:dot] in several for dot, sign in enumerate(table) if sign == ".")


def _scoped(part: Part, table: str, rows: Sequence[str]) -> Part:
    inside = part.inside
    if inside is not None:
        inside = Container(f"{table}]{inside.scope}", inside.parts, inside.commas)
    return _commented(Part(part.first, part.last, part.kind, part.names, inside), rows)


def _commented(part: Part, rows: Sequence[str]) -> Part:
    """A part with the comment lines right above it."""
    first = part.first
    while first > 0 and rows[first - 1].lstrip().startswith("#"):
        first -= 1
    return Part(first, part.last, part.kind, part.names, part.inside)
