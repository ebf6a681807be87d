"""What a fresh agent needs to go on where the last one stopped: the wire's `ExecutionContext`."""

from __future__ import annotations

from typing import Any

import orjson

from agentd.core.clock import rfc3339
from agentd.core.leases import NodeLease
from agentd.core.operations.transaction import Transaction
from agentd.core.states import NodeStatus
from agentd.core.storage import attempts, journal, nodes, tasks


def execution_context(tx: Transaction, node: nodes.Node, lease: NodeLease) -> dict[str, Any]:
    """The context of a node that was just leased; `node` is as it was before."""
    connection = tx.connection
    needed = nodes.dependencies(connection, node.pk)
    limit = tx.config.context_event_limit
    tx.journal.store()
    return {
        "task": tasks.info_result(tasks.by_pk(connection, node.task_pk)),
        "node": {
            "id": node.id,
            "task_id": node.task_id,
            "key": node.key,
            "status": NodeStatus.RUNNING.value,
            "dependencies": [dependency.id for dependency in needed],
            "payload_schema": orjson.Fragment(node.payload_schema),
            "result_payload": None,
            "acquired_at": rfc3339(lease.acquired_at),
            "lease_id": lease.lease_id,
            "lease_owner": lease.owner,
            "lease_expires_at": lease.expires_at,
            "updated_at": rfc3339(lease.acquired_at),
        },
        "completed_dependencies": [_completed(dependency) for dependency in needed],
        "event_journal_limit": limit,
        "event_journal": journal.last_of_task(connection, node.task_pk, limit),
        "previous_attempts": attempts.previous_results(connection, node.pk),
    }


def _completed(dependency: nodes.Dependency) -> dict[str, Any]:
    return {
        "node_id": dependency.id,
        "key": dependency.key,
        "result_payload": orjson.Fragment(dependency.result_payload or "null"),
    }
