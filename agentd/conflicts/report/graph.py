"""Where the bundles and their conflicts stand in the picture: geometry, no markup.

The picture reads from left to right. On the left stand the bundles that merge (where none of a
group does, those that exclude most others), on the right those that exclude one of them, with a
line and a label for each conflict. No two on the left conflict, so all lines go from left to right
but those between two on the right, which run in lanes along the right edge. Every line ends at a
place of its own, so no label covers another. The same review gives the same picture. Pure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.report.facts import Bundle, Pair, Review

BOXES_MAX: Final = 60
LANED_MAX: Final = 60
"""Lines between two bundles on the right; the others are left to the table."""

_BOX_HEIGHT: Final = 34.0
_SLOT: Final = 24.0
_PORT: Final = 9.0
_GAP: Final = 14.0
_GROUP_GAP: Final = 24.0
_LANE: Final = 11.0
_MARGIN: Final = 2.0
_BETWEEN_MIN: Final = 64.0
_SWEEPS: Final = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """How much room there is."""

    name: str
    width: int
    box_width: int
    lane_label: int
    """Room for the labels of lines in lanes; 0 leaves these lines to the table."""


WIDE: Final = Frame("wide", 900, 244, 136)
NARROW: Final = Frame("narrow", 336, 116, 0)


@dataclass(frozen=True, slots=True)
class Box:
    """A bundle."""

    bundle: Bundle
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A conflict."""

    pair: Pair
    path: str
    """What SVG calls a path."""
    label_x: float
    label_y: float
    label_width: float
    """The room for it."""
    anchor: str
    """Which end of the label stands there: `end` or `start`."""
    between_losers: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything placed."""

    frame: Frame
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    boxes_left_out: int
    lines_left_out: int


def draw(review: Review, frame: Frame) -> Picture:
    """Places the bundles that have conflicts, and the conflicts."""
    by_id = {bundle.bundle_id: bundle for bundle in review.bundles}
    pairs = [pair for pair in review.pairs if pair.left in by_id and pair.right in by_id]
    groups = conflict_groups(by_id, pairs)
    shown: list[list[Bundle]] = []
    for group in groups:
        room = BOXES_MAX - sum(map(len, shown))
        if len(group) <= room or not shown:
            shown.append(group[:BOXES_MAX])
    seen = {bundle.bundle_id for group in shown for bundle in group}
    drawn = [pair for pair in pairs if pair.left in seen and pair.right in seen]
    rows = _Rows(drawn, lanes=frame.lane_label > 0)
    for group in shown:
        rows.add(group)
    boxes, lines = _across(rows, frame, {each: by_id[each] for each in rows.spans})
    return Picture(
        frame,
        rows.bottom + _MARGIN,
        tuple(boxes),
        tuple(lines),
        boxes_left_out=sum(map(len, groups)) - len(seen),
        lines_left_out=len(pairs) - len(lines),
    )


def conflict_groups(by_id: Mapping[str, Bundle], pairs: Sequence[Pair]) -> list[list[Bundle]]:
    """Bundles tied together by conflicts, the largest group first."""
    neighbours = _neighbours(pairs)
    groups: list[list[Bundle]] = []
    seen: set[str] = set()
    for start in sorted(neighbours, key=lambda each: by_id[each].number):
        if start in seen:
            continue
        reached, waiting = {start}, [start]
        while waiting:
            for other in neighbours[waiting.pop()] - reached:
                reached.add(other)
                waiting.append(other)
        seen |= reached
        groups.append(sorted((by_id[each] for each in reached), key=lambda each: each.number))
    return sorted(groups, key=lambda group: (-len(group), group[0].number))


def _neighbours(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pair in pairs:
        found.setdefault(pair.left, set()).add(pair.right)
        found.setdefault(pair.right, set()).add(pair.left)
    return found


class _Rows:
    """How high everything stands, group below group."""

    def __init__(self, pairs: Sequence[Pair], *, lanes: bool) -> None:
        self.pairs = pairs
        self._lanes_max = LANED_MAX if lanes else 0
        self._near = _neighbours(pairs)
        self.lefts: set[str] = set()
        self.spans: dict[str, tuple[float, float]] = {}
        """Bundle to the top and the height of its box."""
        self.ends: dict[tuple[str, Pair], float] = {}
        """Where a pair's line meets a bundle."""
        self.bottom = _MARGIN

    def add(self, group: Sequence[Bundle]) -> None:
        """Places a group below what is there."""
        top = self.bottom if not self.spans else self.bottom + _GROUP_GAP
        order = [bundle.bundle_id for bundle in group]
        lefts = self._choose_lefts(group)
        self.lefts |= set(lefts)
        rights = [each for each in order if each not in self.lefts]
        for _ in range(_SWEEPS):
            rights = self._beside(rights, lefts)
            lefts = self._beside(lefts, rights)
        below = self._place_rights(rights, lefts, top)
        self._place_lefts(lefts, top, below)
        self.bottom = max(top + height for top, height in (self.spans[each] for each in order))

    def _choose_lefts(self, group: Sequence[Bundle]) -> list[str]:
        chosen: list[str] = []
        for bundle in sorted(
            group,
            key=lambda each: (
                each.action != "merge",
                -len(self._near.get(each.bundle_id, ())),
                each.number,
            ),
        ):
            if not self._near.get(bundle.bundle_id, set()) & set(chosen):
                chosen.append(bundle.bundle_id)
        return chosen

    def _beside(self, column: Sequence[str], facing: Sequence[str]) -> list[str]:
        """The column in the order of what each is tied to on the other, so that few lines cross."""
        place = {bundle: index for index, bundle in enumerate(facing)}

        def middle(bundle: str) -> float:
            places = [place[each] for each in self._near.get(bundle, ()) if each in place]
            return sum(places) / len(places) if places else float(len(facing))

        return sorted(column, key=middle)

    def _place_rights(self, rights: Sequence[str], lefts: Sequence[str], top: float) -> float:
        for right in rights:
            mine = [pair for pair in self.pairs if right in (pair.left, pair.right)]
            toward = sorted(
                (pair for pair in mine if other(pair, right) in lefts),
                key=lambda pair: lefts.index(other(pair, right)),
            )
            beside = [pair for pair in mine if other(pair, right) not in lefts][: self._lanes_max]
            height = max(_BOX_HEIGHT, _SLOT * max(len(toward), len(beside)))
            self.spans[right] = (top, height)
            for pairs in (toward, beside):
                for index, pair in enumerate(pairs):
                    self.ends[right, pair] = top + height * (index + 0.5) / len(pairs)
            top += height + _GAP
        return top - _GAP

    def _place_lefts(self, lefts: Sequence[str], top: float, below: float) -> None:
        """Each beside the middle of what it is tied to, in that order, without covering another."""
        wanted = []
        for left in lefts:
            mine = [pair for pair in self.pairs if left in (pair.left, pair.right)]
            ends = [self.ends[other(pair, left), pair] for pair in mine]
            height = max(_BOX_HEIGHT, _PORT * (len(mine) + 1))
            middle = sum(ends) / len(ends) if ends else top
            wanted.append((middle, left, height, sorted(mine, key=lambda p: self._far(p, left))))
        needed = sum(height for _, _, height, _ in wanted) + _GAP * (len(wanted) - 1)
        for middle, left, height, mine in wanted:
            top = max(top, min(middle - height / 2, below - needed))
            self.spans[left] = (top, height)
            for index, pair in enumerate(mine):
                self.ends[left, pair] = top + height * (index + 1) / (len(mine) + 1)
            top += height + _GAP
            needed -= height + _GAP

    def _far(self, pair: Pair, left: str) -> float:
        return self.ends[other(pair, left), pair]


