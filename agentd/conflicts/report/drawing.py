"""The conflict graph as inline SVG, with its legend and the same facts as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentd.conflicts.findings import counted
from agentd.conflicts.report.facts import ACTIONS, Bundle, Review
from agentd.conflicts.report.graph import NARROW, WIDE, Box, Frame, Line, Picture, draw, fitting
from agentd.conflicts.report.hunks import conflict_anchors
from agentd.conflicts.report.markup import (
    Html,
    code,
    element,
    folded,
    join,
    plain,
    section,
    table,
)
from agentd.conflicts.report.names import bundle_link, bundle_links, tone
from agentd.conflicts.report.phrases import KINDS, SIGNS, words_for
from agentd.plain_text import printable

_FREE_SHOWN: Final = 24
_NAME_LETTER: Final = 8.2
_LABEL_LETTER: Final = 6.5


def graph_section(review: Review) -> Html:
    """Who excludes whom: a picture for wide pages, one for phones, and a table for everybody."""
    if not review.pairs:
        return section("graph", "Who conflicts with whom", element("p", "Nobody with anybody."))
    in_conflict = {side for pair in review.pairs for side in (pair.left, pair.right)}
    free = [each for each in review.bundles if each.bundle_id not in in_conflict]
    pictures = [draw(review, frame) for frame in (WIDE, NARROW)]
    return section(
        "graph",
        "Who conflicts with whom",
        element(
            "div",
            *(_svg(picture, review) for picture in pictures),
            *(_legend(picture) for picture in pictures),
            class_="card graph",
        ),
        _free(free),
        _as_table(review),
    )


def _free(bundles: Sequence[Bundle]) -> Html | None:
    """Who is in conflict with nobody: long lists of them are folded away."""
    if not bundles:
        return None
    names = element("p", join(map(bundle_link, bundles), Html(" ")), class_="free")
    title = f"In conflict with no other bundle: {len(bundles)}"
    return folded(title, names, open_=len(bundles) <= _FREE_SHOWN)


def _svg(picture: Picture, review: Review) -> Html:
    frame = picture.frame
    anchors = conflict_anchors(review)
    return element(
        "svg",
        *(_line(line, anchors) for line in picture.lines),
        *(_box(box, frame) for box in picture.boxes),
        viewBox=f"0 0 {frame.width} {picture.height:.0f}",
        width=frame.width,
        height=f"{picture.height:.0f}",
        class_=frame.name,
        role="group",
        aria_label=f"Conflict graph: {counted(len(picture.boxes), 'bundle')}, "
        f"{counted(len(picture.lines), 'conflict')}; the table below says the same",
    )


def _box(box: Box, frame: Frame) -> Html:
    bundle = box.bundle
    sign = SIGNS.get(bundle.action, "?")
    room = box.width - 34
    middle = f"{box.y + box.height / 2 + 4.5:.1f}"
    return element(
        "a",
        element("title", plain(f"{bundle.name}: {bundle.action or 'undecided'}")),
        element(
            "rect",
            x=f"{box.x:.1f}",
            y=f"{box.y:.1f}",
            width=f"{box.width:.1f}",
            height=f"{box.height:.1f}",
            rx=8,
        ),
        element("text", sign, x=f"{box.x + 10:.1f}", y=middle, class_="sign"),
        element(
            "text",
            plain(fitting(printable(bundle.name), room, _NAME_LETTER)),
            x=f"{box.x + 26:.1f}",
            y=middle,
        ),
        href=f"#bundle-{bundle.number}",
        class_=f"node {tone(bundle.action)}",
        aria_label=f"{bundle.name}: {bundle.action or 'undecided'}",
    )


def _line(line: Line, anchors: dict[frozenset[str], str]) -> Html:
    label = ", ".join(words_for(KINDS, kind) for kind in line.pair.kinds)
    shown = join(
        (
            element("title", plain(f"{label}: {', '.join(line.pair.paths[:5])}")),
            element("path", d=line.path),
            element(
                "text",
                plain(fitting(printable(label), line.label_width, _LABEL_LETTER)),
                x=f"{line.label_x:.1f}",
                y=f"{line.label_y:.1f}",
                text_anchor=line.anchor,
            ),
        )
    )
    class_ = "edge aside" if line.between_losers else "edge"
    place = anchors.get(frozenset((line.pair.left, line.pair.right)))
    if place is None:
        return element("g", shown, class_=class_)
    return element("a", shown, href=place, class_=class_, aria_label=label)


def _legend(picture: Picture) -> Html:
    there = {box.bundle.action for box in picture.boxes}
    actions = [action for action in ACTIONS if action in there]
    chips = [
        element("span", f"{SIGNS[action]} {action}", class_=f"chip {action}") for action in actions
    ]
    notes = []
    if any(line.between_losers for line in picture.lines):
        notes.append("dashed: neither of the two merges")
    out = {"bundle": picture.boxes_left_out, "conflict": picture.lines_left_out}
    if any(out.values()):
        said = " and ".join(counted(number, thing) for thing, number in out.items() if number)
        notes.append(f"left out here: {said}; the table has all")
    return element(
        "p",
        join(chips, Html(" ")),
        *(f" · {note}" for note in notes),
        class_=f"legend {picture.frame.name}",
    )


def _as_table(review: Review) -> Html:
    rows = [
        (
            bundle_links(review, (pair.left,)),
            ", ".join(words_for(KINDS, kind) for kind in pair.kinds),
            bundle_links(review, (pair.right,)),
            join((code(path) for path in pair.paths[:10]), Html(", ")),
        )
        for pair in review.pairs
    ]
    heads = ("Bundle", "Conflict", "Bundle", "Where")
    return folded(
        f"The same as a table ({counted(len(review.pairs), 'conflict')})",
        table("Conflicts between bundles", heads, rows),
    )
