"""What else was noticed: all findings, and the bundles that had landed before."""

from __future__ import annotations

from typing import Final

from agentd.conflicts.findings import counted
from agentd.conflicts.report.facts import Finding, Review
from agentd.conflicts.report.markup import (
    Html,
    code,
    element,
    folded,
    join,
    section,
    sentence,
    table,
)
from agentd.conflicts.report.names import bundle_links
from agentd.conflicts.report.reading import text_of

_PATHS_SHOWN: Final = 3
_SEVERITIES: Final = ("error", "warning", "info")


def findings_section(review: Review) -> Html | None:
    """Everything that was noticed, the gravest first."""
    if not review.findings:
        return None
    ranked = sorted(review.findings, key=_gravity)
    rows = [
        (
            element("span", each.severity, class_=f"chip {_tone(each)}"),
            each.kind.replace("_", " "),
            bundle_links(review, each.bundles),
            join(
                (code(each.path), " ", sentence(each.message))
                if each.path
                else (sentence(each.message),)
            ),
        )
        for each in ranked
    ]
    found = table("Findings", ("Severity", "Kind", "Bundles", "What"), rows)
    return section("findings", "Findings", folded(counted(len(rows), "finding"), found))


def _gravity(finding: Finding) -> int:
    if finding.severity in _SEVERITIES:
        return _SEVERITIES.index(finding.severity)
    return len(_SEVERITIES)


def _tone(finding: Finding) -> str:
    return {"error": "reject", "warning": "rebase"}.get(finding.severity, "undecided")


def closed_section(review: Review) -> Html | None:
    """Bundles that have landed before, about which nothing was to decide."""
    if not review.closed:
        return None
    items = [
        element(
            "li",
            element("strong", element("bdi", bundle.name), id=f"bundle-{bundle.number}"),
            f" ({bundle.provider}) " if bundle.provider else " ",
            text_of(bundle.data, "intent") or ", ".join(bundle.paths[:_PATHS_SHOWN]),
        )
        for bundle in review.closed
    ]
    note = "In the target already; the journal remembers them, and nothing is left to decide."
    return section("closed", "Closed", element("p", note), element("ul", *items, class_="plain"))
