"""The head of the page: what was reviewed, when and with what, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agentd.conflicts.findings import counted
from agentd.conflicts.report.facts import Review
from agentd.conflicts.report.markup import Html, code, element, folded, join
from agentd.conflicts.report.names import group_anchor, tone
from agentd.conflicts.report.phrases import MEANINGS, SIGNS
from agentd.conflicts.report.reading import Json, number_of, object_of, text_of

_SHORT: Final = 12
_BAR_WIDTH: Final = 1000


def target_name(review: Review) -> str:
    """The branch, or the commit where there is none."""
    target = object_of(review.data, "target")
    ref = text_of(target, "ref").removeprefix("refs/heads/")
    return ref or text_of(target, "commit")[:_SHORT]


def repository_name(review: Review) -> str:
    """The last part of the repository's path."""
    return text_of(review.data, "repository").rstrip("/").rpartition("/")[2] or "repository"


def overview(review: Review) -> Html:
    """The head of the page: what was reviewed, and how it ended."""
    counts = review.counts()
    total = len(review.bundles)
    merged = counts.get("merge", 0)
    sentence = (
        f"{merged} of {counted(total, 'bundle')} {'merges' if merged == 1 else 'merge'}"
        if total
        else "No bundle was handed in"
    )
    return element(
        "header",
        element("p", "Review ", code(review.review_id[:8]), " of ", class_="over"),
        element(
            "h1",
            element("bdi", repository_name(review)),
            " → ",
            element("bdi", target_name(review)),
        ),
        element("p", sentence, class_="sentence"),
        _bar(counts, total) if total else None,
        element(
            "ul", *(_tile(action, number) for action, number in counts.items()), class_="tally"
        ),
        _origin(review),
        class_="overview",
    )


def _tile(action: str, number: int) -> Html:
    return element(
        "li",
        element(
            "a",
            element("b", number),
            element("span", f"{SIGNS.get(action, '?')} {action}"),
            element("small", MEANINGS.get(action, "")),
            href=f"#{group_anchor(action)}",
        ),
        class_=tone(action),
    )


def _bar(counts: dict[str, int], total: int) -> Html:
    """The shares of the actions, in the width of the page."""
    start = 0.0
    parts = []
    for action, number in counts.items():
        width = _BAR_WIDTH * number / total
        place = {"x": f"{start:.1f}", "width": f"{width:.1f}"}
        parts.append(element("rect", y=0, height=10, class_=tone(action), **place))
        start += width
    spoken = ", ".join(f"{number} {action}" for action, number in counts.items())
    return element(
        "svg",
        *parts,
        class_="bar",
        viewBox=f"0 0 {_BAR_WIDTH} 10",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"Decisions: {spoken}",
    )


def _origin(review: Review) -> Html:
    data = review.data
    target, policy = object_of(data, "target"), object_of(data, "policy")
    pairs = object_of(data, "pairs")
    source = text_of(policy, "source")
    required = "required" if policy.get("verification_required") is True else "optional"
    leading: list[tuple[str, Html | str]] = [
        ("Repository", code(text_of(data, "repository"))),
        (
            "Target",
            join(
                (
                    text_of(target, "ref") or text_of(target, "name"),
                    " at ",
                    code(text_of(target, "commit")[:_SHORT]),
                )
            ),
        ),
        ("Made", _moment(text_of(data, "created_at"))),
        ("Policy", f"{source or 'unknown'}; verification {required}"),
    ]
    further: list[tuple[str, Html | str]] = [
        ("Review", code(review.review_id)),
        ("Policy digest", code(text_of(policy, "digest"))),
        (
            "Pairs that met",
            f"{number_of(pairs, 'met')}, git asked about {number_of(pairs, 'asked_git')}",
        ),
        (
            "Made with",
            f"git {text_of(data, 'git_version', '?')}, "
            f"engine {text_of(data, 'engine_version', '?')}",
        ),
        *_readers(data),
    ]
    shortened = None
    if data.get("shortened") is True:
        shortened = element(
            "p",
            "This is the daemon's copy of the record, which was too long to be kept whole: hunks, "
            "evidence or output are missing here.",
            class_="notice",
        )
    return join((_listed(leading), shortened, folded("How it was made", _listed(further))))


def _listed(facts: Sequence[tuple[str, Html | str]]) -> Html:
    rows = (
        element("div", element("dt", name), element("dd", value))
        for name, value in facts
        if value.strip()
    )
    return element("dl", *rows, class_="origin")


def _readers(data: Json) -> Iterator[tuple[str, str]]:
    """Who read which language, and which of them nobody did."""
    found = object_of(data, "readers")
    for language in sorted(found):
        yield f"Names in {language}", text_of(found, language) or "read by nobody"


def _moment(moment: str) -> Html:
    shown = moment.replace("T", " ").partition(".")[0].removesuffix("Z")
    return element("time", f"{shown} UTC" if moment.endswith("Z") else moment, datetime=moment)
