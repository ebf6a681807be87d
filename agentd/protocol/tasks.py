"""Tasks on the wire: registering, looking at, listing and cancelling them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agentd.core import limits
from agentd.core.states import NodeStatus, TaskState
from agentd.protocol.fields import (
    Goal,
    JsonAny,
    JsonObject,
    LeaseSecs,
    Name,
    PageLimit,
    Params,
    Result,
    Timestamp,
    UnixTime,
    Uuid,
    WriteParams,
)

Capabilities = Annotated[list[Name], Field(max_length=limits.CAPABILITIES_PER_NODE_MAX)]


class NodeSpec(Params):
    """One node of a task to register."""

    id: Uuid | None = Field(default=None, description="Made by the daemon if left out.")
    key: Name | None = Field(
        default=None, description="A name to refer to the node by, also in `dependencies`."
    )
    dependencies: list[Name] = Field(
        default_factory=list, description="Ids or keys of nodes that must be COMPLETED first."
    )
    payload_schema: JsonAny = Field(
        default_factory=dict, description="What the node's result should look like; kept as it is."
    )
    priority: int = Field(default=0, ge=-1_000_000, le=1_000_000, description="Higher first.")
    max_attempts: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Attempts that may time out or fail retryably before the node is FAILED.",
    )
    timeout_secs: LeaseSecs | None = Field(
        default=None, description="Length of its leases, instead of AGENTD_NODE_TIMEOUT_SECS."
    )
    requires: Capabilities = Field(
        default_factory=list, description="Capabilities that a worker must name to get the node."
    )


class RegisterTaskParams(WriteParams):
    """A task: what it is for, and the nodes that it consists of."""

    goal: Goal
    context: JsonObject = Field(default_factory=dict)
    initial_nodes: list[NodeSpec] = Field(default_factory=list)
    task_id: Uuid | None = None


class RegisterTaskResult(Result):
    """The identities of the new task and its nodes."""

    task_id: str
    node_ids: list[str] = Field(description="In the order of `initial_nodes`.")
    nodes: dict[str, str] = Field(description="Key, or id where there is no key, to id.")


class TaskStatusParams(Params):
    """Which task."""

    task_id: Uuid


class TaskInfo(Result):
    """A task itself."""

    id: str
    goal: str
    context: JsonObject
    created_at: Timestamp


class NodeInfo(Result):
    """A node as anybody may see it: without its lease id."""

    id: str
    task_id: str
    key: str | None
    status: NodeStatus
    dependencies: list[str]
    payload_schema: JsonAny
    result_payload: JsonAny
    error_payload: JsonAny
    acquired_at: Timestamp | None
    lease_owner: str | None
    lease_provider: str | None
    lease_expires_at: UnixTime | None
    attempts: int
    max_attempts: int | None
    priority: int
    requires: list[str]
    blocked_by: list[str] = Field(description="Dependencies that are not COMPLETED yet.")
    updated_at: Timestamp


class TaskStatusResult(Result):
    """A task with all its nodes, in the order in which they were registered."""

    task: TaskInfo
    state: TaskState
    counts: dict[NodeStatus, int]
    nodes: list[NodeInfo]


class ListTasksParams(Params):
    """Which tasks, a page at a time, newest first."""

    state: TaskState | None = None
    limit: PageLimit = limits.PAGE_ROWS_DEFAULT
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")


class TaskSummary(Result):
    """A task in a list."""

    id: str
    goal: str
    state: TaskState
    counts: dict[NodeStatus, int]
    created_at: Timestamp


class ListTasksResult(Result):
    """A page of tasks."""

    tasks: list[TaskSummary]
    next_cursor: str | None


class CancelTaskParams(WriteParams):
    """Which task, and why."""

    task_id: Uuid
    reason: str = Field(default="cancelled", max_length=limits.GOAL_CHARS_MAX)


class CancelTaskResult(Result):
    """The task's nodes by status, after."""

    counts: dict[NodeStatus, int]
