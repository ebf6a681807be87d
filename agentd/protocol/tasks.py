"""Tasks on the wire: registering, looking at, listing and cancelling them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from agentd.core import limits
from agentd.core.dag import check_node_count
from agentd.core.states import NodeStatus, TaskState
from agentd.protocol.fields import (
    Cursor,
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
    priority: int = Field(
        default=0, ge=-1_000_000, le=1_000_000, strict=True, description="Higher first."
    )
    max_attempts: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        strict=True,
        description="Attempts that may time out or fail retryably before the node is FAILED.",
    )
    timeout_secs: LeaseSecs | None = Field(
        default=None, description="Length of its leases, instead of AGENTD_NODE_TIMEOUT_SECS."
    )
    requires: Capabilities = Field(
        default_factory=list, description="Capabilities that a worker must name to get the node."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, spec: object) -> object:
        """An explicit null counts as left out, as it does in the params themselves."""
        if isinstance(spec, dict) and None in spec.values():
            return {name: value for name, value in spec.items() if value is not None}
        return spec


def _not_too_many(nodes: object) -> object:
    """Counts them before each is looked at, which takes seconds where they are very many."""
    if isinstance(nodes, list):
        check_node_count(len(nodes))
    return nodes


class RegisterTaskParams(WriteParams):
    """A task: what it is for, and the nodes that it consists of."""

    goal: Goal = Field(description="What the task is for; every worker is shown it.")
    context: JsonObject = Field(
        default_factory=dict, description="Whatever every worker should know; kept as it is."
    )
    initial_nodes: Annotated[list[NodeSpec], BeforeValidator(_not_too_many)] = Field(
        default_factory=list, description="The nodes. None: a task that only collects events."
    )
    task_id: Uuid | None = Field(default=None, description="Made by the daemon if left out.")


class RegisterTaskResult(Result):
    """The identities of the new task and its nodes."""

    task_id: str = Field(description="The new task.")
    node_ids: list[str] = Field(description="In the order of `initial_nodes`.")
    nodes: dict[str, str] = Field(description="Key, or id where there is no key, to id.")


class TaskStatusParams(Params):
    """Which task, and which of its nodes."""

    task_id: Uuid = Field(description="The task to look at.")
    limit: PageLimit | None = Field(
        default=None,
        description="Most nodes to return. Without it and `cursor`: all of them in one line.",
    )
    cursor: Cursor | None = Field(default=None, description="`next_cursor` of the page before.")


class TaskInfo(Result):
    """A task itself."""

    id: str = Field(description="The task.")
    goal: str = Field(description="As it was registered.")
    context: JsonObject = Field(description="As it was registered.")
    created_at: Timestamp = Field(description="When it was registered.")


class NodeInfo(Result):
    """A node as anybody may see it: without its lease id."""

    id: str = Field(description="The node.")
    task_id: str = Field(description="Its task.")
    key: str | None = Field(description="Its name within the task, if it has one.")
    status: NodeStatus = Field(description="Where it is in its life.")
    dependencies: list[str] = Field(description="Ids of the nodes that must be COMPLETED first.")
    payload_schema: JsonAny = Field(description="As it was registered.")
    result_payload: JsonAny = Field(description="What CompleteNode brought; null before.")
    error_payload: JsonAny = Field(description="What the last FailNode brought.")
    acquired_at: Timestamp | None = Field(
        description="When the current, or last, lease was granted."
    )
    lease_owner: str | None = Field(description="Whose lease it is, or last was.")
    lease_provider: str | None = Field(description="Whose agent that is.")
    lease_expires_at: UnixTime | None = Field(description="End of the current lease.")
    attempts: int = Field(description="Leases granted until now.")
    max_attempts: int | None = Field(description="As it was registered; null: no limit.")
    priority: int = Field(description="As it was registered.")
    requires: list[str] = Field(description="As it was registered.")
    blocked_by: list[str] = Field(description="Dependencies that are not COMPLETED yet.")
    updated_at: Timestamp = Field(description="When its status last changed.")


class TaskStatusResult(Result):
    """A task with its nodes, in the order in which they were registered."""

    task: TaskInfo = Field(description="The task itself.")
    state: TaskState = Field(
        description="`completed`: every node is; `failed`: nothing can run any more; else `active`."
    )
    counts: dict[NodeStatus, int] = Field(description="Number of nodes by status.")
    nodes: list[NodeInfo] = Field(
        description="All of them, or a page of them, in the order of `initial_nodes`."
    )
    next_cursor: str | None = Field(
        default=None,
        description="In a page: pass it as `cursor` to go on; null: this was the last one.",
    )


class ListTasksParams(Params):
    """Which tasks, a page at a time, newest first."""

    state: TaskState | None = Field(default=None, description="Left out: in any state.")
    limit: PageLimit = Field(default=limits.PAGE_ROWS_DEFAULT, description="Most tasks to return.")
    cursor: Cursor | None = Field(default=None, description="`next_cursor` of the page before.")


class TaskSummary(Result):
    """A task in a list."""

    id: str = Field(description="The task.")
    goal: str = Field(description="As it was registered.")
    state: TaskState = Field(description="As in TaskStatus.")
    counts: dict[NodeStatus, int] = Field(description="Number of nodes by status.")
    created_at: Timestamp = Field(description="When it was registered.")


class ListTasksResult(Result):
    """A page of tasks."""

    tasks: list[TaskSummary] = Field(description="The page.")
    next_cursor: str | None = Field(
        description="Pass it as `cursor` to go on; null: this was the last page."
    )


class CancelTaskParams(WriteParams):
    """Which task, and why."""

    task_id: Uuid = Field(description="The task to cancel.")
    reason: str = Field(
        default="cancelled",
        max_length=limits.GOAL_CHARS_MAX,
        description="Kept in the journal and as the nodes' error.",
    )


class CancelTaskResult(Result):
    """The task's nodes by status, after."""

    counts: dict[NodeStatus, int] = Field(description="Number of nodes by status, after.")
