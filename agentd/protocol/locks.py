"""Resource locks on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from agentd.core import limits
from agentd.core.states import LockMode
from agentd.protocol.fields import (
    JsonObject,
    Key,
    LeaseSecs,
    LeaseText,
    Name,
    Namespace,
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

    owner: Name = "anonymous"
    provider: Name = "unknown"
    ttl_secs: LeaseSecs = limits.LOCK_TTL_SECS_DEFAULT
    metadata: JsonObject = Field(
        default_factory=dict, description="Shown to whoever is denied; a patch bundle, say."
    )
    mode: LockMode = LockMode.EXCLUSIVE
    namespace: Namespace = Field(
        default="", description="Keeps equal keys of two repositories apart."
    )
    wait_secs: WaitSecs = Field(default=0, description="Wait that long, first come first served.")
    if_held: IfHeld = IfHeld.NULL


class AcquireResourceLockParams(LockRequest):
    """One resource."""

    resource_key: Key
    lease_id: LeaseText | None = Field(
        default=None, description="Of the lock one already holds: renewed and returned."
    )


class AcquireResourceLocksParams(LockRequest):
    """Several resources, all or none."""

    resource_keys: Annotated[
        list[Key], Field(min_length=1, max_length=limits.LOCKS_PER_REQUEST_MAX)
    ]


class LockInfo(Result):
    """A lock as anybody may see it: without its lease id."""

    resource_key: str
    namespace: str
    owner: str
    provider: str
    mode: LockMode
    fencing_token: int
    acquired_at: Timestamp
    expires_at: UnixTime
    metadata: JsonObject


class GrantedLock(LockInfo):
    """A lock as its holder sees it."""

    lease_id: str


class LockDenied(Result):
    """Somebody else holds the resource."""

    granted: Literal[False] = False
    holder: LockInfo = Field(description="Of several, the one whose lock ends last.")


class GrantedLocks(Result):
    """All the locks asked for."""

    locks: list[GrantedLock] = Field(description="In the order of `resource_keys`.")


class HeartbeatResourceLockParams(WriteParams):
    """A sign of life of a lock's holder."""

    resource_key: Key
    lease_id: LeaseText
    ttl_secs: LeaseSecs = limits.LOCK_TTL_SECS_DEFAULT
    metadata: JsonObject | None = Field(default=None, description="Replaces the lock's metadata.")


class HeartbeatResourceLockResult(Result):
    """The lock's new end."""

    ok: Literal[True] = True
    expires_at: UnixTime


class ReleaseResourceLockParams(WriteParams):
    """A lock given back."""

    resource_key: Key
    lease_id: LeaseText


class ReleaseResourceLockResult(Result):
    """Done."""

    ok: Literal[True] = True


class ListResourceLocksParams(Params):
    """Which locks."""

    prefix: str | None = Field(default=None, max_length=limits.RESOURCE_KEY_CHARS_MAX)
    namespace: Namespace | None = Field(default=None, description="Left out: of all namespaces.")
    owner: Name | None = None


class ListResourceLocksResult(Result):
    """The live locks, ordered by namespace and key."""

    locks: list[LockInfo]
