"""The report of a review: one self-contained page, made from the record alone.

It needs no scripts and loads nothing; a policy in its head forbids both, so that even markup that
slipped through would do nothing. What agents wrote is escaped, and characters that would steer are
spelled out. The same record gives the same page. Pure.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from agentd.conflicts.report.checks import checks_section
from agentd.conflicts.report.drawing import graph_section
from agentd.conflicts.report.facts import Review, read_review
from agentd.conflicts.report.hunks import conflicts_section
from agentd.conflicts.report.markup import Html, document, element, plain, stylesheet
from agentd.conflicts.report.matrix import matrix_section
from agentd.conflicts.report.notes import closed_section, findings_section
from agentd.conflicts.report.outcome import ledger_section, result_section
from agentd.conflicts.report.overview import overview, repository_name, target_name
from agentd.conflicts.report.verdicts import decisions_section


def render_report(record: Mapping[str, object]) -> str:
    """The page for a review record, as text to be written in UTF-8."""
    review = read_review(record)
    parts = [
        ("Result", "result", result_section(review)),
        ("Conflicts", "graph", graph_section(review)),
        ("Files", "matrix", matrix_section(review)),
        ("Decisions", "decisions", decisions_section(review)),
        ("Both sides", "conflicts", conflicts_section(review)),
        ("Verification", "verification", checks_section(review)),
        ("Ledger", "ledger", ledger_section(review)),
        ("Findings", "findings", findings_section(review)),
        ("Closed", "closed", closed_section(review)),
    ]
    links = [
        element("a", title, href=f"#{identifier}") for title, identifier, part in parts if part
    ]
    body = element(
        "body",
        overview(review),
        element("nav", *links, aria_label="Parts of the report"),
        element("main", *(part for _, _, part in parts)),
        element("footer", "Made by agentd-coord from the record of the review alone."),
    )
    return document(_head(review), body)


def _head(review: Review) -> Html:
    css = style()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"Review {review.review_id[:8]}: {repository_name(review)} → {target_name(review)}"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", plain(title)),
        stylesheet(css),
    )


@cache
def style() -> str:
    """The style sheet, which is part of the package."""
    return files("agentd.conflicts.report").joinpath("style.css").read_text(encoding="utf-8")
