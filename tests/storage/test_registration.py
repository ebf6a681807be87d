"""A task that is registered in steps: unseen until the last one, and the same as any other then."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from agentd.core.ids import NodeId
from agentd.core.operations import registration
from agentd.core.operations.registration import TaskPlan
from agentd.core.storage.database import Reader
from agentd.core.storage.gauges import read_gauges
from agentd.core.storage.registration import Registration
from agentd.errors import AlreadyExists
from agentd.protocol.envelope import validate_params
from agentd.protocol.tasks import RegisterTaskParams
from tests.fakes.core import PAYLOAD_BYTES_MAX, Core
from tests.storage.workers import Worker, chain, register

ID = "6f1ed002-ab5f-4c2a-9e5b-0a1b2c3d4e5f"


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are a step."""
    monkeypatch.setattr(registration, "STEP_ROWS", 3)


def planned(*nodes: dict[str, Any], **params: Any) -> TaskPlan:
    given = {"goal": "large", "initial_nodes": list(nodes), **params}
    return registration.plan_task(validate_params(RegisterTaskParams, given), PAYLOAD_BYTES_MAX)


class Steps:
    """A registration whose steps the test takes one by one, each a transaction."""

    def __init__(self, core: Core, plan: TaskPlan) -> None:
        self.core = core
        self.plan = plan
        self.node_ids: list[NodeId] = []
        with core.transaction() as tx:
            self.begun: Registration = registration.begin(plan, tx, core.now)

    def rows(self) -> Iterator[None]:
        """All steps but the last, which are over when the iterator is."""
        for positions in registration.node_steps(self.plan):
            with self.core.transaction() as tx:
                self.node_ids += registration.add_nodes(
                    self.plan, positions, self.begun, tx, self.core.now
                )
            yield
        for rows in registration.dependency_steps(self.plan, self.begun):
            with self.core.transaction() as tx:
                registration.add_dependencies(rows, tx, self.core.now)
            yield

    def publish(self) -> dict[str, Any]:
        """The last step."""
        with self.core.transaction() as tx:
            return registration.publish(self.plan, self.node_ids, self.begun, tx, self.core.now)


def rows_in(core: Core, table: str) -> int:
    """How many rows are stored, seen or not."""
    count: int = core.one(f"SELECT count(*) FROM {table}")
    return count


async def seen(core: Core) -> tuple[int, int, int]:
    """How many tasks, nodes and events there are for whoever asks."""
    reader = await Reader.open(core.path, connections=1)
    try:
        gauges = await read_gauges(reader, core.now)
    finally:
        await reader.close()
    tasks = (await core.read("ListTasks"))["tasks"]
    assert len(tasks) == gauges["total_tasks"]
    return len(tasks), gauges["total_nodes"], gauges["total_events"]


async def test_nobody_sees_a_task_before_its_last_step(core: Core) -> None:
    other = register(core, {"key": "mine"})["task_id"]
    before = await seen(core)
    steps = Steps(core, planned(*chain(8), {"priority": 9}, {"priority": 9, "requires": ["gpu"]}))
    assert await seen(core) == before
    taken = [await seen(core) == before for _ in steps.rows()]
    assert taken == [True] * (4 + 3)
    # What is registered meanwhile lies behind it and is handed out before it.
    second = register(core, {"key": "mine, too"})["task_id"]
    gpu = ["gpu"]
    assert Worker(core, capabilities=gpu).lease["task_id"] == other
    assert Worker(core, capabilities=gpu).lease["task_id"] == second
    assert core.write("AcquireNextNode", capabilities=gpu) is None

    answer = steps.publish()
    assert core.effects.runnable == {answer["task_id"]}
    for node_id in (*answer["node_ids"][8:], answer["nodes"]["n0"]):
        assert Worker(core, capabilities=gpu).node_id == node_id
    assert core.actions().count("task.registered") == 3
    assert core.one("SELECT count(*) FROM registration") == 0


async def test_a_task_is_the_same_in_steps_and_at_once(core: Core) -> None:
    nodes = [
        {"key": "plan", "payload_schema": {"type": "object"}, "priority": 3},
        *chain(5),
        {"id": ID, "dependencies": ["plan", "n4"], "max_attempts": 2, "requires": ["b", "a"]},
        {"key": "end", "dependencies": [ID.upper(), "plan", "plan"], "timeout_secs": 9},
    ]
    unlike = ("id", "task_id", "dependencies", "blocked_by")

    async def described(core: Core, answer: dict[str, Any]) -> list[Any]:
        names = {node_id: name for name, node_id in answer["nodes"].items()}
        status = await core.read("TaskStatus", task_id=answer["task_id"])
        assert status["task"]["goal"] == "large"
        return [
            {
                **{name: value for name, value in node.items() if name not in unlike},
                "name": names[node["id"]],
                "needs": [names[needed] for needed in node["dependencies"]],
            }
            for node in status["nodes"]
        ]

    steps = Steps(core, planned(*nodes, context={"repo": "/r"}))
    for _ in steps.rows():
        pass
    in_steps = await described(core, steps.publish())
    with Core.opened(core.path.with_name("other.db")) as other:
        at_once = await described(other, register(other, *nodes, goal="large"))
    assert in_steps == at_once
    (event,) = core.events()
    assert event["payload"] == {"goal": "large", "node_count": 8}


@pytest.mark.parametrize("taken", range(8))
async def test_what_was_broken_off_is_taken_back_whole(core: Core, taken: int) -> None:
    steps = Steps(core, planned(*chain(10), task_id=ID))
    rows = steps.rows()
    for _ in range(taken):
        next(rows)
    going_on = True
    while going_on:
        before = rows_in(core, "nodes") + rows_in(core, "node_dependencies")
        with core.transaction() as tx:
            going_on = registration.take_back(tx, core.now)
        after = rows_in(core, "nodes") + rows_in(core, "node_dependencies")
        assert before - after <= registration.STEP_ROWS
    for table in ("tasks", "nodes", "node_dependencies", "registration"):
        assert rows_in(core, table) == 0
    answer = core.write("RegisterTask", goal="g", task_id=ID, initial_nodes=chain(2))
    assert answer["task_id"] == ID


def test_ids_that_others_took_meanwhile_are_refused(core: Core) -> None:
    node_id = str(UUID(int=7))
    steps = Steps(core, planned({}, {}, {}, {"id": node_id}, task_id=ID))
    rows = steps.rows()
    next(rows)
    core.write("RegisterTask", goal="g", task_id=ID, initial_nodes=[{"id": node_id}])
    with pytest.raises(AlreadyExists) as caught:
        next(rows)
    assert caught.value.data == {"id": node_id}
    with pytest.raises(AlreadyExists) as caught:
        steps.publish()
    assert caught.value.data == {"id": ID}


def test_there_is_one_registration_at_a_time(core: Core) -> None:
    Steps(core, planned({}))
    with pytest.raises(sqlite3.IntegrityError):
        Steps(core, planned({}))
