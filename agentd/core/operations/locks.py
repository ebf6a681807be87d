"""AcquireResourceLock(s), HeartbeatResourceLock, ReleaseResourceLock, ListResourceLocks.

A lapsed lock that is met on the way is expired in the same transaction, so it never matters when
a sweep ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from agentd.core import journal
from agentd.core.clock import Instant, UnixSeconds, expiry
from agentd.core.ids import LeaseId, numbered_tail
from agentd.core.limits import PAGE_ROWS_MAX
from agentd.core.locks import (
    Lock,
    excludes,
    has_lapsed,
    is_current,
    last_to_end,
    refusal,
)
from agentd.core.operations.cursors import cursor_at, position_cursor
from agentd.core.operations.recording import json_text, record
from agentd.core.operations.transaction import Blocker, Freed, Transaction
from agentd.core.resource_keys import ResourceKey, prefix_range
from agentd.core.states import LockMode, LockState
from agentd.core.storage import lock_listing, locks
from agentd.core.storage.database import Reader
from agentd.errors import InvalidParams
from agentd.protocol.locks import (
    AcquireResourceLockParams,
    AcquireResourceLocksParams,
    HeartbeatResourceLockParams,
    IfHeld,
    ListResourceLocksParams,
    LockRequest,
    ReleaseResourceLockParams,
)

# An enumeration's member and its value take a function call each time they are asked for.
_MODE_TEXTS: Final = {mode: mode.value for mode in LockMode}
_RELEASED: Final = LockState.RELEASED


def acquire_resource_lock(tx: Transaction, params: AcquireResourceLockParams, now: Instant) -> Any:
    """Grants a lock, renews the one whose lease is shown, or says no.

    Returns the wire's `GrantedLock`, `LockDenied` or None.
    """
    key = params.resource_key
    if params.lease_id is not None:
        return _renew_held(tx, params, key, params.lease_id, now)
    metadata = json_text(tx, params.metadata, "metadata")
    blockers = _blockers(tx, params, (key,), now)
    if blockers or tx.behind_waiter:
        return _denied(tx, params, blockers)
    return locks.granted_result(_grant(tx, params, key, metadata, now))


def acquire_resource_locks(
    tx: Transaction, params: AcquireResourceLocksParams, now: Instant
) -> Any:
    """Grants locks on all the keys or on none.

    Keys of one request that overlap do not exclude one another: each gets its lock. A key that is
    named twice gets one lock, which stands in the answer at both places.
    """
    metadata = json_text(tx, params.metadata, "metadata")
    keys = params.resource_keys
    distinct = tuple(dict.fromkeys(keys))
    blockers = _blockers(tx, params, distinct, now)
    if blockers or tx.behind_waiter:
        return _denied(tx, params, blockers)
    granted = {
        key: locks.granted_result(_grant(tx, params, key, metadata, now)) for key in distinct
    }
    return {"locks": [granted[key] for key in keys]}


def _blockers(
    tx: Transaction, request: LockRequest, keys: Sequence[ResourceKey], now: Instant
) -> list[Lock]:
    """The live locks that exclude the request; lapsed ones that are met are expired."""
    blockers: list[Lock] = []
    for key in keys:
        for held in tx.locks.overlapping(request.namespace, key):
            if has_lapsed(held, now):
                expire_lock(tx, held, now)
            elif excludes(held, request.mode):
                blockers.append(held)
    return blockers


def _denied(tx: Transaction, request: LockRequest, blockers: list[Lock]) -> Any:
    if not request.wait_secs:
        tx.effects.count("locks_denied")
    tx.effects.blockers = tuple(
        dict.fromkeys(Blocker(held.owner, held.expires_at) for held in blockers)
    )
    if not blockers or request.if_held is IfHeld.NULL:
        return None
    return {"granted": False, "holder": locks.info_result(last_to_end(blockers))}


def _grant(
    tx: Transaction, request: LockRequest, key: ResourceKey, metadata: str, now: Instant
) -> Lock:
    expires_at = expiry(tx.begun, request.ttl_secs)
    mode = _MODE_TEXTS[request.mode]
    namespace, owner, provider = request.namespace, request.owner, request.provider
    secret = numbered_tail(tx.ids.new_ordered())
    lock = tx.locks.insert(secret, namespace, key, mode, owner, provider, now, expires_at, metadata)
    record(tx, journal.lock_acquired(lock), now)
    tx.effects.expires(expires_at)
    tx.effects.count("locks_granted")
    return lock


def _find(tx: Transaction, key: ResourceKey, lease_id: LeaseId) -> Lock | None:
    """What is stored of a key's lease."""
    lock = tx.locks.by_lease(lease_id)
    return lock if lock is not None and lock.resource_key == key else None


