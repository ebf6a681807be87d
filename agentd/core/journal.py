"""The events that the daemon itself writes: which action, about what, with which payload.

Every transition has its one constructor here, so that an event says the same wherever it comes
from. No event carries a lease id: a lease id is a capability and the journal is for everybody.
Payloads are JSON text, because what a client stored is embedded as it came. Pure.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from agentd.core.leases import NodeLease
from agentd.core.locks import Lock
from agentd.core.states import Action, AttemptOutcome, LockState


class NewEvent(NamedTuple):
    """An event before it has its place in the journal."""

    action_type: str
    payload: str
    """JSON text."""
    resource_key: str | None = None
    owner: str | None = None
    provider: str | None = None
    task_pk: int | None = None
    node_pk: int | None = None


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def task_registered(task_pk: int, goal: str, node_count: int) -> NewEvent:
    """A task came into being."""
    payload = _json({"goal": goal, "node_count": node_count})
    return NewEvent(Action.TASK_REGISTERED.value, payload, task_pk=task_pk)


def task_cancelled(task_pk: int, reason: str, cancelled: int, running: int) -> NewEvent:
    """A task was called off: so many nodes failed at once, so many workers go on for now."""
    payload = _json({"reason": reason, "cancelled_nodes": cancelled, "running_nodes": running})
    return NewEvent(Action.TASK_CANCELLED.value, payload, task_pk=task_pk)


def node_cancelled(task_pk: int, node_pk: int, reason: str) -> NewEvent:
    """A node that nobody had started will never run."""
    payload = _json({"reason": "cancelled", "message": reason})
    return NewEvent(Action.NODE_CANCELLED.value, payload, task_pk=task_pk, node_pk=node_pk)


def _of_node(action: Action, lease: NodeLease, payload: dict[str, Any]) -> NewEvent:
    return NewEvent(
        action.value,
        _json({"attempt": lease.attempt, **payload}),
        None,
        lease.owner,
        lease.provider,
        lease.task_pk,
        lease.node_pk,
    )


def node_acquired(lease: NodeLease) -> NewEvent:
    """Somebody started an attempt."""
    return _of_node(Action.NODE_ACQUIRED, lease, {"lease_expires_at": lease.expires_at})


def node_completed(lease: NodeLease, result_payload: str) -> NewEvent:
    """An attempt produced the node's result."""
    content = {"result_payload": orjson.Fragment(result_payload)}
    return _of_node(Action.NODE_COMPLETED, lease, content)


def node_not_done(lease: NodeLease, error_payload: str, outcome: AttemptOutcome) -> NewEvent:
    """An attempt was given up: the node FAILED for good, or waits for the next attempt."""
    action = Action.NODE_RETRIED if outcome is AttemptOutcome.RETRIED else Action.NODE_FAILED
    return _of_node(action, lease, {"error_payload": orjson.Fragment(error_payload)})


def node_expired(lease: NodeLease) -> NewEvent:
    """A lease ran out."""
    return _of_node(Action.NODE_EXPIRED, lease, {"expired_at": lease.expires_at})


_LOCK_ACQUIRED = Action.LOCK_ACQUIRED.value  # Looked up once: there are thousands a second.
_LOCK_RENEWED = Action.LOCK_RENEWED.value
_LOCK_ENDS = {
    LockState.RELEASED: Action.LOCK_RELEASED.value,
    LockState.EXPIRED: Action.LOCK_EXPIRED.value,
}


def lock_acquired(lock: Lock) -> NewEvent:
    """Somebody holds a resource."""
    return _of_lock(_LOCK_ACQUIRED, lock)


def lock_renewed(lock: Lock) -> NewEvent:
    """A holder says something new about the lock."""
    return _of_lock(_LOCK_RENEWED, lock)


def lock_ended(lock: Lock, state: LockState) -> NewEvent:
    """A resource was given back, or its lease ran out."""
    return _of_lock(_LOCK_ENDS[state], lock)


def _of_lock(action_type: str, lock: Lock) -> NewEvent:
    payload = _json(
        {
            "namespace": lock.namespace,
            "mode": lock.mode,
            "fencing_token": lock.fencing_token,
            "expires_at": lock.expires_at,
            "metadata": orjson.Fragment(lock.metadata),
        }
    )
    return NewEvent(action_type, payload, lock.resource_key, lock.owner, lock.provider)


def conflict_found(
    task_pk: int, node_pk: int, owner: str, provider: str, payload: dict[str, Any]
) -> NewEvent:
    """A review found that the bundle of a node conflicts with another."""
    return NewEvent(Action.CONFLICT.value, _json(payload), None, owner, provider, task_pk, node_pk)


def decided(
    task_pk: int | None,
    node_pk: int | None,
    owner: str | None,
    provider: str | None,
    payload: dict[str, Any],
) -> NewEvent:
    """A review decided about a bundle."""
    return NewEvent(Action.DECISION.value, _json(payload), None, owner, provider, task_pk, node_pk)
