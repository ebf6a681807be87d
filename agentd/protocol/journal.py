"""The journal on the wire: appending an agent's own event, and reading what happened."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from agentd.core import limits
from agentd.core.states import DEFAULT_ACTION_TYPE
from agentd.protocol.fields import (
    JsonAny,
    Key,
    LeaseText,
    Name,
    Params,
    Result,
    Seq,
    Timestamp,
    Uuid,
    WaitSecs,
    WriteParams,
)


class Event(Result):
    """One entry of the journal."""

    seq: int = Field(description="Gapless and total: the order in which everything happened.")
    event_id: str = Field(description="The event.")
    at: Timestamp = Field(description="When it happened.")
    action_type: str = Field(description="What happened.")
    task_id: str | None = Field(description="The task that it is about, if any.")
    node_id: str | None = Field(description="The node that it is about, if any.")
    session_id: str | None = Field(description="The session that it is about, if any.")
    resource_key: str | None = Field(description="The resource that it is about, if any.")
    owner: str | None = Field(description="Who did it.")
    provider: str | None = Field(description="Whose agent that is.")
    payload: JsonAny = Field(description="What there is to know about it.")


class CommitEventParams(WriteParams):
    """Something that an agent wants remembered."""

    task_id: Uuid = Field(description="The task that it is about.")
    node_id: Uuid | None = Field(default=None, description="Left out: about the whole task.")
    lease_id: LeaseText | None = Field(
        default=None, description="Needed while the node is RUNNING."
    )
    action_type: Name = Field(
        default=DEFAULT_ACTION_TYPE,
        description="`intent`, `progress`, `result`, `conflict` or a name of your own that does "
        "not begin as the daemon's do (`task.`, `node.`, `lock.`, `session.`).",
    )
    payload: JsonAny = Field(
        default_factory=dict,
        validation_alias=AliasChoices("payload", "event_payload"),
        description="Anything; a patch bundle, say.",
    )


class CommitEventResult(Result):
    """Where the event stands in the journal."""

    event_id: str = Field(description="The event.")
    seq: int = Field(description="Its place in the journal.")


class ListEventsParams(Params):
    """Which events, oldest first."""

    after_seq: Seq = Field(default=0, description="Only later ones: `last_seq` of a call.")
    task_id: Uuid | None = Field(default=None, description="Only of this task.")
    node_id: Uuid | None = Field(default=None, description="Only of this node.")
    session_id: Name | None = Field(default=None, description="Only of this session.")
    resource_key: Key | None = Field(default=None, description="Only of this resource.")
    action_types: list[Name] | None = Field(
        default=None, max_length=100, description="Only of these types."
    )
    limit: Annotated[int, Field(ge=1, le=limits.EVENTS_PAGE_MAX, strict=True)] = Field(
        default=limits.EVENTS_PAGE_DEFAULT,
        description="Most events to return. Fewer come where they are large; none: that was all.",
    )
    wait_secs: WaitSecs = Field(default=0, description="Wait that long for a first event.")


class ListEventsResult(Result):
    """A page of the journal."""

    events: list[Event] = Field(description="The page, oldest first.")
    last_seq: int = Field(
        description="Pass it as `after_seq` to go on: everything up to it was looked at."
    )
