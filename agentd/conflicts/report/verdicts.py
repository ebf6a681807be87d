"""Each decision with its reasons, and what the bundle says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Final

from agentd.conflicts.findings import counted
from agentd.conflicts.report.facts import ACTIONS, Bundle, Reason, Review
from agentd.conflicts.report.hunks import conflict_anchors
from agentd.conflicts.report.markup import (
    Html,
    code,
    element,
    folded,
    join,
    section,
    sentence,
    text,
)
from agentd.conflicts.report.names import bundle_links, group_anchor, tone
from agentd.conflicts.report.phrases import FRESHNESS, MEANINGS, SIGNS, words_for
from agentd.conflicts.report.reading import Json, object_of, objects_of, text_of, texts_of

_PATHS_SHOWN: Final = 3
_PATHS_MAX: Final = 200
_SHORT: Final = 12


def decisions_section(review: Review) -> Html | None:
    """All decisions, by action: what needs somebody comes first, what merges last."""
    if not review.bundles:
        return None
    anchors = conflict_anchors(review)
    groups = []
    for action, bundles in groupby(review.bundles, key=lambda bundle: bundle.action):
        cards = [_card(bundle, review, anchors) for bundle in bundles]
        title = element(
            "h3",
            element("span", f"{SIGNS.get(action, '?')} {action or 'undecided'}", class_="word"),
            element("span", f"{len(cards)}", class_="count"),
            element("span", MEANINGS.get(action, ""), class_="quiet"),
            class_=f"group {tone(action)}",
            id=group_anchor(action) if action in ACTIONS else None,
        )
        groups.append(join((title, element("div", *cards, class_="cards"))))
    return section("decisions", "Decisions", *reversed(groups))


def _card(bundle: Bundle, review: Review, anchors: Mapping[frozenset[str], str]) -> Html:
    head = element(
        "header",
        element("h4", element("bdi", bundle.name)),
        element("span", bundle.provider, class_="provider") if bundle.provider else None,
        _counts(bundle) if bundle.changes or bundle.additions or bundle.deletions else None,
    )
    intent = text_of(bundle.data, "intent")
    first, others = bundle.reasons[:1], bundle.reasons[1:]
    return element(
        "article",
        head,
        element("p", intent, class_="intent") if intent else None,
        element("p", _paths(bundle.paths), class_="paths") if bundle.paths else None,
        *(_reason(each, bundle, review, anchors, leads=True) for each in first),
        element(
            "ul", *(_reason(each, bundle, review, anchors) for each in others), class_="reasons"
        )
        if others
        else None,
        folded("About this bundle", _facts(bundle), class_="facts"),
        class_=f"card decision {tone(bundle.action)}",
        id=f"bundle-{bundle.number}",
    )


def _counts(bundle: Bundle) -> Html:
    sizes = {change.size for change in bundle.changes}
    if len(sizes) == 1 and not bundle.additions + bundle.deletions:
        return element("span", *sizes, class_="counts")
    return element(
        "span",
        element("ins", f"+{bundle.additions}"),
        " ",
        element("del", f"−{bundle.deletions}"),
        class_="counts",
    )


def _paths(paths: tuple[str, ...]) -> Html:
    more = f" and {len(paths) - _PATHS_SHOWN} more" if len(paths) > _PATHS_SHOWN else None
    return join((join((code(path) for path in paths[:_PATHS_SHOWN]), Html(" ")), more))


def _reason(
    reason: Reason,
    bundle: Bundle,
    review: Review,
    anchors: Mapping[frozenset[str], str],
    *,
    leads: bool = False,
) -> Html:
    body = join(
        (
            element("span", reason.why.replace("_", " "), class_="why"),
            " ",
            sentence(reason.message),
            *_evidence(reason.evidence, bundle, review, anchors),
        )
    )
    if not leads:
        return element("li", body, class_="reason")
    unproved = " undecided" if reason.why == "unverified" else ""
    return element("div", body, class_=f"reason leads{unproved}")


def _evidence(
    evidence: Json, bundle: Bundle, review: Review, anchors: Mapping[frozenset[str], str]
) -> Iterable[Html]:
    """What a reason rests on, where the sentence does not say it already."""
    winner = text_of(evidence, "winner")
    partners = frozenset((bundle.bundle_id, winner)) if winner else frozenset({bundle.bundle_id})
    place = anchors.get(partners)
    if place is not None and ("hunks" in evidence or winner):
        yield element("p", element("a", "See both sides", href=place), class_="more")
    for key, label in (("over", ""), ("partners", "Together with: ")):
        named = texts_of(evidence, key)
        if named:
            yield element("span", f" {label}", bundle_links(review, named))
    commits = objects_of(evidence, "commits")
    if commits:
        yield element("ul", *(element("li", *_commit(each)) for each in commits), class_="commits")
    output = text_of(evidence, "output_tail")
    if output.strip():
        yield folded("Output", _output(output))


def _commit(commit: Json) -> tuple[Html, str]:
    author = text_of(commit, "author")
    by = f", {author}" if author else ""
    return code(text_of(commit, "commit")[:_SHORT]), f" {text_of(commit, 'subject')}{by}"


def _output(output: str) -> Html:
    return element(
        "pre", text(output.rstrip("\n"), keep_newlines=True), class_="output", tabindex=0
    )


def _facts(bundle: Bundle) -> Html:
    data = bundle.data
    base, source = object_of(data, "base"), object_of(data, "source")
    claims = [
        element("li", text(text_of(each, "text")), element("i", f" ({text_of(each, 'status')})"))
        for each in objects_of(data, "claims")
    ]
    origin = " ".join((text_of(source, "kind").replace("_", " "), text_of(source, "detail")))
    facts: list[tuple[str, Html | str | None]] = [
        ("Bundle", code(bundle.bundle_id)),
        ("From", origin),
        ("Task node", text_of(source, "node_id")),
        ("Base", _base(base)),
        ("Summary", text_of(data, "diff_summary")),
        ("Assumes", _listed(_assumptions(data))),
        ("Claims, which are no evidence", _listed(claims)),
        ("Confidence", text_of(data, "confidence")),
        ("Alternatives", text_of(data, "alternative_group")),
        ("Files", _listed(_file_items(bundle))),
    ]
    return element(
        "dl",
        *(
            join((element("dt", name), element("dd", value)))
            for name, value in facts
            if value is not None and value.strip()
        ),
    )


def _assumptions(data: Json) -> Iterable[Html]:
    """What it assumes, with what agentd saw where it could look."""
    checks = {text_of(each, "text"): each for each in objects_of(data, "assumption_checks")}
    for assumption in texts_of(data, "assumptions"):
        check = checks.get(assumption, {})
        truth = text_of(check, "truth").replace("_", " ")
        seen = text_of(check, "seen")
        found = f" ({truth}{': ' if seen else ''}{seen})" if truth else None
        yield element("li", text(assumption), element("i", found) if found else None)


def _base(base: Json) -> Html:
    commit = text_of(base, "commit") or text_of(base, "declared")
    freshness = words_for(FRESHNESS, text_of(base, "freshness"))
    return join((code(commit[:_SHORT]) if commit else "none", f", {freshness}"))


def _listed(items: Iterable[Html]) -> Html | None:
    made = list(items)
    return element("ul", *made, class_="plain") if made else None


def _file_items(bundle: Bundle) -> Iterable[Html]:
    for change in bundle.changes[:_PATHS_MAX]:
        moved = f" from {change.old_path}" if change.old_path else ""
        mode = f", mode {change.old_mode} → {change.new_mode}" if change.only_mode else ""
        yield element("li", f"{change.status} ", code(change.path), f"{moved} {change.size}{mode}")
    if len(bundle.changes) > _PATHS_MAX:
        yield element("li", f"{counted(len(bundle.changes) - _PATHS_MAX, 'more file')}")
