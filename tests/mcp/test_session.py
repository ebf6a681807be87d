"""What a session does beside the model's calls: it keeps the leases of its nodes alive."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agentd.client.async_client import AsyncClient
from agentd.mcp.identity import Identity
from agentd.mcp.session import NODE_LEASE_SECS, HeldNode, Session
from tests.conftest import RunningDaemon
from tests.fakes.patience import PATIENCE_SECS


async def test_nodes_are_renewed_until_the_session_ends(
    running_daemon: RunningDaemon, tmp_path: Path
) -> None:
    client = AsyncClient(running_daemon.socket_path)
    session = Session(
        running_daemon.settings,
        client,
        tmp_path,
        lambda name: Identity(name, name),
        heartbeat_secs=0.01,
    )
    observer = await running_daemon.client()
    task = (await observer.call("RegisterTask", goal="g", initial_nodes=[{}, {}]))["task_id"]
    for _ in range(2):
        lease = await client.acquire_next_node(task_id=task, lease_secs=NODE_LEASE_SECS)
        assert lease is not None
        session.nodes[lease.node_id] = HeldNode(task, lease.node_id, lease.lease_id)
    kept, lost = session.nodes.values()
    await observer.call("FailNode", **lost.shown, error_payload={}, retryable=True)
    async with session.kept_alive():
        for _ in range(5):  # For longer than any lease lasts.
            await running_daemon.advance(NODE_LEASE_SECS - 10)
            await until_renewed(running_daemon, task, kept.node_id)
        assert list(session.nodes) == [kept.node_id]
    await running_daemon.advance(NODE_LEASE_SECS + 1)
    nodes = (await (await running_daemon.client()).call("TaskStatus", task_id=task))["nodes"]
    assert [node["status"] for node in nodes] == ["PENDING", "PENDING"]


async def until_renewed(daemon: RunningDaemon, task: str, node_id: str) -> None:
    """Returns when the node's lease is a whole one again."""
    whole = daemon.clock.now() // 1000 + NODE_LEASE_SECS
    async with AsyncClient(daemon.socket_path) as client, asyncio.timeout(PATIENCE_SECS):
        while True:
            status = await client.task_status(task_id=task)
            (node,) = (node for node in status.nodes if node.id == node_id)
            assert node.lease_expires_at is not None
            if node.lease_expires_at >= whole:
                return