def _current(
    tx: Transaction,
    lock: Lock | None,
    key: ResourceKey,
    now: Instant,
    *,
    namespace: str | None = None,
) -> Lock:
    """The lock if the shown lease is its current one. Raises `LeaseLost` or `NotFound`."""
    if lock is None:
        held_by_another = tx.locks.is_held(key, namespace, now)
    elif is_current(lock, now):
        return lock
    else:
        held_by_another = tx.locks.is_replaced(lock, now)
    error = refusal(lock, key, now, held_by_another=held_by_another)
    assert error is not None  # What is current was returned above.
    raise error


def _renew_held(
    tx: Transaction,
    params: AcquireResourceLockParams,
    key: ResourceKey,
    lease_id: LeaseId,
    now: Instant,
) -> dict[str, Any]:
    given = params.model_fields_set
    found = _find(tx, key, lease_id)
    namespace = params.namespace if "namespace" in given else None
    if found is not None and namespace is not None and found.namespace != namespace:
        found = None
    lock = _current(tx, found, key, now, namespace=namespace)
    if "mode" in given and params.mode != lock.mode:
        raise InvalidParams(
            "invalid_field",
            f"the lock of {key} is {lock.mode} and a renewal does not change that",
            hint="Release it and acquire it again in the other mode.",
            path="mode",
            rule=f"must be {lock.mode}, the mode of the lock that is renewed",
        )
    metadata = params.metadata if "metadata" in given else None
    renewed = _renew(tx, lock, metadata, expiry(tx.begun, params.ttl_secs), now)
    return locks.granted_result(renewed)


def _renew(
    tx: Transaction,
    lock: Lock,
    metadata: dict[str, Any] | None,
    expires_at: UnixSeconds,
    now: Instant,
) -> Lock:
    """Moves a lock's end; new metadata is an event, a mere sign of life is not."""
    tx.effects.expires(expires_at)
    tx.effects.count("heartbeats")
    text = lock.metadata if metadata is None else json_text(tx, metadata, "metadata")
    renewed = lock._replace(expires_at=expires_at, metadata=text)
    if text == lock.metadata:
        tx.locks.renew(renewed)
    else:
        tx.locks.rewrite(renewed)
        record(tx, journal.lock_renewed(renewed), now)
    return renewed


def heartbeat_resource_lock(
    tx: Transaction, params: HeartbeatResourceLockParams, now: Instant
) -> dict[str, Any]:
    """Extends a lock, and replaces its metadata if there is some in the request."""
    key, lease_id = params.resource_key, params.lease_id
    lock = _current(tx, _find(tx, key, lease_id), key, now)
    expires_at = expiry(tx.begun, params.ttl_secs)
    _renew(tx, lock, params.metadata, expires_at, now)
    return {"ok": True, "expires_at": expires_at}


def release_resource_lock(
    tx: Transaction, params: ReleaseResourceLockParams, now: Instant
) -> dict[str, Any]:
    """Ends a lock. A repeated release is answered like the first."""
    key, lease_id = params.resource_key, params.lease_id
    found = _find(tx, key, lease_id)
    if found is not None and found.state == _RELEASED:
        return {"ok": True}
    lock = _current(tx, found, key, now)
    _end(tx, lock, _RELEASED, now)
    return {"ok": True}


def expire_lock(tx: Transaction, lock: Lock, now: Instant) -> None:
    """Ends a lock whose lease has run out."""
    _end(tx, lock, LockState.EXPIRED, now)
    tx.effects.count("locks_expired")


def _end(tx: Transaction, lock: Lock, state: LockState, now: Instant) -> None:
    tx.locks.end(lock, state, now)
    record(tx, journal.lock_ended(lock, state), now)
    tx.effects.freed.append(Freed(lock.namespace, lock.resource_key))


async def list_resource_locks(
    reader: Reader, params: ListResourceLocksParams, now: Instant
) -> dict[str, Any]:
    """Lists the locks held now, all of them or a page, ordered by key and namespace."""
    in_pages = params.limit is not None or params.cursor is not None
    limit = params.limit or PAGE_ROWS_MAX
    query = lock_listing.list_query(
        now=now,
        key_range=prefix_range(params.prefix) if params.prefix else None,
        namespace=params.namespace,
        owner=params.owner,
        after=None if params.cursor is None else position_cursor(params.cursor),
        limit=limit + 1 if in_pages else None,
    )
    async with reader.snapshot() as connection:
        if not in_pages:
            held = await lock_listing.read_list(connection, query)
            return {"locks": [locks.info_result(lock) for lock in held]}
        held, is_full = await lock_listing.read_page(connection, query)
    page = held[:limit]
    goes_on = is_full or len(held) > limit
    return {
        "locks": [locks.info_result(lock) for lock in page],
        "next_cursor": cursor_at(lock_listing.Position.of(page[-1])) if goes_on else None,
    }
