"""Joins what two sides add in one place, or says why the two are not independent. Pure.

The first side's addition comes first, but where the lines around are sorted, both go where they
belong, and versions of a changelog stand as the others do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from difflib import SequenceMatcher
from heapq import merge
from typing import Final

from agentd.conflicts.proposals.blocks import Block, Kind
from agentd.conflicts.proposals.regions import Lines

_ALIKE: Final = 0.75
_SORTED_LINES_MIN: Final = 3
"""Fewer lines are in order by chance."""
_FROM: Final = re.compile(
    rb"\s*from\s+(\S+)\s+import\b|\s*(?:import|export)\b.*\bfrom\s+(\"[^\"]*\"|'[^']*')"
)
_NUMBER: Final = re.compile(r"\d+")
_DIGITS: Final = 12
_WORD: Final = re.compile(rb"[^\W\d]\w*")


class Refused(Exception):
    """Why two things are not joined, in a half sentence."""


def joined(left: Block, right: Block, kind: Kind) -> Lines:
    """The lines of both blocks: the first side's first, but where the file is sorted, in order."""
    _independent(left, right, kind)
    first, last = (left, right) if kind is not Kind.SECTION else _by_version(left, right)
    gap = max(left.lead + left.trail, right.lead + right.trail)
    end = _line_end(left)
    woven = _woven(left, right, end) if gap == 0 else None
    if woven is None and kind is Kind.PERSON:
        raise Refused("the people are in no order")
    body = woven or (*_ended(_with_comma(first), end), *((end,) * gap), *last.body)
    return ((end,) * first.lead) + body + ((end,) * last.trail)


def _woven(left: Block, right: Block, end: bytes) -> Lines | None:
    """One-line parts of both in the order in which each side keeps its neighbours, if any."""
    if not (left.one_line_each and right.one_line_each):
        return None
    if any(not line.rstrip().endswith(b",") for line in left.body + right.body) and (
        left.container.commas
    ):
        return None
    for order in _ORDERS:
        if all(_is_sorted(block, order) for block in (left, right)):
            return tuple(merge(_ended(left.body, end), _ended(right.body, end), key=order))
    return None


def _ended(lines: Lines, end: bytes) -> Lines:
    """The lines, the last one with a line end even where it was the file's last."""
    return lines if lines[-1].endswith(b"\n") else (*lines[:-1], lines[-1] + end)


def _is_sorted(block: Block, order: Callable[[bytes], str]) -> bool:
    """Whether a block stands in order among its neighbours, and has some."""
    keys = [order(line) for line in block.around]
    return len(keys) > max(len(block.parts), _SORTED_LINES_MIN - 1) and keys == sorted(keys)


def _plain(line: bytes) -> str:
    return line.strip().decode("utf-8", "replace").casefold()


def _module(line: bytes) -> str:
    """Of an import: what it imports from, whatever the form."""
    return " ".join(_plain(line).split()[1:])


def _numbered(line: bytes) -> str:
    """With numbers by their size."""
    return _NUMBER.sub(lambda number: number[0].zfill(_DIGITS), _plain(line))


_ORDERS: Final = (_plain, _numbered, _module)


def _by_version(left: Block, right: Block) -> tuple[Block, Block]:
    ours = [part.version for part in left.parts]
    theirs = [part.version for part in right.parts]
    all_versions = [part.version for part in left.container.parts if part.version]
    newest_first = all_versions == sorted(all_versions, reverse=True)
    if min(ours) > max(theirs) and newest_first:
        return left, right
    if max(ours) < min(theirs) and newest_first:
        return right, left
    raise Refused("the order of the versions is not plain")


def _independent(left: Block, right: Block, kind: Kind) -> None:
    common = left.names & right.names
    if common:
        raise Refused(f"both add {min(common)}")
    if set(left.texts) & set(right.texts):
        raise Refused("they add the same in part")
    if kind is Kind.DEFINITION:
        for one, other in ((left, right), (right, left)):
            words = {word.decode() for line in other.body for word in _WORD.findall(line)}
            used = {name.rpartition(".")[2] for name in one.names} & words
            if used:
                raise Refused(f"one uses {min(used)}, which the other adds")
    if kind in (Kind.DEFINITION, Kind.ITEM, Kind.SECTION) and any(
        _alike(one, other) for one in left.texts for other in right.texts
    ):
        raise Refused("they add nearly the same")
    if kind is Kind.IMPORT and _sources(left) & _sources(right):
        raise Refused("both import from the same module, in statements of their own")
    if kind is Kind.IMPORT and not _of_one_group(left, right):
        raise Refused("their imports belong to several groups")


def _of_one_group(left: Block, right: Block) -> bool:
    """Whether neither parts its imports from the others, or both do in one way."""
    within = any(not line.strip() for line in left.body + right.body)
    return not within and left.lead + left.trail == right.lead + right.trail


def still_used(block: Block, side: bytes, merged: bytes) -> None:
    """Refuses an import that its side uses and that nobody uses any more in the merged file."""
    before, after = (Counter(_WORD.findall(content)) for content in (side, merged))
    for part, text in zip(block.parts, block.texts, strict=True):
        own = Counter(_WORD.findall(b"".join(text)))
        for name in part.names:
            word = _WORD.search(name.encode())
            if word is not None and before[word[0]] > own[word[0]] >= after[word[0]]:
                raise Refused(f"{name} is imported, and the other side removes its use")


def _sources(block: Block) -> set[bytes]:
    """The modules that whole statements import names from."""
    found = [_FROM.match(b" ".join(b"".join(text).split())) for text in block.texts]
    return {each[1] or each[2] for each in found if each is not None}


def _alike(left: Lines, right: Lines) -> bool:
    """Whether two texts are so close that they may be the same thing done twice."""
    one, other = (b"".join(lines).split() for lines in (left, right))
    return SequenceMatcher(None, one, other, autojunk=False).ratio() > _ALIKE


def _with_comma(block: Block) -> Lines:
    """The block with a comma behind its last part, where its container has commas."""
    last = block.body[-1]
    text = last.rstrip()
    if not block.container.commas or text.endswith(b","):
        return block.body
    if b"#" in text or b"//" in text:
        raise Refused("a comma is missing before a comment")
    return (*block.body[:-1], text + b"," + last[len(text) :])


def _line_end(block: Block) -> bytes:
    return b"\r\n" if block.body[0].endswith(b"\r\n") else b"\n"
