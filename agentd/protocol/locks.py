"""Resource locks on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from agentd.core import limits
from agentd.core.states import LockMode
from agentd.protocol.fields import (
    Cursor,
    JsonObject,
    Key,
    LeaseSecs,
    LeaseText,
    Name,
    Namespace,
    PageLimit,
    Params,
    Result,
    Timestamp,
    UnixTime,
    WaitSecs,
    WriteParams,
)


class IfHeld(StrEnum):
    """What a denied request is answered with."""

    NULL = "null"
    HOLDER = "holder"


class LockRequest(WriteParams):
    """Who wants a lock, for how long, and what to say about it."""

    owner: Name = Field(default="anonymous", description="The worker's name.")
    provider: Name = Field(default="unknown", description="Whose agent the worker is.")
    ttl_secs: LeaseSecs = Field(
        default=limits.LOCK_TTL_SECS_DEFAULT,
        description="How long the lock lasts without a heartbeat.",
    )
    metadata: JsonObject = Field(
        default_factory=dict, description="Shown to whoever is denied; a patch bundle, say."
    )
    mode: LockMode = Field(
        default=LockMode.EXCLUSIVE, description="Shared locks get along with shared ones."
    )
    namespace: Namespace = Field(
        default="", description="Keeps equal keys of two repositories apart."
    )
    wait_secs: WaitSecs = Field(default=0, description="Wait that long, first come first served.")
    if_held: IfHeld = Field(
        default=IfHeld.NULL, description="`holder`: a denied request is told who holds it."
    )


class AcquireResourceLockParams(LockRequest):
    """One resource."""

    resource_key: Key = Field(description="The resource.")
    lease_id: LeaseText | None = Field(
        default=None, description="Of the lock one already holds: renewed and returned."
    )


class AcquireResourceLocksParams(LockRequest):
    """Several resources, all or none."""

    resource_keys: Annotated[
        list[Key], Field(min_length=1, max_length=limits.LOCKS_PER_REQUEST_MAX)
    ] = Field(description="The resources.")


class LockInfo(Result):
    """A lock as anybody may see it: without its lease id."""

    resource_key: str = Field(description="The resource, normalised.")
    namespace: str = Field(description="The namespace of the key.")
    owner: str = Field(description="Who holds it.")
    provider: str = Field(description="Whose agent that is.")
    mode: LockMode = Field(description="Exclusive or shared.")
    fencing_token: int = Field(description="Greater than that of every lock granted before.")
    acquired_at: Timestamp = Field(description="When it was granted.")
    expires_at: UnixTime
    metadata: JsonObject = Field(description="What the holder says about it.")


class GrantedLock(LockInfo):
    """A lock as its holder sees it."""

    lease_id: str = Field(description="To be shown with heartbeat and release.")


class LockDenied(Result):
    """Somebody else holds the resource."""

    granted: Literal[False] = False
    holder: LockInfo = Field(description="Of several, the one whose lock ends last.")


class GrantedLocks(Result):
    """All the locks asked for."""

    locks: list[GrantedLock] = Field(description="In the order of `resource_keys`.")


class HeartbeatResourceLockParams(WriteParams):
    """A sign of life of a lock's holder."""

    resource_key: Key = Field(description="The resource.")
    lease_id: LeaseText = Field(description="From AcquireResourceLock.")
    ttl_secs: LeaseSecs = Field(
        default=limits.LOCK_TTL_SECS_DEFAULT, description="How long the lock lasts from now on."
    )
    metadata: JsonObject | None = Field(default=None, description="Replaces the lock's metadata.")


class HeartbeatResourceLockResult(Result):
    """The lock's new end."""

    ok: Literal[True] = True
    expires_at: UnixTime


class ReleaseResourceLockParams(WriteParams):
    """A lock given back."""

    resource_key: Key = Field(description="The resource.")
    lease_id: LeaseText = Field(description="From AcquireResourceLock.")


class ReleaseResourceLockResult(Result):
    """Done."""

    ok: Literal[True] = True


class ListResourceLocksParams(Params):
    """Which locks."""

    prefix: str | None = Field(
        default=None,
        max_length=limits.RESOURCE_KEY_CHARS_MAX,
        description="Only keys that begin so.",
    )
    namespace: Namespace | None = Field(default=None, description="Left out: of all namespaces.")
    owner: Name | None = Field(default=None, description="Only locks of this worker.")
    limit: PageLimit | None = Field(
        default=None,
        description="Most locks to return. Without it and `cursor`: all of them in one line.",
    )
    cursor: Cursor | None = Field(default=None, description="`next_cursor` of the page before.")


class ListResourceLocksResult(Result):
    """The live locks, ordered by key and namespace."""

    locks: list[LockInfo] = Field(description="Those that have not expired.")
    next_cursor: str | None = Field(
        default=None,
        description="In a page: pass it as `cursor` to go on; null: this was the last one.",
    )
