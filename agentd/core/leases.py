"""What a lease of a node is worth when it is shown, and how an attempt at a node may end.

A lease belongs to whoever shows its id. It is current while the node is RUNNING under it and its
time is not over; what was current once is told apart (expired, ended by the caller itself,
replaced) so that the caller knows what to do. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from agentd.core.clock import Instant, UnixSeconds, has_passed
from agentd.core.ids import LeaseId, NodeId
from agentd.core.states import AttemptOutcome, NodeStatus
from agentd.errors import AgentdError, InvalidState, LeaseLost


class NodeLease(NamedTuple):
    """A node's running attempt."""

    node_pk: int
    task_pk: int
    lease_id: LeaseId
    owner: str
    provider: str | None
    attempt: int
    acquired_at: Instant
    expires_at: UnixSeconds


@dataclass(frozen=True, slots=True)
class EndedLease:
    """What is remembered of an attempt that is over."""

    outcome: AttemptOutcome
    expires_at: UnixSeconds
    content_digest: bytes | None
    """Of what the caller ended it with; None where the lease ran out."""
    answer: str | None
    """JSON text of the answer that the caller got."""


def refusal(
    *,
    node_id: NodeId,
    status: NodeStatus,
    current: NodeLease | None,
    shown: LeaseId,
    ended: EndedLease | None,
    now: Instant,
) -> AgentdError | None:
    """Why the lease that a caller shows is not the current one; None if it is.

    `current` is the node's running attempt, `ended` what is remembered under the shown lease.
    """
    if current is not None and current.lease_id == shown:
        return _expired(current.expires_at) if has_passed(current.expires_at, now) else None
    if ended is not None and ended.outcome is not AttemptOutcome.EXPIRED:
        return LeaseLost(
            "lease_released", f"this lease ended when the node was {ended.outcome.value}"
        )
    if current is not None and not has_passed(current.expires_at, now):
        return LeaseLost("stale_lease", f"node {node_id} is leased under another lease")
    if ended is not None:
        return _expired(ended.expires_at)
    if current is not None:  # It has lapsed, too, and only nobody has looked yet.
        status = NodeStatus.PENDING
    return InvalidState(
        "node_not_running", f"node {node_id} is {status.value}", status=status.value
    )


def _expired(expires_at: UnixSeconds) -> LeaseLost:
    return LeaseLost("lease_expired", f"the lease expired at {expires_at}", expired_at=expires_at)


class AfterAttempt(Enum):
    """What becomes of a node whose attempt brought no result."""

    AGAIN = auto()
    """PENDING: the next attempt may start."""
    EXHAUSTED = auto()
    """FAILED: that was the last attempt allowed."""
    CANCELLED = auto()
    """FAILED: nobody wants the task any more."""


def after_attempt(
    *, spent_attempts: int, max_attempts: int | None, task_cancelled: bool
) -> AfterAttempt:
    """Decides after an attempt that timed out or failed retryably, itself among the spent ones."""
    if task_cancelled:
        return AfterAttempt.CANCELLED
    if max_attempts is not None and spent_attempts >= max_attempts:
        return AfterAttempt.EXHAUSTED
    return AfterAttempt.AGAIN
