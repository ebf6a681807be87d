"""Both sides of every place where two changes collide, side by side, the changed words marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from agentd.conflicts.report.facts import THE_TARGET, Bundle, Finding, Hunk, HunkSide, Review
from agentd.conflicts.report.markup import Html, code, element, join, section, sentence, text
from agentd.conflicts.report.names import bundle_link
from agentd.conflicts.report.phrases import KINDS, TOUCHES, words_for
from agentd.conflicts.report.reading import number_of, object_of, text_of, texts_of
from agentd.conflicts.report.syntax import Colour, coloured
from agentd.conflicts.report.words import Stretch, changed_words

HUNKS_MAX: Final = 200
"""Hunks on a page; a review that has more is better read with `--json`."""
_LINE_CHARS: Final = 300
_ROLES: Final = {"S5": ("defines it", "defines it, too"), "parse": ("here", "and here")}
"""What the two sides do to a name, by the level of the finding."""


def conflicts_section(review: Review) -> Html | None:
    """Every conflict with its hunks, or with what git says where there are no lines to show."""
    if not review.conflicts:
        return None
    left = HUNKS_MAX
    shown = []
    for number, finding in enumerate(review.conflicts, 1):
        shown.append(_conflict(number, finding, review, finding.hunks[: max(left, 0)]))
        left -= len(finding.hunks)
    return section("conflicts", "Both sides of each conflict", *shown)


def conflict_anchors(review: Review) -> dict[frozenset[str], str]:
    """The bundles of a conflict to where on the page it is shown."""
    found: dict[frozenset[str], str] = {}
    for number, finding in enumerate(review.conflicts, 1):
        found.setdefault(frozenset(finding.bundles), f"#conflict-{number}")
    return found


def _conflict(number: int, finding: Finding, review: Review, hunks: Sequence[Hunk]) -> Html:
    left, right = review.sides(finding)
    head = element(
        "h3",
        _name(left),
        element("span", words_for(KINDS, finding.kind), class_="kind"),
        _name(right),
    )
    body = [element("p", sentence(finding.message), class_="message")]
    body += [_hunk(each, left, right) for each in hunks]
    places = list(_places(finding, review))
    if places:
        body.append(element("div", *places, class_="sides"))
    if len(hunks) < len(finding.hunks):
        missing = len(finding.hunks) - len(hunks)
        body.append(element("p", f"{missing} more hunks are in the record.", class_="quiet"))
    if not finding.hunks and not places:
        body.append(_without_lines(finding))
    return element("article", head, *body, class_="card conflict", id=f"conflict-{number}")


def _name(bundle: Bundle | None) -> Html:
    if bundle is None:
        return element("span", THE_TARGET, class_="bundle target")
    return bundle_link(bundle)


def _places(finding: Finding, review: Review) -> Iterator[Html]:
    """Where both sides of a conflict of names stand, which lines do not tell."""
    labels = _ROLES.get(text_of(finding.evidence, "level"), ("changes it", "relies on it"))
    for key, label in zip(("change", "meets"), labels, strict=True):
        spot = object_of(finding.evidence, key)
        path = text_of(spot, "path")
        if path:
            bundle = review.by_id.get(text_of(spot, "bundle"))
            place = f"{path}:{number_of(spot, 'line')}"
            yield element(
                "figure",
                _caption(bundle, label) if bundle else element("figcaption", label),
                element("p", code(place), " ", code(text_of(spot, "text")), class_="spot"),
                class_="side",
            )


def _without_lines(finding: Finding) -> Html:
    paths = texts_of(finding.evidence, "paths") or ((finding.path,) if finding.path else ())
    listed = join((code(path) for path in paths), Html(", "))
    said = [element("li", code(line)) for line in texts_of(finding.evidence, "git")]
    return join(
        (
            element("p", "There are no lines to hold side by side in ", listed, ".")
            if paths
            else None,
            element("p", "git says:", class_="quiet") if said else None,
            element("ul", *said, class_="git") if said else None,
        )
    )


def _hunk(hunk: Hunk, left: Bundle | None, right: Bundle | None) -> Html:
    place = element(
        "h4",
        code(f"{hunk.path}:{hunk.line}" if hunk.line else hunk.path),
        element("span", words_for(TOUCHES, hunk.touch), class_="quiet"),
    )
    sides = element(
        "div",
        _side(hunk.path, hunk.left, left),
        _side(hunk.path, hunk.right, right),
        class_="sides",
    )
    return element("div", place, sides, class_="hunk")


def _side(path: str, side: HunkSide, bundle: Bundle | None) -> Html:
    removed, added = _cut(side.removed), _cut(side.added)
    gone, new = changed_words(removed, added)
    lines = [
        *_lines("del", "−", path, removed, gone, side.start),
        *_lines("ins", "+", path, added, new, None),
    ]
    if not side.added:
        lines.append(element("span", "(takes the lines away)", class_="nothing"))
    return element(
        "figure",
        _caption(bundle, text_of(bundle.data, "intent") if bundle is not None else ""),
        element("pre", *lines, tabindex=0, aria_label=f"What {_spoken(bundle)} makes of the lines"),
        class_="side",
    )


def _caption(bundle: Bundle | None, beside: str) -> Html:
    """Whose side it is, and what is said of it."""
    said = element("span", beside, class_="quiet said") if beside else None
    return element("figcaption", _name(bundle), said)


def _spoken(bundle: Bundle | None) -> str:
    return bundle.name if bundle is not None else THE_TARGET


def _cut(lines: Sequence[str]) -> list[str]:
    return [line[:_LINE_CHARS] for line in lines]


def _lines(
    kind: str,
    sign: str,
    path: str,
    lines: Sequence[str],
    marks: Sequence[Sequence[Stretch]],
    start: int | None,
) -> list[Html]:
    made = []
    for index, (line, colours, marked) in enumerate(
        zip(lines, coloured(path, lines), marks, strict=True)
    ):
        number = str(start + index) if start is not None else ""
        made.append(
            element(
                kind,
                element("i", f"{number:>4} {sign} ", class_="gutter"),
                _painted(line, colours, marked),
                Html("\n"),
            )
        )
    return made


def _painted(line: str, colours: Sequence[Colour], marked: Sequence[Stretch]) -> Html:
    """A line cut wherever a colour or a mark begins or ends, each piece dressed."""
    cuts = {0, len(line)}
    cuts |= {place for start, end, _ in colours for place in (start, end)}
    cuts |= {place for stretch in marked for place in stretch}
    places = sorted(cuts)
    pieces = []
    for start, end in pairwise(places):
        colour = next((name for a, b, name in colours if a <= start < b), None)
        piece = text(line[start:end])
        if colour is not None:
            piece = element("span", piece, class_=colour)
        if any(a <= start < b for a, b in marked):
            piece = element("mark", piece)
        pieces.append(piece)
    return join(pieces)
