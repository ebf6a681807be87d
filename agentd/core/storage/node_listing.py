"""Reading all nodes of a task, for TaskStatus: in pages, so that a large one stops nobody else."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import aiosqlite
import orjson

from agentd.core.clock import rfc3339
from agentd.core.dag import requirements
from agentd.core.ids import TaskId

_PAGE_ROWS = 1000

NODES = (
    "SELECT pk, id, key, status, payload_schema, result_payload, error_payload, acquired_at,"
    " lease_owner, lease_provider, expires_at, attempts, max_attempts, priority, requires,"
    " updated_at FROM nodes WHERE task_pk = ? ORDER BY position"
)
DEPENDENCIES = (
    "SELECT d.node_pk, other.id, other.status FROM nodes AS n"
    " CROSS JOIN node_dependencies AS d ON d.node_pk = n.pk"
    " CROSS JOIN nodes AS other ON other.pk = d.dependency_pk"
    " WHERE n.task_pk = ? ORDER BY n.position, d.position"
)


async def read_nodes(
    connection: aiosqlite.Connection, task_pk: int, task_id: TaskId
) -> list[dict[str, Any]]:
    """The nodes of a task as the wire's `NodeInfo`s, in the order of their registration."""
    needs: defaultdict[int, list[str]] = defaultdict(list)
    blocked: defaultdict[int, list[str]] = defaultdict(list)
    async with connection.execute(DEPENDENCIES, (task_pk,)) as cursor:
        while rows := await cursor.fetchmany(_PAGE_ROWS):
            for node_pk, dependency_id, status in rows:
                needs[node_pk].append(dependency_id)
                if status != "COMPLETED":
                    blocked[node_pk].append(dependency_id)
    nodes: list[dict[str, Any]] = []
    async with connection.execute(NODES, (task_pk,)) as cursor:
        while rows := await cursor.fetchmany(_PAGE_ROWS):
            nodes.extend(
                _result(tuple(row), task_id, needs.get(row[0], []), blocked.get(row[0], []))
                for row in rows
            )
    return nodes


def _result(
    row: tuple[Any, ...], task_id: TaskId, needs: list[str], blocked_by: list[str]
) -> dict[str, Any]:
    (
        _,
        node_id,
        key,
        status,
        payload_schema,
        result_payload,
        error_payload,
        acquired_at,
        lease_owner,
        lease_provider,
        expires_at,
        attempts,
        max_attempts,
        priority,
        requires,
        updated_at,
    ) = row
    return {
        "id": node_id,
        "task_id": task_id,
        "key": key,
        "status": status,
        "dependencies": needs,
        "payload_schema": orjson.Fragment(payload_schema),
        "result_payload": stored_json(result_payload),
        "error_payload": stored_json(error_payload),
        "acquired_at": None if acquired_at is None else rfc3339(acquired_at),
        "lease_owner": lease_owner,
        "lease_provider": lease_provider,
        "lease_expires_at": expires_at,
        "attempts": attempts,
        "max_attempts": max_attempts,
        "priority": priority,
        "requires": requirements(requires),
        "blocked_by": blocked_by,
        "updated_at": rfc3339(updated_at),
    }


def stored_json(text: str | None) -> orjson.Fragment | None:
    """Stored JSON text as a part of a result."""
    return None if text is None else orjson.Fragment(text)
