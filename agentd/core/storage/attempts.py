"""The table `attempts`: how each ended lease of a node ended, and what was answered to it."""

from __future__ import annotations

import sqlite3
from typing import Any

from agentd.core.clock import Instant, rfc3339
from agentd.core.ids import LeaseId
from agentd.core.leases import EndedLease, NodeLease
from agentd.core.states import AttemptOutcome

_INSERT = (
    "INSERT INTO attempts (node_pk, attempt, lease_id, lease_owner, provider, acquired_at,"
    " expires_at, ended_at, outcome, content_digest, answer)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FIND = (
    "SELECT outcome, expires_at, content_digest, answer FROM attempts"
    " WHERE lease_id = ? AND node_pk = ?"
)
_OF_NODE = (
    "SELECT attempt, lease_owner, provider, ended_at, outcome FROM attempts"
    " WHERE node_pk = ? ORDER BY attempt"
)


def insert(
    connection: sqlite3.Connection,
    lease: NodeLease,
    outcome: AttemptOutcome,
    now: Instant,
    *,
    content_digest: bytes | None = None,
    answer: str | None = None,
) -> None:
    """Keeps the end of an attempt."""
    connection.execute(
        _INSERT,
        (
            lease.node_pk,
            lease.attempt,
            lease.lease_id,
            lease.owner,
            lease.provider,
            lease.acquired_at,
            lease.expires_at,
            now,
            outcome.value,
            content_digest,
            answer,
        ),
    )


def find(connection: sqlite3.Connection, lease_id: LeaseId, node_pk: int) -> EndedLease | None:
    """What is remembered of a node's ended lease."""
    row = connection.execute(_FIND, (lease_id, node_pk)).fetchone()
    if row is None:
        return None
    outcome, expires_at, content_digest, answer = row
    return EndedLease(AttemptOutcome(outcome), expires_at, content_digest, answer)


def previous_results(connection: sqlite3.Connection, node_pk: int) -> list[dict[str, Any]]:
    """The ended attempts at a node as the wire's `PreviousAttempt`s, first to last."""
    return [
        {
            "attempt": attempt,
            "lease_owner": lease_owner,
            "provider": provider,
            "ended_at": rfc3339(ended_at),
            "outcome": outcome,
        }
        for attempt, lease_owner, provider, ended_at, outcome in connection.execute(
            _OF_NODE, (node_pk,)
        )
    ]
