"""AcquireNextNode, HeartbeatNode, CompleteNode, FailNode: the life of a node's lease.

A lapsed lease is refused, and a lapsed node is rolled back before its task is searched, so it
never matters when a sweep ran.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson

from agentd.core import journal
from agentd.core.clock import Instant, expiry, has_passed
from agentd.core.dag import first_in_line, satisfies, task_state
from agentd.core.ids import LeaseId, NodeId, TaskId
from agentd.core.leases import AfterAttempt, EndedLease, NodeLease, after_attempt, refusal
from agentd.core.operations.context import execution_context
from agentd.core.operations.recording import json_text, record
from agentd.core.operations.transaction import Transaction
from agentd.core.states import AttemptOutcome, NodeStatus, TaskState
from agentd.core.storage import attempts, nodes, tasks
from agentd.errors import NotFound
from agentd.protocol.nodes import (
    AcquireNextNodeParams,
    CompleteNodeParams,
    FailNodeParams,
    HeartbeatNodeParams,
    LeaseParams,
)

CANCELLED_PAYLOAD = '{"reason":"cancelled"}'


def acquire_next_node(
    tx: Transaction, params: AcquireNextNodeParams, now: Instant
) -> dict[str, Any] | None:
    """Leases the first runnable node that the worker is capable of; None when there is none."""
    connection = tx.connection
    tx.effects.count("acquire_attempts")
    task_pk = None if params.task_id is None else _task_pk(tx, TaskId(params.task_id))
    expire_lapsed(tx, task_pk, now)
    node_pk = _first_runnable(tx, task_pk, frozenset(params.capabilities))
    if node_pk is None:
        return None
    node = nodes.by_pk(connection, node_pk)
    lease_secs = params.lease_secs or node.timeout_secs or tx.config.node_timeout_secs
    lease = NodeLease(
        node.pk,
        node.task_pk,
        LeaseId(tx.ids.new_ordered()),
        params.lease_owner,
        params.provider,
        node.attempts + 1,
        now,
        expiry(tx.begun, lease_secs),
    )
    nodes.start(connection, lease, lease_secs)
    record(tx, journal.node_acquired(lease), now)
    tx.effects.expires(lease.expires_at)
    tx.effects.count("acquired_nodes")
    return {
        "task_id": node.task_id,
        "node_id": node.id,
        "lease_id": lease.lease_id,
        "lease_owner": lease.owner,
        "lease_expires_at": lease.expires_at,
        "attempt": lease.attempt,
        "context": execution_context(tx, node, lease),
    }


def expire_lapsed(tx: Transaction, task_pk: int | None, now: Instant) -> None:
    """Rolls back every node of a task, or of any, whose lease has run out."""
    for lapsed in nodes.lapsed(tx.connection, now, task_pk=task_pk):
        expire_node(tx, lapsed, now)


def _first_runnable(
    tx: Transaction, task_pk: int | None, capabilities: frozenset[str]
) -> int | None:
    found = (
        nodes.first_runnable(tx.connection, task_pk, requires)
        for requires in nodes.runnable_requirements(tx.connection, task_pk)
        if satisfies(capabilities, requires)
    )
    first = first_in_line(candidate for candidate in found if candidate is not None)
    return None if first is None else first.node_pk


def _task_pk(tx: Transaction, task_id: TaskId) -> int:
    task_pk = tasks.pk_of(tx.connection, task_id)
    if task_pk is None:
        raise NotFound("task_not_found", f"there is no task {task_id}")
    return task_pk


def find_node(tx: Transaction, task_id: TaskId, node_id: NodeId) -> nodes.Node:
    """The node of a task. Raises `NotFound`."""
    node = nodes.by_id(tx.connection, node_id)
    if node is None or node.task_id != task_id:
        _task_pk(tx, task_id)
        raise NotFound("node_not_found", f"task {task_id} has no node {node_id}")
    return node


def current_lease(
    tx: Transaction, node: nodes.Node, shown: LeaseId, now: Instant, ended: EndedLease | None
) -> NodeLease:
    """The node's lease if it is the one shown. Raises `LeaseLost` or `InvalidState`."""
    lease = node.lease
    error = refusal(
        node_id=node.id,
        status=NodeStatus(node.status),
        current=lease,
        shown=shown,
        ended=ended,
        now=now,
    )
    if error is not None:
        raise error
    assert lease is not None  # What is not there is refused.
    return lease


def ended_lease(tx: Transaction, node: nodes.Node, shown: LeaseId) -> EndedLease | None:
    """What is remembered under the shown lease, unless it is the node's running one."""
    if node.lease_id == shown:
        return None
    return attempts.find(tx.connection, shown, node.pk)


def heartbeat_node(tx: Transaction, params: HeartbeatNodeParams, now: Instant) -> dict[str, Any]:
    """Extends the lease, and tells whether the task was cancelled."""
    node = find_node(tx, TaskId(params.task_id), NodeId(params.node_id))
    shown = params.lease_id
    lease = current_lease(tx, node, shown, now, ended_lease(tx, node, shown))
    lease_secs = params.lease_secs or node.lease_secs or tx.config.node_timeout_secs
    expires_at = expiry(tx.begun, lease_secs)
    nodes.extend(tx.connection, lease, expires_at, now)
    tx.effects.expires(expires_at)
    tx.effects.count("heartbeats")
    return {
        "ok": True,
        "lease_expires_at": expires_at,
        "cancel_requested": node.task_cancelled_at is not None,
    }