def other(pair: Pair, bundle: str) -> str:
    """The pair's other bundle."""
    return pair.right if pair.left == bundle else pair.left


def _across(
    rows: _Rows, frame: Frame, bundles: Mapping[str, Bundle]
) -> tuple[list[Box], list[Line]]:
    """Gives everything its place from left to right."""
    beside = [pair for pair in rows.pairs if not {pair.left, pair.right} & rows.lefts]
    beside = [p for p in beside if (p.left, p) in rows.ends and (p.right, p) in rows.ends]
    lane_of = _lanes(beside[:LANED_MAX], rows)
    lanes = 1 + max(lane_of.values(), default=-1)
    reserved = frame.lane_label + lanes * _LANE + 4 if lanes else 0.0
    width = min(frame.box_width, (frame.width - reserved - _BETWEEN_MIN - 2 * _MARGIN) / 2)
    right_x = frame.width - reserved - width - _MARGIN
    boxes = [
        Box(bundle, _MARGIN if each in rows.lefts else right_x, *_span(rows, each, width))
        for each, bundle in bundles.items()
    ]
    lines = []
    for pair in rows.pairs:
        sides = [each for each in (pair.left, pair.right) if each in rows.lefts]
        if sides:
            left, right = sides[0], other(pair, sides[0])
            start, end = rows.ends[left, pair], rows.ends[right, pair]
            curve = _curve(_MARGIN + width, start, right_x, end)
            room = right_x - width - _MARGIN - 18
            lines.append(Line(pair, curve, right_x - 9, end - 5, room, "end", between_losers=False))
        elif pair in lane_of:
            high, low = sorted((rows.ends[pair.left, pair], rows.ends[pair.right, pair]))
            lane_x = right_x + width + frame.lane_label + (lane_of[pair] + 1) * _LANE
            edge, room = right_x + width, frame.lane_label - 8
            detour = _detour(edge, high, low, lane_x)
            lines.append(Line(pair, detour, edge + 8, high - 5, room, "start", between_losers=True))
    return boxes, lines


