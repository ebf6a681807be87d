"""Reading the nodes of a task, for TaskStatus: in steps, so that a large one stops nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import aiosqlite
import orjson

from agentd.core.clock import rfc3339
from agentd.core.dag import requirements
from agentd.core.limits import PAGE_CHARS_MAX
from agentd.core.storage import pages
from agentd.core.storage.tasks import Task

_FETCHED_AT_ONCE: Final = 1000
_NO_END: Final = 1 << 62

_COLUMNS = (
    "SELECT n.pk, n.id, n.key, n.status, n.payload_schema, n.result_payload, n.error_payload,"
    " n.acquired_at, n.lease_owner, n.lease_provider, n.expires_at, n.attempts, n.max_attempts,"
    " n.priority, n.requires, n.updated_at"
)
NODES = f"{_COLUMNS} FROM nodes AS n WHERE n.task_pk = ? ORDER BY n.position"
_DEPENDENCY_COUNT = "(SELECT count(*) FROM node_dependencies AS d WHERE d.node_pk = n.pk)"
NODES_PAGE = (
    f"{_COLUMNS}, n.position, {_DEPENDENCY_COUNT} FROM nodes AS n"
    " WHERE n.task_pk = ? AND n.position > ? ORDER BY n.position LIMIT ?"
)
_TEXTS: Final = slice(4, 7)
_POSITION: Final = -2
_DEPENDENCY_CHARS: Final = 2 * 39
"""Its id, quoted, once among the dependencies and once among those that are not COMPLETED."""
DEPENDENCIES = (
    "SELECT d.node_pk, other.id, other.status FROM nodes AS n"
    " CROSS JOIN node_dependencies AS d ON d.node_pk = n.pk"
    " CROSS JOIN nodes AS other ON other.pk = d.dependency_pk"
    " WHERE n.task_pk = ? AND n.position > ? AND n.position <= ? ORDER BY n.position, d.position"
)


class NodePage(NamedTuple):
    """Some nodes of a task, as the wire's `NodeInfo`s, in the order of their registration."""

    nodes: list[dict[str, Any]]
    last_position: int | None
    """Where the page ends; None where nothing comes after it."""


async def read_nodes(connection: aiosqlite.Connection, task: Task) -> list[dict[str, Any]]:
    """All nodes of a task, as in a page."""
    needs = await _read_needs(connection, task, -1, _NO_END)
    nodes: list[dict[str, Any]] = []
    async with connection.execute(NODES, (task.pk,)) as cursor:
        while rows := await cursor.fetchmany(_FETCHED_AT_ONCE):
            nodes.extend(_result(tuple(row), task, needs) for row in rows)
    return nodes


async def read_page(
    connection: aiosqlite.Connection, task: Task, after: int, limit: int
) -> NodePage:
    """At most `limit` nodes behind a position, and not many more than `PAGE_CHARS_MAX` of them."""
    values = [task.pk, after, limit + 1]
    rows, chars_left = await pages.read_page(
        connection, NODES_PAGE, values, PAGE_CHARS_MAX, _chars_of
    )
    page = rows[:limit]
    if not page:
        return NodePage([], None)
    last_position = page[-1][_POSITION]
    needs = await _read_needs(connection, task, after, last_position)
    nodes = [_result(row[:_POSITION], task, needs) for row in page]
    return NodePage(nodes, last_position if len(rows) > limit or not chars_left else None)


def _chars_of(row: tuple[Any, ...]) -> int:
    dependencies: int = row[-1]
    return sum(len(text or "") for text in row[_TEXTS]) + dependencies * _DEPENDENCY_CHARS


class _Need(NamedTuple):
    dependency_id: str
    is_met: bool


_Needs = Mapping[int, list[_Need]]
"""By the row key of the node that has them."""


async def _read_needs(
    connection: aiosqlite.Connection, task: Task, after: int, last: int
) -> _Needs:
    needs: defaultdict[int, list[_Need]] = defaultdict(list)
    async with connection.execute(DEPENDENCIES, (task.pk, after, last)) as cursor:
        while rows := await cursor.fetchmany(_FETCHED_AT_ONCE):
            for node_pk, dependency_id, status in rows:
                needs[node_pk].append(_Need(dependency_id, status == "COMPLETED"))
    return needs


def _result(row: tuple[Any, ...], task: Task, all_needs: _Needs) -> dict[str, Any]:
    (
        pk,
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
    needs = all_needs.get(pk, [])
    return {
        "id": node_id,
        "task_id": task.id,
        "key": key,
        "status": status,
        "dependencies": [need.dependency_id for need in needs],
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
        "blocked_by": [need.dependency_id for need in needs if not need.is_met],
        "updated_at": rfc3339(updated_at),
    }


def stored_json(text: str | None) -> orjson.Fragment | None:
    """Stored JSON text as a part of a result."""
    return None if text is None else orjson.Fragment(text)
