"""Says of a merge by entity whether it is mechanical, or one that people often decide otherwise.

Both keep everything that either side adds. What people made of the same conflicts in the history of
many projects tells the two apart; see `docs/benchmarks.md`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final, assert_never

from agentd.conflicts.proposals.blocks import Block, Kind, Part
from agentd.conflicts.proposals.regions import Lines
from agentd.conflicts.proposals.styles import difference

_SORTED_BY_TOOLS: Final = frozenset({".go", ".java"})
_CREDIT: Final = re.compile(rb"\bthanks?\b", re.IGNORECASE)
_ITEMS_MIN: Final = 4
"""Of both sides; fewer are alike by chance."""
_USUAL: Final = 0.75
_TARGET: Final = re.compile(rb"\s*\.\. _")


class Confidence(StrEnum):
    """How sure it is that people would merge so, too."""

    MECHANICAL = "mechanical"
    PLAUSIBLE = "plausible"
    """Both sides are kept, and people may well leave something out or write it anew."""


def doubt(path: str, left: Block, right: Block, kind: Kind) -> str | None:
    """Why a merge of two additions is plausible only, in a half sentence; None where it is more."""
    match kind:
        case Kind.ENTRY | Kind.PERSON:
            return None
        case Kind.ITEM:
            if _lacks_an_issue(left, right):
                return (
                    "other items of the list name issues, and one that does not is often completed"
                )
            return _doubt_of_items(left.texts, right.texts) or difference(left, right, kind)
        case Kind.IMPORT:
            if PurePosixPath(path).suffix in _SORTED_BY_TOOLS:
                return "imports of such files are often sorted anew"
            return difference(left, right, kind)
        case Kind.SECTION:
            return "what a version brings is often written anew"
        case Kind.DEFINITION:
            return "functions and tests are often adapted to one another"
    assert_never(kind)


def _lacks_an_issue(left: Block, right: Block) -> bool:
    """Whether most items of a list name an issue, and one that is added does not."""
    items = list(_names_an_issue(part for each in (left, right) for part in each.container.parts))
    is_usual = len(items) >= _ITEMS_MIN and sum(items) >= _USUAL * len(items)
    return is_usual and not all(_names_an_issue((*left.parts, *right.parts)))


def _names_an_issue(parts: Iterable[Part]) -> Iterator[bool]:
    """Whether each of the list items does; link targets, which have other names, are none."""
    for part in parts:
        if part.kind is Kind.ITEM and all(name.startswith("#") for name in part.names):
            yield bool(part.names)


def _doubt_of_items(left: Sequence[Lines], right: Sequence[Lines]) -> str | None:
    """Items are completed in a merge where they do not all have the form of the others."""
    texts = [b"".join(lines) for lines in (*left, *right)]
    if len({_CREDIT.search(text) is not None for text in texts if not _TARGET.match(text)}) > 1:
        return "one item thanks somebody, and thanks are often added to the other"
    forms = [{_TARGET.match(lines[0]) is not None for lines in side} for side in (left, right)]
    if forms[0] != forms[1]:
        return "one side adds link targets and items, the other does not"
    return None
