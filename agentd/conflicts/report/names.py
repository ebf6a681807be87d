"""How bundles are named on the page: by their owner, leading to their decision."""

from __future__ import annotations

from collections.abc import Iterable

from agentd.conflicts.report.facts import ACTIONS, Bundle, Review
from agentd.conflicts.report.markup import Html, code, element, join


def bundle_link(bundle: Bundle) -> Html:
    """A bundle, in the colour of its action."""
    return element(
        "a",
        element("bdi", bundle.name),
        class_=f"bundle {tone(bundle.action)}",
        href=f"#bundle-{bundle.number}",
    )


def bundle_links(review: Review, identities: Iterable[str]) -> Html:
    """Some bundles by their ids; an id that the record does not know stands for itself."""
    return join(
        (
            bundle_link(review.by_id[each]) if each in review.by_id else code(each)
            for each in identities
        ),
        Html(" "),
    )


def group_anchor(action: str) -> str:
    """Where the decisions with one action begin."""
    return f"all-{action}" if action in ACTIONS else "decisions"


def tone(action: str) -> str:
    """The class that gives an action its colour."""
    return action if action in ACTIONS else "undecided"
