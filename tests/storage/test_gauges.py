"""The database's part of Health and Metrics."""

from __future__ import annotations

from agentd.core.operations.expiry import earliest_expiry
from agentd.core.storage.database import Reader
from agentd.core.storage.gauges import read_gauges, schema_version
from agentd.core.storage.migrations import LATEST_VERSION
from agentd.protocol.service import DatabaseMetrics
from tests.fakes.core import Core
from tests.storage.workers import Worker, chain, register


async def test_gauges_count_what_is_stored(core: Core) -> None:
    task_id = register(core, *chain(3))["task_id"]
    register(core, {}, {})
    Worker(core, task_id).complete()
    Worker(core, lease_secs=10)
    Worker(core, lease_secs=100).fail()
    Worker(core, lease_secs=100)
    core.write("AcquireResourceLock", resource_key="a", ttl_secs=10)
    core.write("AcquireResourceLock", resource_key="b", ttl_secs=100)
    core.tick(10)
    reader = await Reader.open(core.path)
    gauges = await read_gauges(reader, core.now)
    assert await schema_version(reader) == LATEST_VERSION
    await reader.close()
    DatabaseMetrics.model_validate(gauges)
    assert gauges.pop("bytes") > 0
    assert gauges == {
        "schema_version": LATEST_VERSION,
        "latest_schema_version": LATEST_VERSION,
        "total_tasks": 2,
        "total_nodes": 5,
        "total_events": core.one("SELECT count(*) FROM journal"),
        "running_leases": 2,
        "expired_running_leases": 1,
        "node_status_counts": {"PENDING": 1, "RUNNING": 2, "COMPLETED": 1, "FAILED": 1},
        "active_locks": 1,
    }


def test_the_earliest_expiry_is_over_nodes_and_locks(core: Core) -> None:
    assert earliest_expiry(core.connection) is None
    core.write("AcquireResourceLock", resource_key="a", ttl_secs=50)
    assert earliest_expiry(core.connection) == core.now // 1000 + 50
    Worker(core, register(core, {})["task_id"], lease_secs=20)
    assert earliest_expiry(core.connection) == core.now // 1000 + 20
    core.tick(20)
    core.sweep()
    assert earliest_expiry(core.connection) == core.now // 1000 + 30
