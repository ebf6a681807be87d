"""Which operation serves which method of the wire: what the dispatcher looks up.

Health and Metrics are not here: they tell of the running daemon, and get the database's part from
`core.storage.gauges`. DescribeInterface needs no database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from agentd.core.clock import Instant
from agentd.core.operations import decisions, journal, locks, nodes, registration, tasks
from agentd.core.operations.transaction import Transaction
from agentd.core.storage.database import Reader

WriteOperation: TypeAlias = Callable[[Transaction, Any, Instant], Any]
"""Carried out by the writer; the params are of the method's own model."""

ReadOperation: TypeAlias = Callable[[Reader, Any, Instant], Awaitable[Any]]
"""Runs in the event loop, on a snapshot."""

WRITES: Mapping[str, WriteOperation] = {
    "RegisterTask": registration.register_task,
    "CancelTask": tasks.cancel_task,
    "AcquireNextNode": nodes.acquire_next_node,
    "HeartbeatNode": nodes.heartbeat_node,
    "CompleteNode": nodes.complete_node,
    "FailNode": nodes.fail_node,
    "CommitEvent": journal.commit_event,
    "AcquireResourceLock": locks.acquire_resource_lock,
    "AcquireResourceLocks": locks.acquire_resource_locks,
    "HeartbeatResourceLock": locks.heartbeat_resource_lock,
    "ReleaseResourceLock": locks.release_resource_lock,
    "RecordDecision": decisions.record_decision,
}

BRIEF: frozenset[str] = frozenset(
    {
        "HeartbeatNode",
        "CommitEvent",
        "AcquireResourceLock",
        "HeartbeatResourceLock",
        "ReleaseResourceLock",
    }
)
"""Those of them that touch a few rows, however large a task is: they may run on the event loop."""

READS: Mapping[str, ReadOperation] = {
    "TaskStatus": tasks.task_status,
    "ListTasks": tasks.list_tasks,
    "ListResourceLocks": locks.list_resource_locks,
    "ListEvents": journal.list_events,
    "ListDecisions": decisions.list_decisions,
}
