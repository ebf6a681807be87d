"""What a stretch of lines is made of: whole entities of one container, or something else.

A reader turns a file into containers of parts; here a stretch of lines is held against them. Pure;
it must not know any language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final, TypeAlias

from agentd.conflicts.proposals.regions import Lines

_NEIGHBOURS: Final = 8
"""So many parts on either side show whether a list is sorted there."""


class Kind(StrEnum):
    """What may be added by both sides in one place."""

    IMPORT = "import"
    DEFINITION = "definition"
    """A function, method, test or type."""
    ENTRY = "entry"
    """Of a mapping or of a list of values."""
    ITEM = "item"
    """Of a list in a text, such as a changelog."""
    PERSON = "person"
    """Of a list of people."""
    SECTION = "section"
    """Of a changelog: what one version brings."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some whole lines of a container, with the comment lines right above."""

    first: int
    """Counted from 0."""
    last: int
    """The line behind it."""
    kind: Kind | None
    """None: something that nobody may reorder."""
    names: frozenset[str] = frozenset()
    """What it binds in its container; others of the container may not bind the same."""
    inside: Container | None = None
    version: tuple[int, ...] = ()
    """Of a section."""


@dataclass(frozen=True, slots=True)
class Container:
    """A file, class body, mapping or list: parts in the order of their lines."""

    scope: str
    parts: tuple[Part, ...]
    commas: bool = False
    """Whether its parts are separated by commas at their last line's end."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of lines that is nothing but whole parts of one container."""

    container: Container = field(repr=False)
    lead: int
    """Blank lines before the first part."""
    trail: int
    parts: tuple[Part, ...]
    texts: tuple[Lines, ...] = field(repr=False)
    """The lines of each part."""
    body: Lines = field(repr=False)
    """The lines from the first part to the last."""
    around: Lines = field(repr=False, default=())
    """The nearest one-line parts of its kind that it stands among without a gap, and its own."""
    before: int | None = None
    """Blank lines that were there above it already; None where it is its container's first."""
    behind: int | None = None
    usual_gap: int | None = None
    """The blank lines that most often part two of its kind in its container; None without any."""

    @property
    def kind(self) -> Kind | None:
        """The kind of all its parts; None where they differ."""
        kinds = {part.kind for part in self.parts}
        return kinds.pop() if len(kinds) == 1 else None

    @property
    def one_line_each(self) -> bool:
        """Whether each part is a line, with nothing between them."""
        return len(self.body) == len(self.parts)

    @property
    def gaps(self) -> frozenset[int]:
        """The blank lines between its own parts, as many as they are here or there."""
        return frozenset(below.first - above.last for above, below in pairwise(self.parts))

    @property
    def names(self) -> frozenset[str]:
        """Everything that it binds."""
        return frozenset(name for part in self.parts for name in part.names)


Outline: TypeAlias = Counter[tuple[str, str]]
"""How often each name is bound in each scope."""


def block_of(container: Container, lines: Sequence[bytes], start: int, end: int) -> Block | None:
    """The stretch as a block; None where it cuts a part, or holds anything else."""
    first, last = start, end
    while first < last and not lines[first].strip():
        first += 1
    while first < last and not lines[last - 1].strip():
        last -= 1
    if first == last:
        return None
    found = _innermost(container, first, last)
    if found is None:
        return None
    parts = tuple(part for part in found.parts if first <= part.first and part.last <= last)
    covered = {line for part in parts for line in range(part.first, part.last)}
    if not parts or sum(part.last - part.first for part in parts) != len(covered):
        return None  # Two on one line.
    if any(lines[at].strip() and at not in covered for at in range(first, last)):
        return None
    if any(part.first < last and first < part.last and part not in parts for part in found.parts):
        return None
    return Block(
        container=found,
        lead=first - start,
        trail=end - last,
        parts=parts,
        texts=tuple(tuple(lines[part.first : part.last]) for part in parts),
        body=tuple(lines[first:last]),
        around=tuple(lines[at] for at in _run(found.parts, parts)),
        before=_blank_before(found.parts, parts[0], start),
        behind=_blank_behind(found.parts, parts[-1], end),
        usual_gap=_usual_gap(found.parts, parts),
    )


def _blank_before(parts: Sequence[Part], first: Part, start: int) -> int | None:
    at = parts.index(first)
    return start - parts[at - 1].last if at > 0 else None


def _blank_behind(parts: Sequence[Part], last: Part, end: int) -> int | None:
    at = parts.index(last)
    return parts[at + 1].first - end if at + 1 < len(parts) else None


def _usual_gap(parts: Sequence[Part], chosen: Sequence[Part]) -> int | None:
    """The commonest distance of neighbours of one kind, those of the chosen left out."""
    kind = chosen[0].kind
    gaps = Counter(
        below.first - above.last
        for above, below in pairwise(parts)
        if above.kind is below.kind is kind and above not in chosen and below not in chosen
    )
    return gaps.most_common(1)[0][0] if gaps else None


def _run(parts: Sequence[Part], chosen: Sequence[Part]) -> range:
    """The lines of the one-line parts of one kind that follow one another around the chosen."""
    first, last = parts.index(chosen[0]), parts.index(chosen[-1])
    top, bottom = max(first - _NEIGHBOURS, 0), min(last + _NEIGHBOURS, len(parts) - 1)

    def belongs(part: Part, end: int, start: int) -> bool:
        return part.kind is chosen[0].kind and part.last == part.first + 1 and end == start

    while first > top and belongs(parts[first - 1], parts[first - 1].last, parts[first].first):
        first -= 1
    while last < bottom and belongs(parts[last + 1], parts[last].last, parts[last + 1].first):
        last += 1
    return range(parts[first].first, parts[last].last)


def _innermost(container: Container, first: int, last: int) -> Container | None:
    """The container whose parts the lines are; None inside something without parts."""
    for part in container.parts:
        if part.first < first and last <= part.last:
            return _innermost(part.inside, first, last) if part.inside is not None else None
    return container


def with_whole_lines(
    scope: str, parts: Sequence[Part], opening: int, closing: int
) -> Container | None:
    """A container with commas, where no line belongs to two of its parts or to a bracket."""
    ends = [opening + 1, *(part.last for part in parts)]
    if any(part.first < end for part, end in zip(parts, ends, strict=False)):
        return None
    return Container(scope, tuple(parts), commas=True) if ends[-1] <= closing else None


def outline(container: Container) -> Outline:
    """Every name that is bound, by scope."""
    return Counter(_bindings(container))


def _bindings(container: Container) -> Iterator[tuple[str, str]]:
    for part in container.parts:
        yield from ((container.scope, name) for name in part.names)
        if part.inside is not None:
            yield from _bindings(part.inside)
