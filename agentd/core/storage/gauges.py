"""Numbers about what is stored, for Health and Metrics; counters and indexes answer, not scans."""

from __future__ import annotations

from typing import Any

import aiosqlite

from agentd.core.clock import Instant
from agentd.core.states import NodeStatus
from agentd.core.storage.database import Reader
from agentd.core.storage.migrations import LATEST_VERSION

_TASKS = (
    "SELECT count(*), coalesce(sum(pending), 0), coalesce(sum(running), 0),"
    " coalesce(sum(completed), 0), coalesce(sum(failed), 0) FROM tasks"
    " WHERE pk IS NOT (SELECT task_pk FROM registration WHERE only_row = 1)"
)
_EVENTS = "SELECT coalesce(max(seq), 0) FROM journal"  # Gapless, so the last one counts them.
LAPSED_NODES = "SELECT count(*) FROM nodes WHERE status = 'RUNNING' AND expires_at <= ?"
LIVE_LOCKS = "SELECT count(*) FROM locks WHERE state = 'LIVE' AND expires_at > ?"
_BYTES = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"


async def _row(
    connection: aiosqlite.Connection, sql: str, values: tuple[int, ...] = ()
) -> tuple[Any, ...]:
    rows = list(await connection.execute_fetchall(sql, values))
    return tuple(rows[0])


async def schema_version(reader: Reader) -> int:
    """The database's schema version, read from the database, so that it proves to answer."""
    async with reader.snapshot() as connection:
        version: int = (await _row(connection, "PRAGMA user_version"))[0]
    return version


async def read_gauges(reader: Reader, now: Instant) -> dict[str, Any]:
    """The `database` part of the Metrics result."""
    now_secs = now // 1000
    async with reader.snapshot() as connection:
        tasks, *by_status = await _row(connection, _TASKS)
        (events,) = await _row(connection, _EVENTS)
        (lapsed,) = await _row(connection, LAPSED_NODES, (now_secs,))
        (live_locks,) = await _row(connection, LIVE_LOCKS, (now_secs,))
        (version,) = await _row(connection, "PRAGMA user_version")
        (database_bytes,) = await _row(connection, _BYTES)
    counts = dict(zip((status.value for status in NodeStatus), by_status, strict=True))
    return {
        "schema_version": version,
        "latest_schema_version": LATEST_VERSION,
        "total_tasks": tasks,
        "total_nodes": sum(by_status),
        "total_events": events,
        "running_leases": counts[NodeStatus.RUNNING.value],
        "expired_running_leases": lapsed,
        "node_status_counts": counts,
        "active_locks": live_locks,
        "bytes": database_bytes,
    }
