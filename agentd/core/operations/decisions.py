"""RecordDecision and ListDecisions: the referee's records, and their traces in the journal."""

from __future__ import annotations

from typing import Any

import orjson

from agentd.core import journal
from agentd.core.clock import Instant
from agentd.core.ids import NodeId, ReviewId, TaskId
from agentd.core.operations.recording import record
from agentd.core.operations.transaction import Transaction
from agentd.core.storage import decisions
from agentd.core.storage.database import Reader
from agentd.core.storage.journal import read_last_seq
from agentd.errors import AlreadyExists
from agentd.protocol.decisions import (
    Decision,
    ListDecisionsParams,
    RecordDecisionParams,
    ReviewedBundle,
    ReviewRecord,
)

_BLOCKING = "error"
"""The severity of a finding that keeps a bundle from merging."""


def record_decision(tx: Transaction, params: RecordDecisionParams, now: Instant) -> dict[str, Any]:
    """Keeps a review's record and tells the journal about each of its bundles."""
    review = params.review
    review_id = ReviewId(review.review_id)
    if decisions.exists(tx.connection, review_id):
        raise AlreadyExists("id_in_use", f"there is a review {review_id} already", id=review_id)
    bundles = {bundle.bundle_id: bundle for bundle in review.bundles}
    events = [_decision_event(tx, review, bundles, decision) for decision in review.decisions]
    events += _conflict_events(tx, review, bundles)
    if not events:  # Nothing was decided, and that is what happened.
        about = {"review_id": review_id, "repository": review.repository, "bundle_id": None}
        events = [journal.decided(None, None, None, None, about)]
    seqs = [record(tx, event, now)[1] for event in events]
    tx.journal.store()
    decisions.insert(
        tx.connection,
        seqs[0],
        review_id,
        review.repository,
        # As it was sent, without the models' defaults: a replay compares byte for byte.
        orjson.dumps(review.model_dump(mode="json", exclude_unset=True)).decode(),
        bundle_ids=[*bundles, *(decision.bundle_id for decision in review.decisions)],
        task_ids=[
            task_id
            for bundle in review.bundles
            if isinstance(task_id := bundle.source.get("task_id"), str)
        ],
    )
    return {"review_id": review_id, "seq": seqs[0]}


def _origin(tx: Transaction, bundle: ReviewedBundle | None) -> tuple[int, int] | None:
    """The row keys of the task and node that a bundle came from, if it names ones we have."""
    if bundle is None:
        return None
    task_id, node_id = bundle.source.get("task_id"), bundle.source.get("node_id")
    if not isinstance(task_id, str) or not isinstance(node_id, str):
        return None
    return decisions.node_keys(tx.connection, TaskId(task_id), NodeId(node_id))


def _decision_event(
    tx: Transaction,
    review: ReviewRecord,
    bundles: dict[str, ReviewedBundle],
    decision: Decision,
) -> journal.NewEvent:
    bundle = bundles.get(decision.bundle_id)
    task_pk, node_pk = _origin(tx, bundle) or (None, None)
    payload = {
        "review_id": review.review_id,
        "repository": review.repository,
        "target": review.target.model_dump(mode="json"),
        **decision.model_dump(mode="json"),
    }
    owner, provider = (bundle.owner, bundle.provider) if bundle else (None, None)
    return journal.decided(task_pk, node_pk, owner, provider, payload)


def _conflict_events(
    tx: Transaction, review: ReviewRecord, bundles: dict[str, ReviewedBundle]
) -> list[journal.NewEvent]:
    """One event for each bundle from a node that a blocking finding sets against another."""
    events: list[journal.NewEvent] = []
    against: dict[str, list[dict[str, Any]]] = {}
    for finding in filter(_is_conflict, review.findings):
        for name in {name for name in finding["bundles"] if isinstance(name, str)}:
            against.setdefault(name, []).append(finding)
    for bundle in bundles.values():
        findings = against.get(bundle.bundle_id, [])
        origin = _origin(tx, bundle)
        if not findings or origin is None:
            continue
        named = dict.fromkeys(other for finding in findings for other in finding["bundles"])
        payload = {
            "review_id": review.review_id,
            "repository": review.repository,
            "bundle_id": bundle.bundle_id,
            "conflicts_with": [other for other in named if other != bundle.bundle_id],
            "findings": findings,
        }
        events.append(journal.conflict_found(*origin, bundle.owner, bundle.provider, payload))
    return events


def _is_conflict(finding: dict[str, Any]) -> bool:
    """Whether a finding, which only the referee checks, is a blocking one of several bundles."""
    named = finding.get("bundles")
    return (
        finding.get("severity") == _BLOCKING
        and isinstance(named, list)
        and len({name for name in named if isinstance(name, str)}) > 1
    )


async def list_decisions(
    reader: Reader, params: ListDecisionsParams, now: Instant
) -> dict[str, Any]:
    """Returns a page of review records, oldest first."""
    query = decisions.page_query(
        after_seq=params.after_seq,
        repository=params.repository,
        task_id=params.task_id,
        bundle_id=params.bundle_id,
        limit=params.limit,
    )
    async with reader.snapshot() as connection:
        last_seq = await read_last_seq(connection)
        found, reaches_the_end = await decisions.read_page(connection, query, params.limit)
    return {
        "reviews": [review for _, review in found],
        "last_seq": last_seq if reaches_the_end else found[-1][0],
    }
