"""The vocabulary of states and events, and the one table of a node's transitions.

`docs/concepts.md` and DescribeInterface are made from this table, so what is not here does not
happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class NodeStatus(StrEnum):
    """Where a node is in its life."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class TaskState(StrEnum):
    """Where a task is, derived from its nodes."""

    ACTIVE = "active"
    """A node runs or can still come to run."""
    COMPLETED = "completed"
    """Every node is COMPLETED."""
    FAILED = "failed"
    """Nothing can run any more and some node FAILED."""


class LockMode(StrEnum):
    """Whether a lock keeps everybody else out, or only exclusive ones."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class LockState(StrEnum):
    """Where a lock's lease is in its life."""

    LIVE = "LIVE"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class AttemptOutcome(StrEnum):
    """How one attempt at a node ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    RETRIED = "retried"
    EXPIRED = "expired"


class Action(StrEnum):
    """The `action_type` of the events that the daemon itself writes."""

    TASK_REGISTERED = "task.registered"
    TASK_CANCELLED = "task.cancelled"
    NODE_ACQUIRED = "node.acquired"
    NODE_COMPLETED = "node.completed"
    NODE_FAILED = "node.failed"
    NODE_RETRIED = "node.retried"
    NODE_EXPIRED = "node.expired"
    NODE_CANCELLED = "node.cancelled"
    LOCK_ACQUIRED = "lock.acquired"
    LOCK_RENEWED = "lock.renewed"
    LOCK_RELEASED = "lock.released"
    LOCK_EXPIRED = "lock.expired"
    DECISION = "decision"
    CONFLICT = "conflict"


class DecisionAction(StrEnum):
    """What becomes of a bundle."""

    MERGE = "merge"
    REBASE = "rebase"
    WAIT = "wait"
    REJECT = "reject"
    ESCALATE = "escalate"


DEFAULT_ACTION_TYPE: Final = "COMMIT_EVENT"
"""What an agent's event is called when the agent gives it no name."""

AGENT_ACTIONS: Final = ("intent", "progress", "result", "conflict")
"""What agents report, by convention; any other name is accepted as well."""


RESERVED_ACTION_PREFIXES: Final = ("task.", "node.", "lock.", "session.")
"""The daemon's own events; an agent's may not be called so, or the journal could not be trusted."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed step in a node's life."""

    source: NodeStatus
    target: NodeStatus
    action: Action
    cause: str


TRANSITIONS: Final = (
    Transition(
        NodeStatus.PENDING,
        NodeStatus.RUNNING,
        Action.NODE_ACQUIRED,
        "AcquireNextNode, when every dependency is COMPLETED",
    ),
    Transition(
        NodeStatus.PENDING,
        NodeStatus.FAILED,
        Action.NODE_CANCELLED,
        "CancelTask",
    ),
    Transition(
        NodeStatus.RUNNING,
        NodeStatus.COMPLETED,
        Action.NODE_COMPLETED,
        "CompleteNode with the current lease",
    ),
    Transition(
        NodeStatus.RUNNING,
        NodeStatus.FAILED,
        Action.NODE_FAILED,
        "FailNode with the current lease, or the last allowed attempt ended",
    ),
    Transition(
        NodeStatus.RUNNING,
        NodeStatus.PENDING,
        Action.NODE_RETRIED,
        "FailNode with retryable, and attempts are left",
    ),
    Transition(
        NodeStatus.RUNNING,
        NodeStatus.PENDING,
        Action.NODE_EXPIRED,
        "the lease ran out, and attempts are left",
    ),
)
