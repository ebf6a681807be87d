"""`agentd-coord explain`: what the kept reviews say about one path, commit, bundle or owner."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentd.cli.actions import ACTION_STYLES
from agentd.cli.connect import daemon_if_running, fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.history_question import ID_CHARS_MIN, Question, heads, understood
from agentd.cli.records import NO_DAEMON_REVIEWS, Record, all_records
from agentd.cli.review_view import owners_by_bundle, target_name
from agentd.cli.terminal import console, print_indented, print_json, say, styled

_NAME_SOMETHING = (
    "name a path, commit, bundle id, owner or review; `agentd-coord decisions` lists the reviews."
)
_INDENT = 6
_EVERYTHING = "."
"""What the repository calls its top directory."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision that concerns what was asked for."""

    record: Record
    decision: dict[str, Any]
    bundle: dict[str, Any]
    because: str
    """How the decision is connected with the question."""


def explain(repository: Path, what: str, *, as_json: bool) -> None:
    """Prints every decision about `what`, newest first; exits with 1 where there is none."""
    from agentd.conflicts.review import open_workplace

    opened = open_workplace(repository, settings().home).repository
    with daemon_if_running() as client:
        if client is None:
            say(NO_DAEMON_REVIEWS)
        records = all_records(client, settings().home_layout.reviews, repository=opened.namespace)
    if not what:
        fail("nothing was named", hint=_NAME_SOMETHING, code=ExitCode.USAGE)
    question = understood(opened, what, records)
    found = [
        explanation
        for record in reversed(records)
        for explanation in explanations(record, question)
    ]
    if as_json:
        print_json({"explanations": [_as_json(one) for one in found]})
    elif found:
        _print(found)
    if not found:
        sys.stderr.write(
            f"No kept review of {opened.namespace} says anything about {what!r}.\n"
            f"hint: {_NAME_SOMETHING}\n"
        )
        raise SystemExit(ExitCode.FAILED)


def explanations(record: Record, question: Question) -> Iterator[Explanation]:
    """The decisions of one review that concern a path, commit, bundle, owner, or itself."""
    bundles = {bundle["bundle_id"]: bundle for bundle in record["bundles"]}
    for decision in record["decisions"]:
        bundle = bundles.get(decision["bundle_id"], {})
        because = (
            _by_review(record, question)
            or _by_name(bundle, question)
            or _by_commit(record, bundle, question)
        )
        if because:
            yield Explanation(record, decision, bundle, because)


def _by_review(record: Record, question: Question) -> str | None:
    named = len(question.what) >= ID_CHARS_MIN and record["review_id"].startswith(question.what)
    return "was decided on in this review" if named else None


def _by_name(bundle: dict[str, Any], question: Question) -> str | None:
    what = question.what
    bundle_id = str(bundle.get("bundle_id", ""))
    if what == bundle.get("owner"):
        return "is the owner"
    if what == bundle_id or (len(what) >= ID_CHARS_MIN and bundle_id.startswith(what)):
        return "is this bundle"
    touched = [*(bundle.get("paths") or ()), *(bundle.get("declared_paths") or ())]
    if question.path == _EVERYTHING and touched:
        return "changes something here"
    # A name from the top of the repository is understood everywhere in it.
    for name in dict.fromkeys((question.path, what.removeprefix("./").rstrip("/"))):
        if any(each == name or each.startswith(f"{name}/") for each in touched):
            return f"touches {name}"
    return None


def _by_commit(record: Record, bundle: dict[str, Any], question: Question) -> str | None:
    bundle_id = bundle.get("bundle_id")
    integration = record.get("integration") or {}
    merged = bundle_id in (integration.get("order") or ())
    if question.is_commit(integration.get("commit")):
        return "was merged into this commit" if merged else "was reviewed when this commit was made"
    target = record["target"]["commit"]
    landed = question.is_between(target, integration.get("commit"))
    if landed and bundle_id == question.made_for:
        return "was merged by this commit"
    base = (bundle.get("base") or {}).get("commit")
    if any(question.is_between(base, head) for head in heads(record, bundle)):
        return "has this commit"
    if question.is_commit(base):
        return "starts from this commit"
    return "was reviewed on this commit" if question.is_commit(target) else None


def _print(found: list[Explanation]) -> None:
    out = console()
    shown: str | None = None
    for one in found:
        record, decision = one.record, one.decision
        if record["review_id"] != shown:
            shown = record["review_id"]
            out.print(
                styled(f"{record['created_at']}", "bold"),
                styled(f"review {shown[:8]} on {target_name(record)}"),
            )
        sign, style = ACTION_STYLES.get(decision["action"], ("?", "bold"))
        name = owners_by_bundle(record).get(decision["bundle_id"], decision["bundle_id"])
        out.print(
            styled(f"  {sign} {decision['action']}", style),
            styled(name, "bold"),
            styled(f"({one.bundle.get('provider', 'unknown')}, {one.because})", "dim"),
        )
        if intent := one.bundle.get("intent"):
            print_indented(out, styled(f"meant to: {intent}"), _INDENT)
        for reason in decision["reasons"]:
            print_indented(out, styled(reason["message"]), _INDENT)


def _as_json(one: Explanation) -> dict[str, Any]:
    return {
        "review_id": one.record["review_id"],
        "created_at": one.record["created_at"],
        "target": one.record["target"],
        "because": one.because,
        "bundle": one.bundle,
        "decision": one.decision,
    }
