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
    Timestamp,
    Uuid,
    WaitSecs,
    WriteParams,
)


class Event(Result):
    """One entry of the journal."""

    seq: int = Field(description="Gapless and total: the order in which everything happened.")
    event_id: str
    at: Timestamp
    action_type: str
    task_id: str | None
    node_id: str | None
    session_id: str | None
    resource_key: str | None
    owner: str | None
    provider: str | None
    payload: JsonAny


class CommitEventParams(WriteParams):
    """Something that an agent wants remembered."""

    task_id: Uuid
    node_id: Uuid | None = Field(default=None, description="Left out: about the whole task.")
    lease_id: LeaseText | None = Field(
        default=None, description="Needed while the node is RUNNING."
    )
    action_type: Name = DEFAULT_ACTION_TYPE
    payload: JsonAny = Field(
        default_factory=dict, validation_alias=AliasChoices("payload", "event_payload")
    )


class CommitEventResult(Result):
    """Where the event stands in the journal."""

    event_id: str
    seq: int


class ListEventsParams(Params):
    """Which events, oldest first."""

    after_seq: int = Field(default=0, ge=0, description="Only later ones: `last_seq` of a call.")
    task_id: Uuid | None = None
    node_id: Uuid | None = None
    session_id: Name | None = None
    resource_key: Key | None = None
    action_types: list[Name] | None = Field(default=None, max_length=100)
    limit: Annotated[int, Field(ge=1, le=limits.EVENTS_PAGE_MAX, strict=True)] = (
        limits.EVENTS_PAGE_DEFAULT
    )
    wait_secs: WaitSecs = Field(default=0, description="Wait that long for a first event.")


class ListEventsResult(Result):
    """A page of the journal."""

    events: list[Event]
    last_seq: int = Field(
        description="Pass it as `after_seq` to go on: everything up to it was looked at."
    )
