"""A case as JSON and back, so that the record holds all that a replay needs.

Decoding what was encoded gives a case that is judged alike; the review itself judges the decoded
one. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentd.conflicts.bundle import Bundle, Claim, ClaimStatus, Source, SourceKind
from agentd.conflicts.findings import BundleId, Finding, FindingKind, Severity
from agentd.conflicts.git_names import CommitId, ObjectId
from agentd.conflicts.holding import HeldLock, Holdings
from agentd.conflicts.intake import Submission
from agentd.conflicts.judgement import Case
from agentd.conflicts.policy import policy_from_json


def encode_case(case: Case) -> dict[str, Any]:
    """The case as JSON values."""
    return {
        "target": case.target,
        "moved_from": case.moved_from,
        "policy": case.policy.to_json(),
        "submissions": [_encode_submission(each) for each in case.submissions],
        "locks": [{**lock.to_json(), "shared": lock.shared} for lock in case.holdings.locks],
    }


def decode_case(data: Mapping[str, Any]) -> Case:
    """The case that was encoded."""
    return Case(
        target=CommitId(data["target"]),
        moved_from=None if data.get("moved_from") is None else CommitId(data["moved_from"]),
        policy=policy_from_json(data["policy"]),
        submissions=tuple(_decode_submission(each) for each in data["submissions"]),
        holdings=Holdings(tuple(HeldLock(**lock) for lock in data["locks"])),
    )


def _encode_submission(submission: Submission) -> dict[str, Any]:
    return {
        "bundle": _encode_bundle(submission.bundle),
        "base": submission.base,
        "patch": submission.patch,
        "head": submission.head,
        "branch_head": submission.branch_head,
        "change_digest": submission.change_digest,
        "findings": [found.to_json() for found in submission.findings],
    }


def _decode_submission(data: Mapping[str, Any]) -> Submission:
    return Submission(
        bundle=_decode_bundle(data["bundle"]),
        base=None if data["base"] is None else CommitId(data["base"]),
        patch=None if data["patch"] is None else ObjectId(data["patch"]),
        head=None if data["head"] is None else CommitId(data["head"]),
        branch_head=None if data["branch_head"] is None else CommitId(data["branch_head"]),
        findings=_decode_findings(data["findings"]),
        change_digest=data["change_digest"],
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


def _decode_bundle(data: Mapping[str, Any]) -> Bundle:
    return Bundle(
        owner=data["owner"],
        provider=data["provider"],
        base_revision=data["base_revision"],
        touched_paths=tuple(data["touched_paths"]),
        intent=data["intent"],
        diff_summary=data["diff_summary"],
        assumptions=tuple(data["assumptions"]),
        confidence=data["confidence"],
        conflicts=tuple(data["conflicts"]),
        alternative_of=data["alternative_of"],
        task_id=data["task_id"],
        node_id=data["node_id"],
        enforcement=data["enforcement"],
        created_at=data["created_at"],
        branch=data["branch"],
        sources=tuple(
            Source(SourceKind(each["kind"]), each["detail"], each["at"]) for each in data["sources"]
        ),
        claims=tuple(
            Claim(ClaimStatus(each["status"]), each["text"], each["command"])
            for each in data["claims"]
        ),
        extra=data["extra"],
        findings=_decode_findings(data["findings"]),
    )


def _decode_findings(data: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            kind=FindingKind(each["kind"]),
            severity=Severity(each["severity"]),
            message=each["message"],
            bundles=tuple(BundleId(bundle) for bundle in each["bundles"]),
            path=each["path"],
            symbol=each["symbol"],
            evidence=each["evidence"],
        )
        for each in data
    )
