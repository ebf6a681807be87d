"""The record of a review: what was decided and why, and all that a replay needs.

Pure: values in, JSON values out. Everything but `review_id`, `created_at`, `seconds` and `cached`
follows from the inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from agentd.conflicts.assumption_checks import Checked
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.history import TargetMove
from agentd.conflicts.judgement import Judgement
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.symbols.grammars import reader_of
from agentd.conflicts.symbols.languages import language_of

ENGINE_VERSION: Final = 6
"""Grows when the same inputs may be decided otherwise."""
_PATHS_MAX: Final = 500
_INTERACTIONS_MAX: Final = 1_000


def judgement_to_json(judgement: Judgement) -> dict[str, Any]:
    """The part of the record that a replay makes again, byte for byte."""
    closed = {each.candidate.bundle_id for each in judgement.closed}
    checks = {
        (check.comparison.run.tree, check.comparison.run.command): check.to_json()
        for proof in judgement.proofs
        for check in proof.checks
    }
    made: dict[str, Any] = {
        "bundles": [
            _bundle_json(each, judgement.assumptions.get(each.candidate.bundle_id, ()))
            for each in judgement.placed
            if each.candidate.bundle_id not in closed
        ],
        "closed": [_bundle_json(each) for each in judgement.closed],
        "findings": [found.to_json() for found in judgement.findings],
        "edges": [
            {
                "left": edge.left,
                "right": edge.right,
                "kind": edge.kind.value,
                "paths": list(edge.paths[:20]),
            }
            for edge in judgement.edges
        ],
        "decisions": [decision.to_json() for decision in judgement.decisions],
        "verification": list(checks.values()),
        "pairs": {"met": judgement.meetings, "asked_git": judgement.asked},
        "integration": None,
        "interactions": [each.to_json() for each in judgement.interactions[:_INTERACTIONS_MAX]],
        "regenerated": [step.to_json() for step in judgement.regenerated],
        "ledger": judgement.ledger.to_json() if judgement.ledger is not None else None,
        "moved": _move_json(judgement.moved) if judgement.moved is not None else None,
    }
    if judgement.integration is not None:
        made["integration"] = {
            "order": list(judgement.integration.order),
            "commit": judgement.integration.commit,
            "tree": judgement.integration.tree,
            "ref": None,
        }
    return {key: printable(value) for key, value in made.items()}


def _move_json(move: TargetMove) -> dict[str, Any]:
    return {
        "from": move.before,
        "to": move.tip,
        "count": move.count,
        "rewritten": move.rewritten,
        "commits": [
            {"commit": each.commit, "author": each.author, "subject": each.subject}
            for each in move.commits
        ],
    }


def _bundle_json(each: Placed, checked: Sequence[Checked] = ()) -> dict[str, Any]:
    candidate = each.candidate
    bundle = candidate.bundle
    source = bundle.sources[0]
    return {
        "bundle_id": candidate.bundle_id,
        "owner": bundle.owner,
        "provider": bundle.provider,
        "source": {
            "kind": source.kind.value,
            "detail": source.detail,
            "at": source.at,
            "task_id": bundle.task_id,
            "node_id": bundle.node_id,
            "all": [f"{one.kind.value}:{one.detail}" for one in bundle.sources],
        },
        "base": {
            "declared": bundle.base_revision,
            "commit": candidate.base,
            "freshness": each.freshness.value,
        },
        "tree": candidate.tree,
        "paths": list(candidate.paths[:_PATHS_MAX]),
        "declared_paths": list(bundle.touched_paths[:_PATHS_MAX]),
        "changes": [
            {
                "status": change.status,
                "path": change.path,
                "old_path": change.old_path,
                "old_mode": change.old_mode,
                "new_mode": change.new_mode,
                "additions": change.additions,
                "deletions": change.deletions,
                "binary": change.binary,
            }
            for change in candidate.changes[:_PATHS_MAX]
        ],
        "additions": sum(change.additions for change in candidate.changes),
        "deletions": sum(change.deletions for change in candidate.changes),
        "intent": bundle.intent,
        "diff_summary": bundle.diff_summary,
        "assumptions": list(bundle.assumptions),
        "assumption_checks": [one.to_json() for one in checked],
        "claims": [{"status": claim.status.value, "text": claim.text} for claim in bundle.claims],
        "confidence": bundle.confidence,
        "alternative_group": bundle.alternative_group,
        "created_at": bundle.created_at,
        "enforcement": bundle.enforcement,
    }


def policy_to_json(policy: Policy, source: str) -> dict[str, Any]:
    """What the record says about the policy."""
    return {
        "source": source,
        "digest": policy.digest,
        "verification_required": policy.verification_required,
        "allow_stale_clean": policy.freshness.allow_stale_clean,
        "commands": [command.run for command in policy.verification.commands],
    }


def other_readers(record: Mapping[str, Any]) -> tuple[str, ...]:
    """What reads the languages of a record's bundles otherwise here than where it was made."""
    had = record.get("readers")
    if not isinstance(had, Mapping):
        return ()
    languages = {
        language
        for bundle in (*record.get("bundles", ()), *record.get("closed", ()))
        for change in bundle.get("changes", ())
        if (language := language_of(str(change.get("path", "")))) is not None
    }
    return tuple(
        f"{language.value} was read by {had.get(language.value) or 'nobody'}, "
        f"and here by {reader_of(language) or 'nobody'}"
        for language in sorted(languages)
        if had.get(language.value, "") != reader_of(language)
    )


def canonical_bytes(value: Any) -> bytes:
    """JSON of which equal values have equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def decisions_bytes(record: Mapping[str, Any]) -> bytes:
    """The decisions of a record, to be compared with a replay's."""
    return canonical_bytes(record.get("decisions"))


def printable(value: Any) -> Any:
    """A JSON value in which every text is valid Unicode: other bytes of paths are escaped."""
    if isinstance(value, str):
        if value.isascii():
            return value  # As almost all are.
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {str(printable(key)): printable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [printable(item) for item in value]
    return value
