"""What came of it: the integration, what to do next, and whether the ledger balances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentd.conflicts.findings import counted
from agentd.conflicts.report.facts import Finding, Review
from agentd.conflicts.report.markup import Html, code, element, folded, join, section, table
from agentd.conflicts.report.names import bundle_link
from agentd.conflicts.report.overview import target_name
from agentd.conflicts.report.reading import (
    Json,
    number_of,
    object_of,
    objects_of,
    text_of,
    texts_of,
)

_SHORT: Final = 12
_ORDER_SHOWN: Final = 60
"""Of more bundles the others are folded away."""


def result_section(review: Review) -> Html:
    """The integration and what to do next."""
    integration = review.integration
    if not integration:
        what = element("p", "Nothing was merged, and nothing was written.", class_="lead")
        return section("result", "Result", element("div", what, _next(review), class_="card"))
    names = [
        element("li", bundle_link(review.by_id[each]) if each in review.by_id else code(each))
        for each in texts_of(integration, "order")
    ]
    ref = text_of(integration, "ref")
    return section(
        "result",
        "Result",
        element(
            "div",
            element(
                "p",
                "Commit ",
                code(text_of(integration, "commit")[:_SHORT]),
                f" is {target_name(review)} with {counted(len(names), 'bundle')}",
                ", landed on " if ref else ". Nothing was written to the repository yet.",
                code(ref) if ref else None,
                "." if ref else None,
                class_="lead",
            ),
            _order(names[:_ORDER_SHOWN]),
            _further(names[_ORDER_SHOWN:]),
            element(
                "p",
                "commit ",
                code(text_of(integration, "commit")),
                " tree ",
                code(text_of(integration, "tree")),
                class_="quiet ids",
            ),
            _next(review),
            class_="card",
        ),
    )


def _order(names: Sequence[Html]) -> Html:
    return element("ol", *names, class_="order", aria_label="In the order in which they merge")


def _further(names: Sequence[Html]) -> Html | None:
    return folded(f"and {len(names)} more", _order(names)) if names else None


def _next(review: Review) -> Html:
    steps = []
    if review.integration and not text_of(review.integration, "ref"):
        steps.append(
            join(
                (
                    "Land it: review again with ",
                    code("--apply"),
                    " (on a new branch) or ",
                    code("--apply --onto-target"),
                    ".",
                )
            )
        )
    waiting = len(review.bundles) - review.counts().get("merge", 0)
    if waiting:
        steps.append(
            join(
                (
                    f"Send the other {counted(waiting, 'bundle')} back: each ",
                    element("a", "decision", href="#decisions"),
                    " says what its agent has to do.",
                )
            )
        )
    steps.append(
        join(
            (
                "Check that the same comes out again: ",
                code(f"agentd-coord review --replay {review.review_id[:8]}"),
            )
        )
    )
    return join((element("h3", "Next"), element("ul", *(element("li", s) for s in steps))))


def ledger_section(review: Review) -> Html:
    """Whether every line is accounted for, and which combinations were not taken because of it."""
    wrong = [each for each in review.findings if each.kind == "ledger_mismatch"]
    ledger = object_of(review.data, "ledger")
    parts: list[Html] = []
    if wrong and not review.integration:
        says = "The ledger does not balance, so nothing was merged."
        parts.append(element("p", says, class_="chip reject"))
    elif not review.integration:
        parts.append(element("p", "There was no result to account for."))
    else:
        parts.append(
            element(
                "p",
                element("span", "✔ balanced", class_="chip merge"),
                " Every line that the merged bundles add is in the result, every line that they "
                "remove is gone, and every other file is the target's, byte for byte.",
            )
        )
        if ledger:
            parts.append(_sums(ledger))
    if wrong:
        parts.append(_unaccounted(wrong))
    return section("ledger", "Ledger", *parts)


def _unaccounted(wrong: Sequence[Finding]) -> Html:
    rows = [
        (
            code(each.path),
            text_of(each.evidence, "problem") or each.message,
            element("pre", *(f"{line}⏎" for line in texts_of(each.evidence, "lines"))),
        )
        for each in wrong
    ]
    return table(
        "What nobody accounts for in combinations that were not taken",
        ("File", "Problem", "Lines"),
        rows,
    )


def _sums(ledger: Json) -> Html:
    files, bundles = number_of(ledger, "files"), len(objects_of(ledger, "bundles"))
    return element(
        "p",
        f"Accounted for: {counted(files, 'file')} of {counted(bundles, 'bundle')}, "
        f"{counted(number_of(ledger, 'lines_added'), 'line')} added and "
        f"{counted(number_of(ledger, 'lines_removed'), 'line')} removed against the target.",
        class_="quiet",
    )
