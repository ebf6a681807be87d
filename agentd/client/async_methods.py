"""The methods of the asyncio client.

Written by `python -m tools.generate` from the METHODS table. Do not edit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentd.client.results import typed_result

if TYPE_CHECKING:
    from agentd.core.states import LockMode, TaskState
    from agentd.protocol.decisions import ListDecisionsResult, RecordDecisionResult, ReviewRecord
    from agentd.protocol.journal import CommitEventResult, ListEventsResult
    from agentd.protocol.locks import (
        GrantedLock,
        GrantedLocks,
        HeartbeatResourceLockResult,
        IfHeld,
        ListResourceLocksResult,
        LockDenied,
        ReleaseResourceLockResult,
    )
    from agentd.protocol.nodes import (
        CompleteNodeResult,
        FailNodeResult,
        HeartbeatNodeResult,
        NodeLease,
    )
    from agentd.protocol.service import (
        DescribeInterfaceResult,
        HealthResult,
        MetricsFormat,
        MetricsResult,
        MetricsText,
    )
    from agentd.protocol.tasks import (
        CancelTaskResult,
        ListTasksResult,
        NodeSpec,
        RegisterTaskResult,
        TaskStatusResult,
    )


class AsyncMethods(ABC):
    """A method for each of the wire's, with typed params and results.

    A param left out, or None, has the value that the daemon gives it. What the daemon answers with
    an error is raised as the exception of `agentd.errors`.
    """

    @abstractmethod
    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout_secs: float | None = None,
    ) -> Any:
        """Calls a method by its name and returns its result as plain JSON values."""

    async def register_task(
        self,
        *,
        goal: str,
        context: Mapping[str, Any] | None = None,
        initial_nodes: Sequence[NodeSpec | Mapping[str, Any]] | None = None,
        task_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> RegisterTaskResult:
        """Create a task and its DAG of nodes.

        goal: What the task is for; every worker is shown it.
        context: Whatever every worker should know; kept as it is. Default {}.
        initial_nodes: The nodes. None: a task that only collects events. Default [].
        task_id: Made by the daemon if left out.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "RegisterTask",
            {
                "goal": goal,
                "context": context,
                "initial_nodes": initial_nodes,
                "task_id": task_id,
                "idempotency_key": idempotency_key,
            },
        )
        result: RegisterTaskResult = typed_result("RegisterTask", answer)
        return result

    async def acquire_next_node(
        self,
        *,
        task_id: str | None = None,
        lease_owner: str | None = None,
        provider: str | None = None,
        capabilities: Sequence[str] | None = None,
        lease_secs: int | None = None,
        wait_secs: float | None = None,
        idempotency_key: str | None = None,
    ) -> NodeLease | None:
        """Lease the next runnable node; null when there is none.

        task_id: Left out: of any task.
        lease_owner: The worker's name. Default "anonymous".
        provider: Whose agent the worker is.
        capabilities: What the worker can do: it gets no node that `requires` more. Default [].
        lease_secs: Length of the lease; left out: the node's `timeout_secs` or the daemon's.
        wait_secs: Wait that long for a runnable node. Default 0.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "AcquireNextNode",
            {
                "task_id": task_id,
                "lease_owner": lease_owner,
                "provider": provider,
                "capabilities": capabilities,
                "lease_secs": lease_secs,
                "wait_secs": wait_secs,
                "idempotency_key": idempotency_key,
            },
        )
        result: NodeLease | None = typed_result("AcquireNextNode", answer)
        return result

    async def heartbeat_node(
        self,
        *,
        task_id: str,
        node_id: str,
        lease_id: str,
        lease_secs: int | None = None,
        idempotency_key: str | None = None,
    ) -> HeartbeatNodeResult:
        """Extend a node's lease and learn whether the task was cancelled.

        task_id: The node's task.
        node_id: The leased node.
        lease_id: From AcquireNextNode.
        lease_secs: From now on; left out: as long as the lease was made for.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "HeartbeatNode",
            {
                "task_id": task_id,
                "node_id": node_id,
                "lease_id": lease_id,
                "lease_secs": lease_secs,
                "idempotency_key": idempotency_key,
            },
        )
        result: HeartbeatNodeResult = typed_result("HeartbeatNode", answer)
        return result

    async def commit_event(
        self,
        *,
        task_id: str,
        node_id: str | None = None,
        lease_id: str | None = None,
        action_type: str | None = None,
        payload: Any = None,
        idempotency_key: str | None = None,
    ) -> CommitEventResult:
        """Append an agent's own event to the journal.

        task_id: The task that it is about.
        node_id: Left out: about the whole task.
        lease_id: Needed while the node is RUNNING.
        action_type: `intent`, `progress`, `result`, `conflict` or a name of your own that does
            not begin as the daemon's do (`task.`, `node.`, `lock.`, `session.`). Default
            "COMMIT_EVENT".
        payload: Anything; a patch bundle, say. Default {}.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "CommitEvent",
            {
                "task_id": task_id,
                "node_id": node_id,
                "lease_id": lease_id,
                "action_type": action_type,
                "payload": payload,
                "idempotency_key": idempotency_key,
            },
        )
        result: CommitEventResult = typed_result("CommitEvent", answer)
        return result

    async def complete_node(
        self,
        *,
        task_id: str,
        node_id: str,
        lease_id: str,
        result_payload: Any = None,
        idempotency_key: str | None = None,
    ) -> CompleteNodeResult:
        """End a node's lease with its result.

        task_id: The node's task.
        node_id: The leased node.
        lease_id: From AcquireNextNode.
        result_payload: What the node produced; workers of dependent nodes are shown it.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "CompleteNode",
            {
                "task_id": task_id,
                "node_id": node_id,
                "lease_id": lease_id,
                "result_payload": result_payload,
                "idempotency_key": idempotency_key,
            },
        )
        result: CompleteNodeResult = typed_result("CompleteNode", answer)
        return result

    async def fail_node(
        self,
        *,
        task_id: str,
        node_id: str,
        lease_id: str,
        error_payload: Any = None,
        retryable: bool | None = None,
        idempotency_key: str | None = None,
    ) -> FailNodeResult:
        """End a node's lease with an error, for good or to be tried again.

        task_id: The node's task.
        node_id: The leased node.
        lease_id: From AcquireNextNode.
        error_payload: What went wrong.
        retryable: false: FAILED for good. Default false.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "FailNode",
            {
                "task_id": task_id,
                "node_id": node_id,
                "lease_id": lease_id,
                "error_payload": error_payload,
                "retryable": retryable,
                "idempotency_key": idempotency_key,
            },
        )
        result: FailNodeResult = typed_result("FailNode", answer)
        return result

    async def task_status(
        self, *, task_id: str, limit: int | None = None, cursor: str | None = None
    ) -> TaskStatusResult:
        """Return a task with the state of its nodes: of all of them, or a page.

        task_id: The task to look at.
        limit: Most nodes to return. Without it and `cursor`: all of them in one line.
        cursor: `next_cursor` of the page before.
        """
        answer = await self.call(
            "TaskStatus", {"task_id": task_id, "limit": limit, "cursor": cursor}
        )
        result: TaskStatusResult = typed_result("TaskStatus", answer)
        return result

    async def list_tasks(
        self, *, state: TaskState | None = None, limit: int | None = None, cursor: str | None = None
    ) -> ListTasksResult:
        """List tasks, newest first.

        state: Left out: in any state.
        limit: Most tasks to return. Default 100.
        cursor: `next_cursor` of the page before.
        """
        answer = await self.call("ListTasks", {"state": state, "limit": limit, "cursor": cursor})
        result: ListTasksResult = typed_result("ListTasks", answer)
        return result

    async def cancel_task(
        self, *, task_id: str, reason: str | None = None, idempotency_key: str | None = None
    ) -> CancelTaskResult:
        """Fail the nodes that have not started; running workers learn it at their next heartbeat.

        task_id: The task to cancel.
        reason: Kept in the journal and as the nodes' error. Default "cancelled".
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "CancelTask", {"task_id": task_id, "reason": reason, "idempotency_key": idempotency_key}
        )
        result: CancelTaskResult = typed_result("CancelTask", answer)
        return result

    async def acquire_resource_lock(
        self,
        *,
        resource_key: str,
        owner: str | None = None,
        provider: str | None = None,
        ttl_secs: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        mode: LockMode | None = None,
        namespace: str | None = None,
        wait_secs: float | None = None,
        if_held: IfHeld | None = None,
        lease_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> GrantedLock | LockDenied | None:
        """Lease a resource such as `file:src/lib.rs`; null when somebody else holds it.

        resource_key: The resource.
        owner: The worker's name. Default "anonymous".
        provider: Whose agent the worker is. Default "unknown".
        ttl_secs: How long the lock lasts without a heartbeat. Default 300.
        metadata: Shown to whoever is denied; a patch bundle, say. Default {}.
        mode: Shared locks get along with shared ones. Default "exclusive".
        namespace: Keeps equal keys of two repositories apart. Default "".
        wait_secs: Wait that long, first come first served. Default 0.
        if_held: `holder`: a denied request is told who holds it. Default "null".
        lease_id: Of the lock one already holds: renewed and returned.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "AcquireResourceLock",
            {
                "resource_key": resource_key,
                "owner": owner,
                "provider": provider,
                "ttl_secs": ttl_secs,
                "metadata": metadata,
                "mode": mode,
                "namespace": namespace,
                "wait_secs": wait_secs,
                "if_held": if_held,
                "lease_id": lease_id,
                "idempotency_key": idempotency_key,
            },
        )
        result: GrantedLock | LockDenied | None = typed_result("AcquireResourceLock", answer)
        return result

    async def acquire_resource_locks(
        self,
        *,
        resource_keys: Sequence[str],
        owner: str | None = None,
        provider: str | None = None,
        ttl_secs: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        mode: LockMode | None = None,
        namespace: str | None = None,
        wait_secs: float | None = None,
        if_held: IfHeld | None = None,
        idempotency_key: str | None = None,
    ) -> GrantedLocks | LockDenied | None:
        """Lease several resources at once, all or none.

        resource_keys: The resources.
        owner: The worker's name. Default "anonymous".
        provider: Whose agent the worker is. Default "unknown".
        ttl_secs: How long the lock lasts without a heartbeat. Default 300.
        metadata: Shown to whoever is denied; a patch bundle, say. Default {}.
        mode: Shared locks get along with shared ones. Default "exclusive".
        namespace: Keeps equal keys of two repositories apart. Default "".
        wait_secs: Wait that long, first come first served. Default 0.
        if_held: `holder`: a denied request is told who holds it. Default "null".
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "AcquireResourceLocks",
            {
                "resource_keys": resource_keys,
                "owner": owner,
                "provider": provider,
                "ttl_secs": ttl_secs,
                "metadata": metadata,
                "mode": mode,
                "namespace": namespace,
                "wait_secs": wait_secs,
                "if_held": if_held,
                "idempotency_key": idempotency_key,
            },
        )
        result: GrantedLocks | LockDenied | None = typed_result("AcquireResourceLocks", answer)
        return result

    async def heartbeat_resource_lock(
        self,
        *,
        resource_key: str,
        lease_id: str,
        ttl_secs: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> HeartbeatResourceLockResult:
        """Extend a lock's lease, and replace its metadata if asked to.

        resource_key: The resource.
        lease_id: From AcquireResourceLock.
        ttl_secs: How long the lock lasts from now on. Default 300.
        metadata: Replaces the lock's metadata.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "HeartbeatResourceLock",
            {
                "resource_key": resource_key,
                "lease_id": lease_id,
                "ttl_secs": ttl_secs,
                "metadata": metadata,
                "idempotency_key": idempotency_key,
            },
        )
        result: HeartbeatResourceLockResult = typed_result("HeartbeatResourceLock", answer)
        return result

    async def release_resource_lock(
        self, *, resource_key: str, lease_id: str, idempotency_key: str | None = None
    ) -> ReleaseResourceLockResult:
        """Give a lock back.

        resource_key: The resource.
        lease_id: From AcquireResourceLock.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "ReleaseResourceLock",
            {
                "resource_key": resource_key,
                "lease_id": lease_id,
                "idempotency_key": idempotency_key,
            },
        )
        result: ReleaseResourceLockResult = typed_result("ReleaseResourceLock", answer)
        return result

    async def list_resource_locks(
        self,
        *,
        prefix: str | None = None,
        namespace: str | None = None,
        owner: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ListResourceLocksResult:
        """List the live locks: all of them, or a page.

        prefix: Only keys that begin so.
        namespace: Left out: of all namespaces.
        owner: Only locks of this worker.
        limit: Most locks to return. Without it and `cursor`: all of them in one line.
        cursor: `next_cursor` of the page before.
        """
        answer = await self.call(
            "ListResourceLocks",
            {
                "prefix": prefix,
                "namespace": namespace,
                "owner": owner,
                "limit": limit,
                "cursor": cursor,
            },
        )
        result: ListResourceLocksResult = typed_result("ListResourceLocks", answer)
        return result

    async def list_events(
        self,
        *,
        after_seq: int | None = None,
        task_id: str | None = None,
        node_id: str | None = None,
        session_id: str | None = None,
        resource_key: str | None = None,
        action_types: Sequence[str] | None = None,
        limit: int | None = None,
        wait_secs: float | None = None,
    ) -> ListEventsResult:
        """Read the journal, oldest first; with `wait_secs`, follow it.

        after_seq: Only later ones: `last_seq` of a call. Default 0.
        task_id: Only of this task.
        node_id: Only of this node.
        session_id: Only of this session.
        resource_key: Only of this resource.
        action_types: Only of these types.
        limit: Most events to return. Fewer come where they are large; none: that was all.
            Default 1000.
        wait_secs: Wait that long for a first event. Default 0.
        """
        answer = await self.call(
            "ListEvents",
            {
                "after_seq": after_seq,
                "task_id": task_id,
                "node_id": node_id,
                "session_id": session_id,
                "resource_key": resource_key,
                "action_types": action_types,
                "limit": limit,
                "wait_secs": wait_secs,
            },
        )
        result: ListEventsResult = typed_result("ListEvents", answer)
        return result

    async def record_decision(
        self, *, review: ReviewRecord | Mapping[str, Any], idempotency_key: str | None = None
    ) -> RecordDecisionResult:
        """Keep a review's record, with a `decision` event for each bundle.

        review: The whole record; fields that the daemon does not know are kept.
        idempotency_key: A retry with the same key returns the first answer and changes nothing.
        """
        answer = await self.call(
            "RecordDecision", {"review": review, "idempotency_key": idempotency_key}
        )
        result: RecordDecisionResult = typed_result("RecordDecision", answer)
        return result

    async def list_decisions(
        self,
        *,
        repository: str | None = None,
        task_id: str | None = None,
        bundle_id: str | None = None,
        after_seq: int | None = None,
        limit: int | None = None,
    ) -> ListDecisionsResult:
        """List review records, oldest first.

        repository: Only of this repository.
        task_id: Only with a bundle from this task.
        bundle_id: Only with this bundle.
        after_seq: Only later ones: `last_seq` of a call. Default 0.
        limit: Most records to return. Fewer come where they are large; none: that was all.
            Default 100.
        """
        answer = await self.call(
            "ListDecisions",
            {
                "repository": repository,
                "task_id": task_id,
                "bundle_id": bundle_id,
                "after_seq": after_seq,
                "limit": limit,
            },
        )
        result: ListDecisionsResult = typed_result("ListDecisions", answer)
        return result

    async def describe_interface(self) -> DescribeInterfaceResult:
        """Return this interface: methods, schemas, errors, limits."""
        answer = await self.call("DescribeInterface", {})
        result: DescribeInterfaceResult = typed_result("DescribeInterface", answer)
        return result

    async def health(self) -> HealthResult:
        """Check that daemon and database answer."""
        answer = await self.call("Health", {})
        result: HealthResult = typed_result("Health", answer)
        return result

    async def metrics(self, *, format: MetricsFormat | None = None) -> MetricsResult | MetricsText:
        """Return runtime counters and gauges of the database.

        format: JSON, or text for Prometheus. Default "json".
        """
        answer = await self.call("Metrics", {"format": format})
        result: MetricsResult | MetricsText = typed_result("Metrics", answer)
        return result
