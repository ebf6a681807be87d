"""Who may hold a resource: which locks exclude a request, and what a shown lease is worth.

Shared locks share with shared ones; an exclusive lock excludes every lock whose key overlaps its
own, in the same namespace. Several keys of one request are one holder's and never exclude one
another. Pure: the storage finds the locks that overlap, these rules judge them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from agentd.core.clock import Instant, UnixSeconds, has_passed
from agentd.core.ids import LeaseId, numbered_id
from agentd.core.resource_keys import ResourceKey
from agentd.core.states import LockMode, LockState
from agentd.errors import AgentdError, LeaseLost, NotFound

_LIVE: Final = LockState.LIVE


class Lock(NamedTuple):
    """A lock as it is stored, live or ended. A plain tuple: one is made for each request."""

    fencing_token: int
    lease_secret: str
    """What follows the fencing token in the lease id."""
    namespace: str
    resource_key: ResourceKey
    mode: str
    owner: str
    provider: str
    state: str
    acquired_at: Instant
    expires_at: UnixSeconds
    metadata: str
    """JSON text."""

    @property
    def lease_id(self) -> LeaseId:
        """The lease, which its holder alone is told."""
        return LeaseId(numbered_id(self.fencing_token, self.lease_secret))


def has_lapsed(lock: Lock, now: Instant) -> bool:
    """Whether a live lock's lease has run out, whatever the table says."""
    return has_passed(lock.expires_at, now)


def excludes(held: Lock, mode: LockMode) -> bool:
    """Whether a lock on an overlapping key keeps out a request of this mode."""
    return mode is LockMode.EXCLUSIVE or held.mode == LockMode.EXCLUSIVE


def last_to_end(blockers: Iterable[Lock]) -> Lock:
    """The one to name to whoever is denied: before its lease ends, nothing can be granted."""
    return max(blockers, key=lambda lock: (lock.expires_at, lock.fencing_token))


def refusal(
    lock: Lock | None, resource_key: ResourceKey, now: Instant, *, held_by_another: bool
) -> AgentdError | None:
    """Why the lease that a caller shows for a key is not the current one; None if it is.

    `lock` is what is stored under the lease, for this key; `held_by_another` tells whether a live
    lock of somebody else has taken its place.
    """
    if lock is not None and lock.state == LockState.RELEASED:
        return LeaseLost(
            "lease_released", f"the lock of {resource_key} was released with this lease"
        )
    if lock is not None and is_current(lock, now):
        return None
    if held_by_another:
        return LeaseLost("stale_lease", f"{resource_key} is held under another lease")
    if lock is not None:
        return LeaseLost(
            "lease_expired",
            f"the lock of {resource_key} expired at {lock.expires_at}",
            expired_at=lock.expires_at,
        )
    return NotFound("lock_not_found", f"there is no lock of {resource_key} under this lease")


def is_current(lock: Lock, now: Instant) -> bool:
    """Whether the lock is held, whatever a sweep may have seen."""
    return lock.state == _LIVE and not has_lapsed(lock, now)
