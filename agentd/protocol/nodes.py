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
    lease_owner: Name = Field(default="anonymous", description="The worker's name.")
    provider: Name | None = Field(default=None, description="Whose agent the worker is.")
    capabilities: Capabilities = Field(
        default_factory=list,
        description="What the worker can do: it gets no node that `requires` more.",
    )
    lease_secs: LeaseSecs | None = Field(
        default=None,
        description="Length of the lease; left out: the node's `timeout_secs` or the daemon's.",
    )
    wait_secs: WaitSecs = Field(default=0, description="Wait that long for a runnable node.")


class LeasedNode(Result):
    """The node as its holder sees it."""

    id: str = Field(description="The node.")
    task_id: str = Field(description="Its task.")
    key: str | None = Field(description="Its name within the task, if it has one.")
    status: NodeStatus = Field(description="RUNNING.")
    dependencies: list[str] = Field(description="Ids of the nodes that had to be COMPLETED first.")
    payload_schema: JsonAny = Field(description="What the result should look like.")
    result_payload: JsonAny = Field(description="null until the node is COMPLETED.")
    acquired_at: Timestamp = Field(description="When the lease was granted.")
    lease_id: str = Field(description="The lease.")
    lease_owner: str = Field(description="The worker's name.")
    lease_expires_at: UnixTime
    updated_at: Timestamp = Field(description="When its status last changed.")


class CompletedDependency(Result):
    """What a node that this one waited for has produced."""

    node_id: str = Field(description="The node.")
    key: str | None = Field(description="Its name within the task, if it has one.")
    result_payload: JsonAny = Field(description="What it produced.")


class PreviousAttempt(Result):
    """How somebody before ended."""

    attempt: int = Field(description="Its number.")
    lease_owner: str = Field(description="Who made it.")
    provider: str | None = Field(description="Whose agent that was.")
    ended_at: Timestamp = Field(description="When it ended.")
    outcome: AttemptOutcome = Field(description="How it ended.")


class ExecutionContext(Result):
    """What a fresh agent needs to go on where the last one stopped."""

    task: TaskInfo = Field(description="The task.")
    node: LeasedNode = Field(description="The node.")
    completed_dependencies: list[CompletedDependency] = Field(
        description="The nodes that this one waited for, with their results."
    )
    event_journal_limit: int = Field(description="AGENTD_CONTEXT_EVENT_LIMIT.")
    event_journal: list[Event] = Field(description="The task's last events, oldest first.")
    previous_attempts: list[PreviousAttempt] = Field(
        description="How those before ended, oldest first."
    )


class NodeLease(Result):
    """A granted lease with everything that its holder needs."""

    task_id: str = Field(description="The node's task.")
    node_id: str = Field(description="The node to work on.")
    lease_id: str = Field(description="To be shown with every call about the node.")
    lease_owner: str = Field(description="The worker's name.")
    lease_expires_at: UnixTime
    attempt: int = Field(description="1 for the first lease of the node, and so on.")
    context: ExecutionContext = Field(description="What a fresh agent needs to know.")


class LeaseParams(WriteParams):
    """Whoever acts on a leased node shows its lease."""

    task_id: Uuid = Field(description="The node's task.")
    node_id: Uuid = Field(description="The leased node.")
    lease_id: LeaseText = Field(description="From AcquireNextNode.")


class HeartbeatNodeParams(LeaseParams):
    """A sign of life."""

    lease_secs: LeaseSecs | None = Field(
        default=None, description="From now on; left out: as long as the lease was made for."
    )


class HeartbeatNodeResult(Result):
    """The lease's new end, and whether the task was cancelled meanwhile."""

    ok: Literal[True] = True
    lease_expires_at: UnixTime
    cancel_requested: bool = Field(description="Stop working: the task was cancelled.")


class CompleteNodeParams(LeaseParams):
    """The node's result."""

    result_payload: JsonAny = Field(
        default=None,
        validation_alias=AliasChoices("result_payload", "payload"),
        description="What the node produced; workers of dependent nodes are shown it.",
    )


class CompleteNodeResult(Result):
    """What the completion made possible."""

    event_id: str = Field(description="The `node.completed` event.")
    unblocked: list[str] = Field(description="Nodes that can run from now on.")
    task_finished: bool = Field(description="Nothing of the task is left to run.")


class FailNodeParams(LeaseParams):
    """Why the node could not be done, and whether another attempt makes sense."""

    error_payload: JsonAny = Field(
        default=None,
        validation_alias=AliasChoices("error_payload", "payload"),
        description="What went wrong.",
    )
    retryable: bool = Field(default=False, strict=True, description="false: FAILED for good.")


class FailNodeResult(Result):
    """Where the node is now."""

    event_id: str = Field(description="The `node.failed` or `node.retried` event.")
    status: NodeStatus = Field(description="PENDING if there will be another attempt, else FAILED.")
    attempts: int = Field(description="Leases granted until now.")
