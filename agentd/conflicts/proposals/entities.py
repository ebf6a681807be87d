"""Merges by entity what both sides add in one place; everything else stays a conflict.

Only insertions meet insertions here: whole imports, definitions, entries or list items of one
container, none of which binds a name that the other side binds. Whatever is changed by both, or
changed by one and surrounded by the other, is not touched. Pure; what comes out still has to pass
the gates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import merge
from typing import Final

from agentd.conflicts.proposals.blocks import Block, Container, Kind, block_of
from agentd.conflicts.proposals.readers import Reader, reader_of
from agentd.conflicts.proposals.regions import LineMerge, Lines, lines_of
from agentd.conflicts.proposals.sides import Declined, FileSides

_BYTES_MAX: Final = 2 * 2**20
_SLIDES: Final = 40
_ALIKE: Final = 0.75
_SORTED_LINES_MIN: Final = 3
"""Fewer lines are in order by chance."""
_FROM: Final = re.compile(rb"\s*from\s+(\S+)\s+import\b")
_WORD: Final = re.compile(rb"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Merged:
    """A file that could be merged by entity."""

    content: bytes
    kinds: tuple[Kind, ...]
    """One a region."""


class _Refused(Exception):
    """Why something is not merged."""


def merge_entities(sides: FileSides) -> Merged | Declined:
    """One file with everything that both sides add, or why that is not to be had."""
    try:
        return _FileMerge(sides).merge()
    except _Refused as refusal:
        return Declined(str(refusal))


class _FileMerge:
    def __init__(self, sides: FileSides) -> None:
        if max(map(len, (sides.base, sides.left, sides.right))) > _BYTES_MAX:
            raise _Refused("it is too large")
        reader = reader_of(sides.path)
        if reader is None:
            raise _Refused("nobody here reads such files")
        self._reader: Reader = reader
        self._left, self._right = lines_of(sides.left), lines_of(sides.right)
        self._left_parts = self._read(sides.left, "the first side")
        self._right_parts = self._read(sides.right, "the second side")
        self._merge = sides.lines

    def _read(self, content: bytes, whose: str) -> Container:
        parts = self._reader(content)
        if parts is None:
            raise _Refused(f"{whose} does not parse")
        return parts

    def merge(self) -> Merged:
        """Merges region by region."""
        if not self._merge.regions:
            raise _Refused("its lines do not conflict, so git sees another reason")
        resolutions: list[Lines] = []
        kinds: list[Kind] = []
        for index in range(len(self._merge.regions)):
            self._merge, lines, kind = self._resolve(index)
            resolutions.append(lines)
            kinds.append(kind)
        return Merged(self._merge.resolved(resolutions), tuple(kinds))

    def _resolve(self, index: int) -> tuple[LineMerge, Lines, Kind]:
        if not self._merge.regions[index].inserts_only:
            raise _Refused("both change the same lines")
        for slid in _slides(self._merge, index):
            region = slid.regions[index]
            left = self._block(self._left_parts, self._left, region.left_start, region.left)
            right = self._block(self._right_parts, self._right, region.right_start, region.right)
            if left is None or right is None:
                continue
            kind = _common_kind(left, right)
            if kind is not None:
                return slid, _joined(left, right, kind), kind
        raise _Refused("what they insert is not made of whole entities of one kind")

    def _block(self, parts: Container, lines: Lines, start: int, inserted: Lines) -> Block | None:
        return block_of(parts, lines, start, start + len(inserted))


def _slides(merge: LineMerge, index: int) -> Iterator[LineMerge]:
    """The ways to cut the insertions, the one that the diff took first."""
    for distance in range(_SLIDES):
        for by in (distance, -distance) if distance else (0,):
            slid = merge.slid(index, by)
            if slid is not None:
                yield slid


def _common_kind(left: Block, right: Block) -> Kind | None:
    if left.container.scope != right.container.scope or left.kind is not right.kind:
        return None
    return left.kind


def _joined(left: Block, right: Block, kind: Kind) -> Lines:
    """The lines of both blocks: the first side's first, but where the file is sorted, in order."""
    _independent(left, right, kind)
    first, last = (left, right) if kind is not Kind.SECTION else _by_version(left, right)
    gap = max(left.lead + left.trail, right.lead + right.trail)
    blank = _blank_line(left)
    woven = _woven(left, right) if gap == 0 else None
    body = woven or (*_with_comma(first), *((blank,) * gap), *last.body)
    return ((blank,) * first.lead) + body + ((blank,) * last.trail)


def _woven(left: Block, right: Block) -> Lines | None:
    """One-line parts of both in the order in which each side keeps its neighbours, if any."""
    if not (left.one_line_each and right.one_line_each):
        return None
    if any(not line.rstrip().endswith(b",") for line in left.body + right.body) and (
        left.container.commas
    ):
        return None
    for order in _ORDERS:
        if all(_is_sorted(block, order) for block in (left, right)):
            return tuple(merge(left.body, right.body, key=order))
    return None


def _is_sorted(block: Block, order: Callable[[bytes], str]) -> bool:
    """Whether a block stands in order among its neighbours, and has some."""
    keys = [order(line) for line in block.around]
    return len(keys) > max(len(block.parts), _SORTED_LINES_MIN - 1) and keys == sorted(keys)


def _plain(line: bytes) -> str:
    return line.strip().decode("utf-8", "replace").casefold()


def _module(line: bytes) -> str:
    """Of an import: what it imports from, whatever the form."""
    return " ".join(_plain(line).split()[1:])


_ORDERS: Final = (_plain, _module)


def _by_version(left: Block, right: Block) -> tuple[Block, Block]:
    ours = [part.version for part in left.parts]
    theirs = [part.version for part in right.parts]
    all_versions = [part.version for part in left.container.parts if part.version]
    newest_first = all_versions == sorted(all_versions, reverse=True)
    if min(ours) > max(theirs) and newest_first:
        return left, right
    if max(ours) < min(theirs) and newest_first:
        return right, left
    raise _Refused("the order of the versions is not plain")


def _independent(left: Block, right: Block, kind: Kind) -> None:
    common = left.names & right.names
    if common:
        raise _Refused(f"both add {min(common)}")
    if set(left.texts) & set(right.texts):
        raise _Refused("they add the same in part")
    if kind is Kind.DEFINITION:
        for one, other in ((left, right), (right, left)):
            words = {word.decode() for line in other.body for word in _WORD.findall(line)}
            if one.names & words:
                raise _Refused(f"one uses {min(one.names & words)}, which the other adds")
    if kind in (Kind.DEFINITION, Kind.ITEM, Kind.SECTION) and any(
        _alike(one, other) for one in left.texts for other in right.texts
    ):
        raise _Refused("they add nearly the same")
    if kind is Kind.IMPORT and _sources(left) & _sources(right):
        raise _Refused("both import from the same module, in statements of their own")


def _sources(block: Block) -> set[bytes]:
    """The modules that whole statements import names from."""
    return {found[1] for text in block.texts for line in text if (found := _FROM.match(line))}


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
        raise _Refused("a comma is missing before a comment")
    return (*block.body[:-1], text + b"," + last[len(text) :])


def _blank_line(left: Block) -> bytes:
    return b"\r\n" if left.body[0].endswith(b"\r\n") else b"\n"
