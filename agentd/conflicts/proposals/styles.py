"""Says in what two additions are written differently, as far as somebody will even it out. Pure.

Whoever merges sees both at once, and so does a formatter: where they differ in form, one of them is
often written anew. What is compared are forms that a file has one of: how imports are spaced and
quoted, how list items are wrapped and indented, and how they name issues.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agentd.conflicts.proposals.blocks import Block, Kind
from agentd.conflicts.proposals.regions import Lines

_BRACE: Final = re.compile(rb"\{( *)[^\s}]")
_QUOTE: Final = re.compile(rb"[\"']")
_WRAPPED_MAX: Final = 100
"""Texts that are wrapped have no longer lines."""
_REFERENCES: Final[Mapping[str, re.Pattern[bytes]]] = {
    "in brackets, with a link": re.compile(rb"\[#?\d+\]\("),
    "in brackets": re.compile(rb"\[#?\d+\](?!\()"),
    "as a role": re.compile(rb":(?:bug|issue|pr|pull|ghissue|ghpull):`"),
    "as a target": re.compile(rb"`#?\d+`_"),
    "plainly": re.compile(rb"(?<![\[`\w/&])#\d+"),
}
"""The ways to name an issue."""


def difference(left: Block, right: Block, kind: Kind) -> str | None:
    """In what the two differ, in a half sentence; None where they are written in one way."""
    if kind is Kind.IMPORT:
        return _of_imports(left.body, right.body)
    if kind is Kind.ITEM:
        return _of_items(left.texts, right.texts)
    return None


def _of_imports(left: Lines, right: Lines) -> str | None:
    for form, read in (("spaced", _spaces), ("quoted", _quotes), ("ended", _ends)):
        one, other = set(read(left)), set(read(right))
        if one and other and one != other:
            return f"the imports of the two are {form} in different ways"
    return None


def _spaces(lines: Lines) -> Iterator[bytes]:
    for line in lines:
        yield from _BRACE.findall(line)


def _quotes(lines: Lines) -> Iterator[bytes]:
    for line in lines:
        yield from _QUOTE.findall(line)


def _ends(lines: Lines) -> Iterator[bool]:
    """Whether statements end with a semicolon; lines within braces do not tell."""
    for line in lines:
        text = line.strip()
        if text.startswith((b"import ", b"export ")) and text[-1:] not in (b"{", b","):
            yield text.endswith(b";")


def _of_items(left: Sequence[Lines], right: Sequence[Lines]) -> str | None:
    one, other = set(_hangs(left)), set(_hangs(right))
    if one and other and one != other:
        return "the lines of their list items are indented in different ways"
    if (one and _is_too_long(right) and not other) or (other and _is_too_long(left) and not one):
        return "the list items of one side are wrapped, those of the other are not"
    forms, others = (
        {way for way, form in _REFERENCES.items() if any(map(form.search, _joined(items)))}
        for items in (left, right)
    )
    if forms and others and forms != others:
        return "their list items name issues in different ways"
    return None


def _joined(items: Sequence[Lines]) -> Iterator[bytes]:
    return (b"".join(lines) for lines in items)


def _hangs(items: Sequence[Lines]) -> Iterator[int]:
    """How deep the second lines of items are indented below the first ones."""
    for lines in items:
        first, second = (line.expandtabs() for line in (*lines, b"")[:2])
        if second.strip():
            depth = len(first) - len(first.lstrip())
            yield len(second) - len(second.lstrip()) - depth


def _is_too_long(items: Sequence[Lines]) -> bool:
    return any(len(line.rstrip()) > _WRAPPED_MAX for lines in items for line in lines)
