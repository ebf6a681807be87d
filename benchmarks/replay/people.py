"""How near a proposal comes to what people made of the same conflict. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

from agentd.conflicts.proposals.blocks import Container, Kind
from agentd.conflicts.proposals.entities import Merged
from agentd.conflicts.proposals.readers import reader_of
from agentd.conflicts.proposals.regions import Lines, lines_of
from agentd.conflicts.proposals.sides import FileSides


class Likeness(StrEnum):
    """How alike a proposal and a person's resolution are, from nearest to farthest."""

    SAME = "same bytes"
    SAME_REGIONS = "same, edits elsewhere"
    BLANKS = "other blank lines"
    ORDER = "other order"
    """The same lines, whole entities of the two sides in another order."""
    SPACING = "other spacing"
    """The same but for white space within lines, indentation apart, as a formatter leaves it."""
    EDITED = "both kept, edited"
    """The same entities are there, some with their text changed by hand."""
    BROKEN = "theirs does not parse"
    OTHER = "not as people did"


_RANK: Final = {likeness: rank for rank, likeness in enumerate(Likeness)}


def compare(sides: FileSides, merged: Merged, person: bytes) -> Likeness:
    """How alike they are in the worst of the regions."""
    path, lists = sides.path, sides.import_lists
    if merged.content == person:
        return Likeness.SAME
    ours, theirs = lines_of(merged.opened), lines_of(lists.opened(person))
    places = _settled_places(ours, theirs, merged.spans)
    found = [_region(ours, theirs, places, span) for span in merged.spans]
    worst = max((Likeness.SAME_REGIONS, *found), key=_RANK.__getitem__)
    if worst is Likeness.OTHER and _same_lines(ours, theirs):
        worst = Likeness.ORDER  # Some of it stands elsewhere in the file.
    if worst is not Likeness.OTHER and (
        worst is not Likeness.ORDER or _whole(merged, theirs, _without_comma)
    ):
        return worst
    alike = _inked(map(_squeezed, ours)) == _inked(map(_squeezed, theirs))
    if alike and _whole(merged, theirs, _squeezed):
        return Likeness.SPACING
    reader = reader_of(path)
    assert reader is not None  # Nobody else could have merged it.
    mine, persons = reader(merged.content), reader(person)
    if persons is None:
        return Likeness.BROKEN
    alike = Counter(_entities(mine)) == Counter(_entities(persons))
    return Likeness.EDITED if alike else Likeness.OTHER


def _inked(lines: Iterable[bytes]) -> Counter[bytes]:
    return Counter(line.strip() for line in lines if line.strip())


def _same_lines(left: Lines, right: Lines) -> bool:
    """Whether the lines are the same in some order; commas go with the place."""
    return _inked(map(_without_comma, left)) == _inked(map(_without_comma, right))


def _without_comma(line: bytes) -> bytes:
    """A line without the comma that its place in a list may ask for."""
    return line.rstrip().removesuffix(b",")


def _squeezed(line: bytes) -> bytes:
    """A line without white space but for how deep it is indented."""
    wide = line.expandtabs()
    return (
        b"%d %b" % (len(wide) - len(wide.lstrip()), b"".join(line.split())) if line.strip() else b""
    )


def _whole(merged: Merged, theirs: Lines, form: Callable[[bytes], bytes]) -> bool:
    """Whether people left everything that was added in one piece, wherever it stands."""

    def joined(lines: Lines) -> bytes:
        return b"\n".join([b"", *(form(line) for line in lines if line.strip()), b""])

    text = joined(theirs)
    return all(joined(lines) in text for lines in merged.entities)


def _entities(container: Container | None) -> Iterator[tuple[str, Kind | None, frozenset[str]]]:
    """What stands in a file, without its order and texts."""
    if container is None:
        return
    for part in container.parts:
        named = part.kind not in (None, Kind.ITEM)
        yield container.scope, part.kind, part.names if named else frozenset()
        yield from _entities(part.inside)


def _settled_places(ours: Lines, theirs: Lines, spans: tuple[range, ...]) -> Mapping[int, int]:
    """Where the inked lines outside all regions stand in the other text."""
    inside = {at for span in spans for at in span}
    mine = [at for at, line in enumerate(ours) if line.strip() and at not in inside]
    person = [at for at, line in enumerate(theirs) if line.strip()]
    return {mine[first]: person[second] for first, second in _matches(ours, mine, theirs, person)}


def _matches(
    ours: Lines, mine: Sequence[int], theirs: Lines, person: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Pairs of places in two lists of lines; most of both is alike at either end."""
    left, right = [ours[at] for at in mine], [theirs[at] for at in person]
    shorter = min(len(left), len(right))
    head = next((at for at in range(shorter) if left[at] != right[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if left[-1 - at] != right[-1 - at]), rest)
    yield from ((at, at) for at in range(head))
    matcher = SequenceMatcher(
        None, left[head : len(left) - tail], right[head : len(right) - tail], autojunk=False
    )
    for first, second, size in matcher.get_matching_blocks():
        yield from ((head + first + at, head + second + at) for at in range(size))
    yield from ((len(left) - 1 - at, len(right) - 1 - at) for at in range(tail))


def _region(ours: Lines, theirs: Lines, places: Mapping[int, int], span: range) -> Likeness:
    """How alike one region is, between the nearest lines around it that both have."""
    before = max((at for at in places if at < span.start), default=-1)
    after = min((at for at in places if at >= span.stop), default=len(ours))
    mine = ours[before + 1 : after]
    person = theirs[places.get(before, -1) + 1 : places.get(after, len(theirs))]
    if mine == person:
        return Likeness.SAME_REGIONS
    inked = [[line.rstrip() for line in lines if line.strip()] for lines in (mine, person)]
    if inked[0] == inked[1]:
        return Likeness.BLANKS
    return Likeness.ORDER if _same_lines(mine, person) else Likeness.OTHER
