"""A case as JSON and back, so that the record holds all that a replay needs.

Decoding what was encoded gives a case that is judged alike; the review itself judges the decoded
one. Pure.
"""

from __future__ import annotations

from typing import Any

from agentd.conflicts.bundles.bundle import Bundle, Claim, ClaimStatus, Source, SourceKind
from agentd.conflicts.bundles.json_fields import Fields
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.findings import BundleId, Finding, FindingKind, Severity
from agentd.conflicts.git.names import CommitId, ObjectId
from agentd.conflicts.holding import HeldLock, Holdings
from agentd.conflicts.judgement import Case
from agentd.conflicts.policy.errors import PolicyError
from agentd.conflicts.policy.policy import policy_from_json


def encode_case(case: Case) -> dict[str, Any]:
    """The case as JSON values."""
    return {
        "target": case.target,
        "moved_from": case.moved_from,
        "policy": case.policy.to_json(),
        "submissions": [_encode_submission(each) for each in case.submissions],
        "locks": [{**lock.to_json(), "shared": lock.shared} for lock in case.holdings.locks],
    }


def decode_case(data: object) -> Case:
    """The case that was encoded. Raises `FieldProblem` where it is none."""
    fields = Fields(data, "case")
    try:
        policy = policy_from_json(fields.json("policy"))
    except PolicyError as wrong:
        raise fields.problem("policy", f"cannot be used: {wrong.message}") from None
    return Case(
        target=CommitId(fields.object_id("target")),
        moved_from=_commit(fields, "moved_from"),
        policy=policy,
        submissions=tuple(_decode_submission(each) for each in fields.members("submissions")),
        holdings=Holdings(tuple(_decode_lock(each) for each in fields.members("locks"))),
    )


def _commit(fields: Fields, name: str) -> CommitId | None:
    found = fields.object_id_or_none(name)
    return None if found is None else CommitId(found)


def _decode_lock(fields: Fields) -> HeldLock:
    return HeldLock(
        resource_key=fields.text("resource_key"),
        owner=fields.text("owner"),
        provider=fields.text("provider"),
        acquired_at=fields.text("acquired_at"),
        expires_at=fields.text_or_none("expires_at"),
        live=fields.truth("live"),
        shared=fields.truth("shared"),
    )


def _encode_submission(submission: Submission) -> dict[str, Any]:
    return {
        "bundle": _encode_bundle(submission.bundle),
        "base": submission.base,
        "patch": submission.patch,
        "head": submission.head,
        "branch_head": submission.branch_head,
        "criss_cross": submission.criss_cross,
        "change_digest": submission.change_digest,
        "findings": [found.to_json() for found in submission.findings],
    }


def _decode_submission(fields: Fields) -> Submission:
    patch = fields.object_id_or_none("patch")
    return Submission(
        bundle=_decode_bundle(fields.member("bundle")),
        base=_commit(fields, "base"),
        patch=None if patch is None else ObjectId(patch),
        head=_commit(fields, "head"),
        branch_head=_commit(fields, "branch_head"),
        findings=_decode_findings(fields),
        criss_cross=fields.truth("criss_cross"),
        change_digest=fields.text("change_digest"),
    )


def _encode_bundle(bundle: Bundle) -> dict[str, Any]:
    return {
        "owner": bundle.owner,
        "provider": bundle.provider,
        "base_revision": bundle.base_revision,
        "touched_paths": list(bundle.touched_paths),
        "intent": bundle.intent,
        "diff_summary": bundle.diff_summary,
        "assumptions": list(bundle.assumptions),
        "confidence": bundle.confidence,
        "conflicts": list(bundle.conflicts),
        "alternative_of": bundle.alternative_of,
        "task_id": bundle.task_id,
        "node_id": bundle.node_id,
        "enforcement": bundle.enforcement,
        "created_at": bundle.created_at,
        "branch": bundle.branch,
        "sources": [
            {"kind": each.kind.value, "detail": each.detail, "at": each.at}
            for each in bundle.sources
        ],
        "claims": [
            {"status": each.status.value, "text": each.text, "command": each.command}
            for each in bundle.claims
        ],
        "extra": dict(bundle.extra),
        "findings": [found.to_json() for found in bundle.findings],
    }


def _decode_bundle(fields: Fields) -> Bundle:
    return Bundle(
        owner=fields.text("owner"),
        provider=fields.text("provider"),
        base_revision=fields.text_or_none("base_revision"),
        touched_paths=fields.paths("touched_paths"),
        intent=fields.text("intent"),
        diff_summary=fields.text("diff_summary"),
        assumptions=fields.texts("assumptions"),
        confidence=fields.number("confidence") if fields.has("confidence") else None,
        conflicts=fields.texts("conflicts"),
        alternative_of=fields.text_or_none("alternative_of"),
        task_id=fields.text_or_none("task_id"),
        node_id=fields.text_or_none("node_id"),
        enforcement=fields.text("enforcement"),
        created_at=fields.text_or_none("created_at"),
        branch=fields.text_or_none("branch"),
        sources=_decode_sources(fields),
        claims=tuple(
            Claim(each.word("status", ClaimStatus), each.text("text"), each.text_or_none("command"))
            for each in fields.members("claims")
        ),
        extra=fields.json("extra"),
        findings=_decode_findings(fields),
    )


def _decode_sources(fields: Fields) -> tuple[Source, ...]:
    sources = tuple(
        Source(each.word("kind", SourceKind), each.text("detail"), each.text_or_none("at"))
        for each in fields.members("sources")
    )
    if not sources:
        raise fields.problem("sources", "must not be empty")
    return sources


def _decode_findings(fields: Fields) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            kind=each.word("kind", FindingKind),
            severity=each.word("severity", Severity),
            message=each.text("message"),
            bundles=tuple(BundleId(bundle) for bundle in each.texts("bundles")),
            path=each.path_or_none("path"),
            symbol=each.text_or_none("symbol"),
            evidence=each.json("evidence"),
        )
        for each in fields.members("findings")
    )
