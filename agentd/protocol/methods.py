"""The one table of methods: what the server validates, the clients call and the docs describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from re import sub
from typing import Any

from pydantic import TypeAdapter

from agentd.errors import MethodNotFound
from agentd.protocol import decisions, journal, locks, nodes, service, tasks
from agentd.protocol.examples import EXAMPLES, Example
from agentd.protocol.fields import Params, WriteParams


class Access(StrEnum):
    """What a method does to the state."""

    READ = "read"
    WRITE = "write"
    LOCAL = "local"
    """Answered by the daemon itself, without its database's transactions."""


@dataclass(frozen=True)
class Method:
    """One method of the wire."""

    name: str
    family: str
    summary: str
    params: type[Params]
    result: Any
    """A type: a `Result` model, or a union of such with None."""
    access: Access
    reasons: tuple[str, ...] = ()
    """Error reasons of its own, besides those that every method can answer."""
    aliases: tuple[str, ...] = ()

    @property
    def snake_name(self) -> str:
        """`AcquireNextNode` as `acquire_next_node`: a name on the wire, too."""
        return sub(r"(?<!^)(?=[A-Z])", "_", self.name).lower()

    @property
    def waits(self) -> bool:
        """Whether a call may wait, and then answers out of order."""
        return "wait_secs" in self.params.model_fields

    @cached_property
    def result_adapter(self) -> TypeAdapter[Any]:
        """Validates what the method returns, and knows its JSON Schema."""
        return TypeAdapter(self.result)

    @property
    def example(self) -> Example:
        """A request's params and what they are answered with."""
        return EXAMPLES[self.name]


COMMON_REASONS = ("invalid_field", "unknown_field", "database_busy", "shutting_down", "bug")
"""Reasons with which every method may answer."""

WRITE_REASONS = ("idempotency_mismatch", "disk_full")
"""Reasons with which every method that writes may answer."""

_LEASE_REASONS = (
    "task_not_found",
    "node_not_found",
    "stale_lease",
    "lease_expired",
    "lease_released",
    "node_not_running",
)

