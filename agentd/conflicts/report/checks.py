"""What was run, on which tree, how it ended, and who was found to break it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agentd.conflicts.findings import counted
from agentd.conflicts.report.facts import Finding, Review, Run
from agentd.conflicts.report.markup import (
    Html,
    code,
    element,
    folded,
    join,
    section,
    sentence,
    table,
    text,
)
from agentd.conflicts.report.names import bundle_links
from agentd.conflicts.report.phrases import VERDICTS, words_for
from agentd.conflicts.report.reading import number_of, objects_of, text_of, texts_of

_SHORT: Final = 12
_GOOD: Final = "merge"
_TONES: Final = {
    "passed": _GOOD,
    "broken": "reject",
    "failed": "reject",
    "timed_out": "reject",
    "failing_before": "rebase",
    "flaky": "rebase",
}


def checks_section(review: Review) -> Html:
    """The runs on the integration first, then those that led there."""
    tree = text_of(review.integration, "tree")
    final = [run for run in review.runs if tree and run.tree == tree]
    earlier = [run for run in review.runs if run not in final]
    parts: list[Html | None] = []
    if not review.runs:
        parts.append(element("p", "No command was run, so nothing is proved."))
    if final:
        parts.append(_runs("On the integration", final, {}))
    if earlier:
        title = "On combinations that were given up" if final else "What ran"
        parts.append(_runs(title, earlier, _culprits(review)))
    parts += [
        _bisection(found, review) for found in review.findings if found.evidence.get("tested")
    ]
    return section("verification", "Verification", *parts)


def _culprits(review: Review) -> dict[tuple[str, str], str]:
    """Command and tree to whose changes made it fail there."""
    return {
        (text_of(each.evidence, "command"), text_of(each.evidence, "tree")): _named(each, review)
        for each in review.findings
        if each.kind.startswith("verification_") and each.bundles
    }


def _named(finding: Finding, review: Review) -> str:
    known = (review.by_id[each].name for each in finding.bundles if each in review.by_id)
    return " and ".join(known)


def _runs(title: str, runs: list[Run], culprits: Mapping[tuple[str, str], str]) -> Html:
    cards = (_run(run, culprits.get((run.command, run.tree), "")) for run in runs)
    return join((element("h3", title), element("div", *cards, class_="cards")))


def _run(run: Run, culprit: str) -> Html:
    word = run.verdict or run.status
    tone = _TONES.get(word, "undecided")
    facts = [f"tree {run.tree[:_SHORT]}"]
    if run.exit_code:
        facts.append(f"exit code {run.exit_code}")
    if run.seconds is not None:
        facts.append(f"{run.seconds:.1f} s")
    if run.baseline:
        facts.append(f"on the bare target: {run.baseline.replace('_', ' ')}")
    sandbox = text_of(run.data, "sandbox")
    if sandbox:
        facts.append("in no sandbox" if sandbox == "none" else f"sandbox: {sandbox}")
    if run.data.get("cached") is True:
        facts.append("from an earlier run on the same tree")
    attempts = number_of(run.data, "attempts")
    if attempts > 1:
        facts.append(f"{attempts} attempts")
    problem = text_of(run.data, "problem")
    return element(
        "article",
        element(
            "header",
            element("h4", element("bdi", run.name)),
            element("span", words_for(VERDICTS, word), class_=f"chip {tone}"),
        ),
        element("p", code(run.command), class_="paths") if run.command != run.name else None,
        element("p", " · ".join(facts), class_="quiet"),
        element("p", problem) if problem else None,
        element("p", f"What fails here comes from {culprit}.") if culprit else None,
        _output(run),
        class_=f"card decision {tone}",
    )


def _output(run: Run) -> Html:
    output = run.output.strip("\n")
    if not output.strip():
        return element("p", "It printed nothing.", class_="quiet")
    recorded = len(run.output.encode("utf-8", "replace"))
    whole = number_of(run.data, "output_bytes", recorded)
    tail = "Output" if whole <= recorded else f"The end of its output ({whole} bytes in all)"
    digest = text_of(run.data, "output_sha256")
    return folded(
        tail,
        element("pre", text(output, keep_newlines=True), class_="output", tabindex=0),
        element("p", "sha256 ", code(digest), class_="quiet") if digest else None,
    )


def _bisection(found: Finding, review: Review) -> Html:
    """Which sets were tried until the smallest that fails was known."""
    rows = [
        (
            text_of(tried, "outcome").replace("_", " "),
            bundle_links(review, texts_of(tried, "bundles")),
        )
        for tried in objects_of(found.evidence, "tested")
    ]
    sets = counted(len(rows), "set")
    return folded(
        f"The search that ended at {_named(found, review) or 'a culprit'}: {sets} tried",
        element("p", sentence(found.message)),
        table(f"Sets that were tried: {found.message}", ("Outcome", "Bundles"), rows),
    )
