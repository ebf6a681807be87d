"""Merges by entity what both sides add in one place; everything else stays a conflict.

Only insertions meet insertions here: whole imports, definitions, entries or list items of one
container, none of which binds a name that the other side binds. Whatever is changed by both, or
changed by one and surrounded by the other, is not touched. Pure; what comes out still has to pass
the gates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from agentd.conflicts.proposals.blocks import Block, Container, Kind, block_of
from agentd.conflicts.proposals.confidence import doubt
from agentd.conflicts.proposals.independence import Refused, check_only_here, still_used
from agentd.conflicts.proposals.joining import joined
from agentd.conflicts.proposals.readers import Reader, reader_of, why_unread
from agentd.conflicts.proposals.regions import LineMerge, Lines, lines_of
from agentd.conflicts.proposals.sides import Declined, FileSides

_BYTES_MAX: Final = 2 * 2**20
_SLIDES: Final = 40
_WIDTH: Final = 80
"""Formatters leave a line so wide as it is, its end included."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A file that could be merged by entity."""

    content: bytes
    kinds: tuple[Kind, ...]
    """One a region."""
    opened: bytes
    """The content with a line for each name of the imports that conflicted on one line."""
    spans: tuple[range, ...]
    """The lines of that, from 0, that each region became."""
    entities: tuple[Lines, ...] = ()
    """Everything that either side adds, each by itself."""
    doubt: str | None = None
    """Why people may well make something else of it; None where it is mechanical."""


def merge_entities(sides: FileSides) -> Merged | Declined:
    """One file with everything that both sides add, or why that is not to be had."""
    try:
        merged = _FileMerge(sides.opened, is_opened=sides.opened is not sides).merge()
    except Refused as refusal:
        return Declined(str(refusal))
    content = sides.import_lists.closed(merged.content)
    if merged.doubt is None and _is_wider(content, sides):
        return replace(merged, content=content, doubt="an import grows wide, and many wrap it")
    return replace(merged, content=content)


def _is_wider(content: bytes, sides: FileSides) -> bool:
    """Whether joining made a line that is wider than what either side has."""
    before = max(_width(sides.left), _width(sides.right), _WIDTH)
    return _width(content) > before


def _width(content: bytes) -> int:
    return max(map(len, lines_of(content)), default=0)


class _FileMerge:
    def __init__(self, sides: FileSides, *, is_opened: bool) -> None:
        if max(map(len, (sides.base, sides.left, sides.right))) > _BYTES_MAX:
            raise Refused("it is too large")
        reader = reader_of(sides.path)
        if reader is None:
            raise Refused(why_unread(sides.path))
        self._merge = sides.lines.with_commas_settled()
        if not self._merge.regions and not is_opened:
            raise Refused("its lines do not conflict, so git sees another reason")
        if not all(region.inserts_only for region in self._merge.regions):
            raise Refused("both change the same lines")  # Most often; and it costs least.
        self._sides = sides
        self._reader: Reader = reader
        self._left, self._right = lines_of(sides.left), lines_of(sides.right)
        self._left_parts = self._read(sides.left, "the first side")
        self._right_parts = self._read(sides.right, "the second side")

    def _read(self, content: bytes, whose: str) -> Container:
        parts = self._reader(content)
        if parts is None:
            raise Refused(f"{whose} does not parse")
        return parts

    def merge(self) -> Merged:
        """Merges region by region."""
        resolutions: list[Lines] = []
        kinds: list[Kind] = []
        entities: list[Lines] = []
        imports: list[tuple[Block, Block]] = []
        doubts: list[str] = []
        for index in range(len(self._merge.regions)):
            self._merge, left, right, kind = self._resolve(index)
            if kind in (Kind.ITEM, Kind.DEFINITION):
                base, mine, theirs = (self._sides.base, self._sides.left, self._sides.right)
                check_only_here(left, base, theirs)
                check_only_here(right, base, mine)
            resolutions.append(joined(left, right, kind))
            kinds.append(kind)
            entities += (*left.texts, *right.texts)
            why = doubt(self._sides.path, left, right, kind)
            doubts += [why] if why is not None else []
            imports += [(left, right)] if kind is Kind.IMPORT else []
        content = self._merge.resolved(resolutions)
        for left, right in imports:
            still_used(left, self._sides.left, content)
            still_used(right, self._sides.right, content)
        spans = self._merge.spans(resolutions)
        first = doubts[0] if doubts else None
        return Merged(content, tuple(kinds), content, spans, tuple(entities), first)

    def _resolve(self, index: int) -> tuple[LineMerge, Block, Block, Kind]:
        for slid in _slides(self._merge, index):
            region = slid.regions[index]
            left = self._block(self._left_parts, self._left, region.left_start, region.left)
            right = self._block(self._right_parts, self._right, region.right_start, region.right)
            if left is None or right is None:
                continue
            kind = _common_kind(left, right)
            if kind is not None:
                return slid, left, right, kind
        raise Refused("what they insert is not made of whole entities of one kind")

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
