"""Joins what two sides add in one place, or says why the two are not independent. Pure.

The first side's addition comes first, but where the lines around are sorted, both go where they
belong, and versions of a changelog stand as the others do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from heapq import merge
from typing import Final

from agentd.conflicts.proposals.blocks import Block, Kind
from agentd.conflicts.proposals.independence import Refused, check_independent
from agentd.conflicts.proposals.regions import Lines

_SORTED_LINES_MIN: Final = 3
"""Fewer lines are in order by chance."""
_NUMBER: Final = re.compile(r"\d+")
_DIGITS: Final = 12


def joined(left: Block, right: Block, kind: Kind) -> Lines:
    """The lines of both blocks: the first side's first, but where the file is sorted, in order."""
    check_independent(left, right, kind)
    end = _line_end(left)
    woven = _woven(left, right, end)
    if woven is not None:
        return woven
    if kind is Kind.PERSON:
        raise Refused("the people are in no order")
    first, last = (left, right) if kind is not Kind.SECTION else _by_version(left, right)
    lead, gap, trail = _blank_lines(first, last)
    body = (*_ended(_with_comma(first), end), *((end,) * gap), *last.body)
    return ((end,) * lead) + body + ((end,) * trail)


def _blank_lines(first: Block, last: Block) -> tuple[int, int, int]:
    """How many stand before, between and behind two blocks.

    Where both sides set what they add off in one way, as they do; the parts that one adds together
    show what is between. Where they do not, or set it off by nothing, as the file's parts around
    are set off from one another most often.
    """
    own = first.lead + first.trail
    alike = (first.lead, first.trail) == (last.lead, last.trail)
    if alike and own > 0:
        within = {*first.gaps, *last.gaps}
        return first.lead, within.pop() if len(within) == 1 else own, first.trail
    usual = first.usual_gap
    if usual is None:
        usual = max(own, last.lead + last.trail)
    if alike:
        return 0, usual, 0
    lead = first.lead if first.before is None else max(usual - first.before, 0)
    trail = last.trail if last.behind is None else max(usual - last.behind, 0)
    return lead, usual, trail


def _woven(left: Block, right: Block, end: bytes) -> Lines | None:
    """One-line parts of both in the order in which each side keeps its neighbours, if any."""
    if not (left.one_line_each and right.one_line_each):
        return None
    if left.lead + left.trail + right.lead + right.trail > 0:
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