def _span(rows: _Rows, bundle: str, width: float) -> tuple[float, float, float]:
    top, height = rows.spans[bundle]
    return top, width, height


def _lanes(pairs: Sequence[Pair], rows: _Rows) -> dict[Pair, int]:
    """A lane for each pair, so that no two lines in one lane overlap."""
    found: dict[Pair, int] = {}
    free_from: list[float] = []

    def ends(pair: Pair) -> tuple[float, float]:
        one, two = rows.ends[pair.left, pair], rows.ends[pair.right, pair]
        return min(one, two), max(one, two)

    for pair in sorted(pairs, key=ends):
        high, low = ends(pair)
        lane = next((n for n, free in enumerate(free_from) if free < high), len(free_from))
        free_from[lane : lane + 1] = [low]
        found[pair] = lane
    return found


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = (to_x - x) * 0.42
    near, far = f"{x + bend:.1f} {y:.1f}", f"{to_x - bend:.1f} {to_y:.1f}"
    return f"M{x:.1f} {y:.1f}C{near} {far} {to_x:.1f} {to_y:.1f}"


def _detour(x: float, high: float, low: float, lane_x: float) -> str:
    turn = min(6.0, (low - high) / 2)
    return (
        f"M{x:.1f} {high:.1f}H{lane_x - turn:.1f}Q{lane_x:.1f} {high:.1f} {lane_x:.1f} "
        f"{high + turn:.1f}V{low - turn:.1f}Q{lane_x:.1f} {low:.1f} {lane_x - turn:.1f} "
        f"{low:.1f}H{x:.1f}"
    )


def fitting(text: str, width: float, letter: float) -> str:
    """As much of a text as fits into a width, with `…` where something is cut off.

    `letter` is about how wide a letter is; characters of East Asian scripts take twice the room.
    """
    if _width(text, letter) <= width:
        return text
    while text and _width(f"{text}…", letter) > width:
        text = text[:-1]
    return f"{text}…"


def _width(text: str, letter: float) -> float:
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return (len(text) + wide * 0.8) * letter
