"""What a node's lease is worth, case by case."""

from __future__ import annotations

import pytest

from agentd.core.clock import Instant, UnixSeconds
from agentd.core.ids import LeaseId, NodeId
from agentd.core.leases import AfterAttempt, EndedLease, NodeLease, after_attempt, refusal
from agentd.core.states import AttemptOutcome, NodeStatus
from agentd.errors import InvalidState, LeaseLost

MINE, ANOTHERS = LeaseId("mine"), LeaseId("another's")
END = UnixSeconds(100)


def lease(lease_id: LeaseId) -> NodeLease:
    return NodeLease(1, 1, lease_id, "codex", None, 1, Instant(0), END)


def ended(outcome: AttemptOutcome) -> EndedLease:
    return EndedLease(outcome, END, None, None)


@pytest.mark.parametrize(
    ("current", "past", "now", "reason"),
    [
        (lease(MINE), None, 99_999, None),
        (lease(MINE), None, 100_000, "lease_expired"),
        (lease(ANOTHERS), None, 0, "stale_lease"),
        (lease(ANOTHERS), ended(AttemptOutcome.EXPIRED), 0, "stale_lease"),
        (lease(ANOTHERS), ended(AttemptOutcome.RETRIED), 0, "lease_released"),
        (lease(ANOTHERS), ended(AttemptOutcome.EXPIRED), 100_000, "lease_expired"),
        (lease(ANOTHERS), None, 100_000, "node_not_running"),
        (None, ended(AttemptOutcome.EXPIRED), 0, "lease_expired"),
        (None, ended(AttemptOutcome.COMPLETED), 0, "lease_released"),
        (None, ended(AttemptOutcome.FAILED), 0, "lease_released"),
        (None, None, 0, "node_not_running"),
    ],
)
def test_the_shown_lease(
    current: NodeLease | None, past: EndedLease | None, now: int, reason: str | None
) -> None:
    error = refusal(
        node_id=NodeId("n"),
        status=NodeStatus.RUNNING if current else NodeStatus.PENDING,
        current=current,
        shown=MINE,
        ended=past,
        now=Instant(now),
    )
    assert (error.reason if error else None) == reason
    if isinstance(error, InvalidState):
        assert error.data == {"status": "PENDING"}
    if error is not None:
        assert isinstance(error, InvalidState if reason == "node_not_running" else LeaseLost)
        assert "mine" not in error.message  # A lease id is shown to its holder alone.
        assert "another's" not in error.message


@pytest.mark.parametrize(
    ("spent", "allowed", "cancelled", "expected"),
    [
        (1, None, False, AfterAttempt.AGAIN),
        (99, None, False, AfterAttempt.AGAIN),
        (1, 2, False, AfterAttempt.AGAIN),
        (2, 2, False, AfterAttempt.EXHAUSTED),
        (1, 1, False, AfterAttempt.EXHAUSTED),
        (1, None, True, AfterAttempt.CANCELLED),
        (2, 2, True, AfterAttempt.CANCELLED),
    ],
)
def test_what_comes_after_an_attempt(
    spent: int, allowed: int | None, cancelled: bool, expected: AfterAttempt
) -> None:
    found = after_attempt(spent_attempts=spent, max_attempts=allowed, task_cancelled=cancelled)
    assert found is expected
