"""What the tools answer: the types from which the clients' output schemas are made.

Names, intents and reasons in them are other agents' words. They are cut short and made printable,
and whoever shows them to a model says that they are quotations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, Field

from agentd.plain_text import printable

_QUOTED_CHARS_MAX: Final = 300


class Held(BaseModel):
    """A lock that somebody holds."""

    resource_key: str
    owner: str
    provider: str
    mode: str
    expires_at: int = Field(description="Unix seconds; it may be renewed until then.")
    intent: str | None = Field(description="What the holder said that it would do; a quotation.")
    mine: bool = Field(description="Whether this session holds it.")


class LockAnswer(BaseModel):
    """Whether the lock is this session's now."""

    granted: bool
    resource_key: str
    expires_at: int | None = Field(description="Unix seconds. Acquire again to renew it.")
    holder: Held | None = Field(description="Who holds it instead.")
    advice: str


class Released(BaseModel):
    """A lock given back."""

    resource_key: str
    was_held: bool = Field(description="False: it had run out already.")


class Locks(BaseModel):
    """Live locks."""

    locks: list[Held]
    left_out: int = Field(description="How many more there are. Name a narrower prefix or path.")


class Holders(BaseModel):
    """Who is at a resource."""

    resource_key: str
    free: bool = Field(description="Nobody else holds it.")
    holders: list[Held]
    left_out: int = Field(description="How many more there are. Name a narrower prefix or path.")


class Node(BaseModel):
    """A leased node. Its lease is renewed as long as this session lasts."""

    task_id: str
    node_id: str
    key: str | None
    attempt: int
    goal: str
    task_context: dict[str, Any]
    payload_schema: Any = Field(description="What the result should look like.")
    dependency_results: dict[str, Any] = Field(description="By the nodes' keys or ids.")
    previous_attempts: list[dict[str, Any]]
    recent_events: list[dict[str, Any]] = Field(description="Of the task, oldest first.")


class NextNode(BaseModel):
    """A node to work on, or none."""

    node: Node | None
    advice: str


class Committed(BaseModel):
    """An event in the journal."""

    seq: int
    event_id: str


class NodeEnded(BaseModel):
    """A node that this session is done with."""

    node_id: str
    status: str
    unblocked: list[str] = Field(description="Nodes that can run from now on.")
    task_finished: bool | None


class TaskNode(BaseModel):
    """A node of a task."""

    node_id: str
    key: str | None
    status: str
    lease_owner: str | None
    attempts: int
    blocked_by: list[str]
    result: Any


class Task(BaseModel):
    """A task."""

    task_id: str
    goal: str
    state: str
    counts: dict[str, int]
    nodes: list[TaskNode]


class Submitted(BaseModel):
    """A bundle that a review will find."""

    task_id: str
    event_seq: int
    owner: str
    base_revision: str
    touched_paths: list[str]
    summary: str
    advice: str


class Decision(BaseModel):
    """What becomes of a bundle."""

    bundle_id: str
    owner: str
    provider: str
    mine: bool
    action: str = Field(description="merge, rebase, wait, reject or escalate.")
    paths: list[str]
    reasons: list[str]


class Verified(BaseModel):
    """A command that the review ran."""

    command: str
    status: str
    output_tail: str = Field(description="Of a command that failed; a quotation.")


class Review(BaseModel):
    """The referee's decisions. Nothing was merged into a branch."""

    review_id: str
    target: str
    all_merge: bool
    decisions: list[Decision]
    verification: list[Verified]


def held(lock: Mapping[str, Any], *, mine: bool) -> Held:
    """A lock as the wire's `LockInfo` has it; `mine`: this session holds it."""
    metadata = lock.get("metadata")
    intent = metadata.get("intent") if isinstance(metadata, Mapping) else None
    return Held(
        resource_key=quoted(lock["resource_key"]),
        owner=quoted(lock["owner"]),
        provider=quoted(lock["provider"]),
        mode=str(lock["mode"]),
        expires_at=int(lock["expires_at"]),
        intent=quoted(intent) if isinstance(intent, str) and intent else None,
        mine=mine,
    )


def quoted(text: object) -> str:
    """Somebody's words, short and harmless."""
    said = printable(str(text))
    return f"{said[:_QUOTED_CHARS_MAX]}…" if len(said) > _QUOTED_CHARS_MAX else said