_ALL = (
    Method(
        "RegisterTask",
        "tasks",
        "Create a task and its DAG of nodes.",
        tasks.RegisterTaskParams,
        tasks.RegisterTaskResult,
        Access.WRITE,
        (
            "dependency_cycle",
            "unknown_dependency",
            "duplicate_node",
            "ttl_out_of_range",
            "id_in_use",
            "too_many_nodes",
            "payload_too_large",
        ),
    ),
    Method(
        "AcquireNextNode",
        "nodes",
        "Lease the next runnable node; null when there is none.",
        nodes.AcquireNextNodeParams,
        nodes.NodeLease | None,
        Access.WRITE,
        ("task_not_found", "ttl_out_of_range", "too_many_waiters"),
    ),
    Method(
        "HeartbeatNode",
        "nodes",
        "Extend a node's lease and learn whether the task was cancelled.",
        nodes.HeartbeatNodeParams,
        nodes.HeartbeatNodeResult,
        Access.WRITE,
        (*_LEASE_REASONS, "ttl_out_of_range"),
    ),
    Method(
        "CommitEvent",
        "journal",
        "Append an agent's own event to the journal.",
        journal.CommitEventParams,
        journal.CommitEventResult,
        Access.WRITE,
        (*_LEASE_REASONS, "payload_too_large"),
    ),
    Method(
        "CompleteNode",
        "nodes",
        "End a node's lease with its result.",
        nodes.CompleteNodeParams,
        nodes.CompleteNodeResult,
        Access.WRITE,
        (*_LEASE_REASONS, "payload_too_large"),
    ),
    Method(
        "FailNode",
        "nodes",
        "End a node's lease with an error, for good or to be tried again.",
        nodes.FailNodeParams,
        nodes.FailNodeResult,
        Access.WRITE,
        (*_LEASE_REASONS, "payload_too_large"),
    ),
    Method(
        "TaskStatus",
        "tasks",
        "Return a task with the state of its nodes: of all of them, or a page.",
        tasks.TaskStatusParams,
        tasks.TaskStatusResult,
        Access.READ,
        ("task_not_found",),
        aliases=("GetTaskStatus", "get_task_status"),
    ),
    Method(
        "ListTasks",
        "tasks",
        "List tasks, newest first.",
        tasks.ListTasksParams,
        tasks.ListTasksResult,
        Access.READ,
    ),
    Method(
        "CancelTask",
        "tasks",
        "Fail the nodes that have not started; running workers learn it at their next heartbeat.",
        tasks.CancelTaskParams,
        tasks.CancelTaskResult,
        Access.WRITE,
        ("task_not_found", "task_finished"),
    ),
    Method(
        "AcquireResourceLock",
        "locks",
        "Lease a resource such as `file:src/lib.rs`; null when somebody else holds it.",
        locks.AcquireResourceLockParams,
        locks.GrantedLock | locks.LockDenied | None,
        Access.WRITE,
        (
            "bad_resource_key",
            "ttl_out_of_range",
            "stale_lease",
            "lease_expired",
            "lease_released",
            "lock_not_found",
            "wait_cycle",
            "too_many_waiters",
            "payload_too_large",
        ),
    ),
    Method(
        "AcquireResourceLocks",
        "locks",
        "Lease several resources at once, all or none.",
        locks.AcquireResourceLocksParams,
        locks.GrantedLocks | locks.LockDenied | None,
        Access.WRITE,
        (
            "bad_resource_key",
            "ttl_out_of_range",
            "wait_cycle",
            "too_many_waiters",
            "payload_too_large",
        ),
    ),
    Method(
        "HeartbeatResourceLock",
        "locks",
        "Extend a lock's lease, and replace its metadata if asked to.",
        locks.HeartbeatResourceLockParams,
        locks.HeartbeatResourceLockResult,
        Access.WRITE,
        (
            "bad_resource_key",
            "ttl_out_of_range",
            "lock_not_found",
            "stale_lease",
            "lease_expired",
            "lease_released",
            "payload_too_large",
        ),
    ),
    Method(
        "ReleaseResourceLock",
        "locks",
        "Give a lock back.",
        locks.ReleaseResourceLockParams,
        locks.ReleaseResourceLockResult,
        Access.WRITE,
        ("bad_resource_key", "lock_not_found", "stale_lease", "lease_expired"),
    ),
    Method(
        "ListResourceLocks",
        "locks",
        "List the live locks: all of them, or a page.",
        locks.ListResourceLocksParams,
        locks.ListResourceLocksResult,
        Access.READ,
    ),
    Method(
        "ListEvents",
        "journal",
        "Read the journal, oldest first; with `wait_secs`, follow it.",
        journal.ListEventsParams,
        journal.ListEventsResult,
        Access.READ,
        ("bad_resource_key", "too_many_waiters"),
    ),
    Method(
        "RecordDecision",
        "decisions",
        "Keep a review's record, with a `decision` event for each bundle.",
        decisions.RecordDecisionParams,
        decisions.RecordDecisionResult,
        Access.WRITE,
        ("id_in_use",),
    ),
    Method(
        "ListDecisions",
        "decisions",
        "List review records, oldest first.",
        decisions.ListDecisionsParams,
        decisions.ListDecisionsResult,
        Access.READ,
    ),
    Method(
        "DescribeInterface",
        "service",
        "Return this interface: methods, schemas, errors, limits.",
        service.DescribeInterfaceParams,
        service.DescribeInterfaceResult,
        Access.LOCAL,
    ),
    Method(
        "Health",
        "service",
        "Check that daemon and database answer.",
        service.HealthParams,
        service.HealthResult,
        Access.READ,
    ),
    Method(
        "Metrics",
        "service",
        "Return runtime counters and gauges of the database.",
        service.MetricsParams,
        service.MetricsResult | service.MetricsText,
        Access.READ,
    ),
)

METHODS: Mapping[str, Method] = {method.name: method for method in _ALL}
"""Every method, by name, in the order of the documentation."""

_BY_ANY_NAME: Mapping[str, Method] = {
    name: method for method in _ALL for name in (method.name, method.snake_name, *method.aliases)
}


def find_method(name: str) -> Method:
    """The method of that name, its snake_case name or an alias. Raises `MethodNotFound`."""
    method = _BY_ANY_NAME.get(name)
    if method is not None:
        return method
    names = {any_name.lower(): method.name for any_name, method in _BY_ANY_NAME.items()}
    close = next((names[near] for near in get_close_matches(name[:100].lower(), names, n=1)), None)
    raise MethodNotFound(
        "unknown_method",
        f"no method is called {name[:100]!r}",
        hint=f"Did you mean `{close}`?" if close else None,
        did_you_mean=close,
    )


def reasons_of(method: Method) -> tuple[str, ...]:
    """Every error reason that the method may answer with."""
    writes = WRITE_REASONS if issubclass(method.params, WriteParams) else ()
    return (*method.reasons, *writes, *COMMON_REASONS)