def complete_node(tx: Transaction, params: CompleteNodeParams, now: Instant) -> dict[str, Any]:
    """Ends the lease with the node's result and opens what waited for it."""
    result_payload = json_text(tx, params.result_payload, "result_payload")
    digest = _digest("completed", params.result_payload)
    node, ended = _node_and_ended(tx, params)
    if ended is not None and ended.content_digest == digest:
        return _first_answer(ended)
    lease = current_lease(tx, node, params.lease_id, now, ended)
    event_id, _ = record(tx, journal.node_completed(lease, result_payload), now)
    unblocked = nodes.complete(tx.connection, node.pk, result_payload, now)
    if unblocked:
        tx.effects.runnable.add(node.task_id)
    tx.effects.count("completed_nodes")
    # Whether the task is finished must not depend on whether a sweep has seen the others.
    expire_lapsed(tx, node.task_pk, now)
    task = tasks.by_pk(tx.connection, node.task_pk)
    finished = task_state(task.counts, task.unreachable) is not TaskState.ACTIVE
    answer = {"event_id": event_id, "unblocked": unblocked, "task_finished": finished}
    _keep_end(tx, lease, AttemptOutcome.COMPLETED, now, digest, answer)
    return answer


def fail_node(tx: Transaction, params: FailNodeParams, now: Instant) -> dict[str, Any]:
    """Ends the lease without a result: FAILED, or PENDING again where that was asked for."""
    error_payload = json_text(tx, params.error_payload, "error_payload")
    digest = _digest("retry" if params.retryable else "failed", params.error_payload)
    node, ended = _node_and_ended(tx, params)
    if ended is not None and ended.content_digest == digest:
        return _first_answer(ended)
    lease = current_lease(tx, node, params.lease_id, now, ended)
    spent = node.spent_attempts + (1 if params.retryable else 0)
    again = params.retryable and _after(node, spent) is AfterAttempt.AGAIN
    outcome = AttemptOutcome.RETRIED if again else AttemptOutcome.FAILED
    event_id, _ = record(tx, journal.node_not_done(lease, error_payload, outcome), now)
    if again:
        _roll_back(tx, node, spent, error_payload, now)
    else:
        _fail(tx, node, spent, error_payload, now)
    status = NodeStatus.PENDING if again else NodeStatus.FAILED
    answer = {"event_id": event_id, "status": status.value, "attempts": node.attempts}
    _keep_end(tx, lease, outcome, now, digest, answer)
    return answer


def expire_node(tx: Transaction, node: nodes.Node, now: Instant) -> None:
    """Rolls a node back whose lease has run out, or fails it where it may not start again."""
    lease = node.lease
    assert lease is not None  # Only RUNNING nodes lapse.
    assert has_passed(lease.expires_at, now)
    record(tx, journal.node_expired(lease), now)
    attempts.insert(tx.connection, lease, AttemptOutcome.EXPIRED, now)
    tx.effects.count("timeout_rollbacks")
    spent = node.spent_attempts + 1
    match _after(node, spent):
        case AfterAttempt.AGAIN:
            _roll_back(tx, node, spent, None, now)
        case AfterAttempt.EXHAUSTED:
            payload = orjson.dumps(
                {"reason": "attempts_exhausted", "max_attempts": node.max_attempts}
            ).decode()
            record(tx, journal.node_not_done(lease, payload, AttemptOutcome.FAILED), now)
            _fail(tx, node, spent, payload, now)
        case AfterAttempt.CANCELLED:
            record(tx, journal.node_cancelled(node.task_pk, node.pk, "the lease ran out"), now)
            _fail(tx, node, spent, CANCELLED_PAYLOAD, now)


def _after(node: nodes.Node, spent_attempts: int) -> AfterAttempt:
    return after_attempt(
        spent_attempts=spent_attempts,
        max_attempts=node.max_attempts,
        task_cancelled=node.task_cancelled_at is not None,
    )


def _roll_back(
    tx: Transaction, node: nodes.Node, spent: int, error_payload: str | None, now: Instant
) -> None:
    nodes.roll_back(
        tx.connection, node.pk, spent_attempts=spent, error_payload=error_payload, now=now
    )
    tx.effects.runnable.add(node.task_id)


def _fail(tx: Transaction, node: nodes.Node, spent: int, error_payload: str, now: Instant) -> None:
    nodes.fail(tx.connection, node.pk, spent_attempts=spent, error_payload=error_payload, now=now)
    tx.effects.count("failed_nodes")


def _node_and_ended(tx: Transaction, params: LeaseParams) -> tuple[nodes.Node, EndedLease | None]:
    node = find_node(tx, TaskId(params.task_id), NodeId(params.node_id))
    return node, ended_lease(tx, node, params.lease_id)


def _first_answer(ended: EndedLease) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(ended.answer or "null")
    return answer


def _keep_end(
    tx: Transaction,
    lease: NodeLease,
    outcome: AttemptOutcome,
    now: Instant,
    digest: bytes,
    answer: dict[str, Any],
) -> None:
    attempts.insert(
        tx.connection,
        lease,
        outcome,
        now,
        content_digest=digest,
        answer=orjson.dumps(answer).decode(),
    )


def _digest(end: str, payload: Any) -> bytes:
    """Tells the contents of two requests apart; the order of an object's members is no content."""
    text = orjson.dumps([end, payload], option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=16).digest()
