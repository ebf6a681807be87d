"""Leases of nodes on the wire: acquire, heartbeat, complete, fail."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field

from agentd.core.states import AttemptOutcome, NodeStatus
from agentd.protocol.fields import (
    JsonAny,
    LeaseSecs,
    LeaseText,
    Name,
    Result,
    Timestamp,
    UnixTime,
    Uuid,
    WaitSecs,
    WriteParams,
)
from agentd.protocol.journal import Event
from agentd.protocol.tasks import Capabilities, TaskInfo


class AcquireNextNodeParams(WriteParams):
    """Who asks for work, of which task, and how long to wait for some."""

    task_id: Uuid | None = Field(default=None, description="Left out: of any task.")
    lease_owner: Name = "anonymous"
    provider: Name | None = None
    capabilities: Capabilities = Field(default_factory=list)
    lease_secs: LeaseSecs | None = None
    wait_secs: WaitSecs = Field(default=0, description="Wait that long for a runnable node.")


class LeasedNode(Result):
    """The node as its holder sees it."""

    id: str
    task_id: str
    key: str | None
    status: NodeStatus
    dependencies: list[str]
    payload_schema: JsonAny
    result_payload: JsonAny
    acquired_at: Timestamp
    lease_id: str
    lease_owner: str
    lease_expires_at: UnixTime
    updated_at: Timestamp


class CompletedDependency(Result):
    """What a node that this one waited for has produced."""

    node_id: str
    key: str | None
    result_payload: JsonAny


class PreviousAttempt(Result):
    """How somebody before ended."""

    attempt: int
    lease_owner: str
    provider: str | None
    ended_at: Timestamp
    outcome: AttemptOutcome


class ExecutionContext(Result):
    """What a fresh agent needs to go on where the last one stopped."""

    task: TaskInfo
    node: LeasedNode
    completed_dependencies: list[CompletedDependency]
    event_journal_limit: int
    event_journal: list[Event] = Field(description="The task's last events, oldest first.")
    previous_attempts: list[PreviousAttempt]


class NodeLease(Result):
    """A granted lease with everything that its holder needs."""

    task_id: str
    node_id: str
    lease_id: str
    lease_owner: str
    lease_expires_at: UnixTime
    attempt: int
    context: ExecutionContext


class LeaseParams(WriteParams):
    """Whoever acts on a leased node shows its lease."""

    task_id: Uuid
    node_id: Uuid
    lease_id: LeaseText


class HeartbeatNodeParams(LeaseParams):
    """A sign of life."""

    lease_secs: LeaseSecs | None = None


class HeartbeatNodeResult(Result):
    """The lease's new end, and whether the task was cancelled meanwhile."""

    ok: Literal[True] = True
    lease_expires_at: UnixTime
    cancel_requested: bool


class CompleteNodeParams(LeaseParams):
    """The node's result."""

    result_payload: JsonAny = Field(
        default=None, validation_alias=AliasChoices("result_payload", "payload")
    )


class CompleteNodeResult(Result):
    """What the completion made possible."""

    event_id: str
    unblocked: list[str] = Field(description="Nodes that can run from now on.")
    task_finished: bool


class FailNodeParams(LeaseParams):
    """Why the node could not be done, and whether another attempt makes sense."""

    error_payload: JsonAny = Field(
        default=None, validation_alias=AliasChoices("error_payload", "payload")
    )
    retryable: bool = Field(default=False, description="false: FAILED for good.")


class FailNodeResult(Result):
    """Where the node is now."""

    event_id: str
    status: NodeStatus
    attempts: int
