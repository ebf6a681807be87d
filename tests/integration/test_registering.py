"""Large tasks through the daemon: others go on, order is kept, and nothing is ever half there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import pytest

from agentd.core.limits import REGISTERED_AT_ONCE_BYTES
from agentd.core.operations import registration
from agentd.protocol.envelope import validate_params
from agentd.protocol.tasks import RegisterTaskParams
from tests.conftest import RunningDaemon, StartDaemon
from tests.fakes.core import Core
from tests.fakes.raw_client import Json, RawClient

LARGE = 20_000


async def nodes_seen(client: RawClient) -> int:
    """The nodes of all tasks, as Metrics counts them."""
    count: int = (await client.call("Metrics"))["database"]["total_nodes"]
    return count


def rows_stored(daemon: RunningDaemon) -> list[int]:
    """What is in the tables, seen or not."""
    with closing(sqlite3.connect(daemon.settings.database_path)) as connection:
        tables = ("tasks", "nodes", "node_dependencies", "registration")
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
        ]


async def test_others_lock_while_a_large_task_is_registered(running_daemon: RunningDaemon) -> None:
    registrant, worker = await running_daemon.client(), await running_daemon.client()
    await worker.call("Health")
    registrant.send("RegisterTask", goal="large", initial_nodes=[{}] * LARGE)
    answered: list[int] = []
    while not answered or answered[-1] == 0:
        lock = await worker.call("AcquireResourceLock", resource_key="file:a")
        await worker.call("ReleaseResourceLock", resource_key="file:a", lease_id=lock["lease_id"])
        answered.append(await nodes_seen(worker))
    assert len((await registrant.receive())["result"]["node_ids"]) == LARGE
    assert set(answered) == {0, LARGE}  # Never half of it.
    assert len(answered) > 5


async def test_a_connection_keeps_its_order_around_a_large_task(
    running_daemon: RunningDaemon,
) -> None:
    client = await running_daemon.client()
    task_id = str(uuid4())
    client.send("RegisterTask", goal="before")
    client.send("RegisterTask", goal="large", task_id=task_id, initial_nodes=[{}] * 3000)
    client.send("AcquireNextNode", task_id=task_id)
    client.send("TaskStatus", task_id=task_id, limit=1)
    client.send("RegisterTask", goal="after", initial_nodes=[{}])
    answers = [await client.receive() for _ in range(5)]
    assert [answer["id"] for answer in answers] == [1, 2, 3, 4, 5]
    assert answers[2]["result"]["node_id"] == answers[1]["result"]["node_ids"][0]
    assert answers[3]["result"]["counts"]["RUNNING"] == 1
    tasks = (await client.call("ListTasks"))["tasks"]
    assert [task["goal"] for task in tasks] == ["after", "large", "before"]


def many(**last: Any) -> list[Json]:
    """Nodes for more than one step, of which the last is special."""
    return [*({} for _ in range(2000)), last]


@pytest.mark.parametrize(
    ("nodes", "reason", "path"),
    [
        (many(dependencies=["x"]), "unknown_dependency", "initial_nodes[2000].dependencies[0]"),
        (many(ky="x"), "unknown_field", "initial_nodes[2000].ky"),
        (many(priority="high"), "invalid_field", "initial_nodes[2000].priority"),
        (many(key="a", dependencies=["a"]), "dependency_cycle", None),
        (many(id=str(UUID(int=9))), "id_in_use", None),
    ],
)
async def test_what_is_wrong_with_a_large_task_is_said_and_nothing_kept(
    running_daemon: RunningDaemon, nodes: list[Json], reason: str, path: str | None
) -> None:
    client = await running_daemon.client()
    await client.call("RegisterTask", goal="first", initial_nodes=[{"id": str(UUID(int=9))}])
    error = await client.refusal("RegisterTask", goal="large", initial_nodes=nodes)
    assert (error["reason"], error.get("path")) == (reason, path)
    assert rows_stored(running_daemon) == [1, 1, 0, 0]
    assert len((await client.call("ListEvents"))["events"]) == 1
    requests = (await client.call("Metrics"))["runtime"]["requests"]
    assert (requests["RegisterTask"]["count"], requests["RegisterTask"]["errors"]) == (2, 1)


async def test_a_long_line_with_few_nodes_is_a_task_like_any_other(
    running_daemon: RunningDaemon,
) -> None:
    client = await running_daemon.client()
    context = {"text": "x" * REGISTERED_AT_ONCE_BYTES}
    task = await client.call("RegisterTask", goal="g", context=context, initial_nodes=[{}])
    assert (await client.call("AcquireNextNode"))["node_id"] == task["node_ids"][0]
    assert rows_stored(running_daemon) == [1, 1, 0, 0]


async def test_a_large_task_under_a_key_is_registered_once(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    params = {"goal": "large", "initial_nodes": many(), "idempotency_key": "k"}
    first = await client.call("RegisterTask", **params)
    assert await client.call("RegisterTask", **params) == first
    other = await client.refusal("RegisterTask", **{**params, "goal": "another"})
    assert other["reason"] == "idempotency_mismatch"
    small = await client.refusal("RegisterTask", goal="large", idempotency_key="k")
    assert small["reason"] == "idempotency_mismatch"
    assert rows_stored(running_daemon) == [1, 2001, 0, 0]


async def test_two_at_once_under_a_key_are_one(running_daemon: RunningDaemon) -> None:
    params = {"goal": "large", "initial_nodes": many(), "idempotency_key": "k"}
    clients = [await running_daemon.client() for _ in range(3)]
    for client in clients:
        client.send("RegisterTask", **params)
    answers = [(await client.receive())["result"] for client in clients]
    assert answers[0] == answers[1] == answers[2]
    assert rows_stored(running_daemon) == [1, 2001, 0, 0]


async def test_a_client_that_leaves_has_its_large_task_registered(
    running_daemon: RunningDaemon,
) -> None:
    client, other = await running_daemon.client(), await running_daemon.client()
    await client.call("Health")
    client.send("RegisterTask", goal="large", initial_nodes=many())
    await client.close()
    while await nodes_seen(other) == 0:
        pass  # Each look is a round trip.
    assert rows_stored(running_daemon) == [1, 2001, 0, 0]


async def test_the_next_daemon_takes_back_what_a_kill_left_half_registered(
    start_daemon: StartDaemon,
) -> None:
    daemon = await start_daemon()
    await daemon.stop()
    params = validate_params(
        RegisterTaskParams, {"goal": "half", "initial_nodes": [{}] * 2000, "task_id": str(uuid4())}
    )
    plan = registration.plan_task(params, 1 << 20)
    with Core.opened(daemon.settings.database_path) as core, core.transaction() as tx:
        begun = registration.begin(plan, tx, core.now)
        for positions in registration.node_steps(plan):
            registration.add_nodes(plan, positions, begun, tx, core.now)
    assert rows_stored(daemon) == [1, 2000, 0, 1]
    await daemon.start()
    client = await daemon.client()
    assert await client.call("AcquireNextNode") is None
    assert await nodes_seen(client) == 0
    # It waits until the other is out of the way.
    whole: Json = {"goal": "whole", "initial_nodes": [{}] * 2000, "task_id": params.task_id}
    assert (await client.call("RegisterTask", **whole))["task_id"] == params.task_id
    assert rows_stored(daemon) == [1, 2000, 0, 0]


async def test_a_stop_in_the_middle_leaves_a_whole_task_or_none(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drain_secs=0)
    client, other = await daemon.client(), await daemon.client()
    client.send("RegisterTask", goal="large", initial_nodes=[{}] * LARGE)
    lock = await other.call("AcquireResourceLock", resource_key="file:a")
    assert lock["fencing_token"] == 1
    await daemon.restart()
    client = await daemon.client()
    await client.call("RegisterTask", goal="next", initial_nodes=many())
    tasks, nodes, _, unfinished = rows_stored(daemon)
    assert (tasks, nodes, unfinished) in {(1, 2001, 0), (2, LARGE + 2001, 0)}
