"""Tasks: registering, looking at, listing and cancelling them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from agentd.errors import AgentdError, AlreadyExists, InvalidParams, ResourceExhausted
from tests.fakes.core import PAYLOAD_BYTES_MAX, Core
from tests.storage.workers import Worker, chain, register, statuses

ID = "6f1ed002-ab5f-4c2a-9e5b-0a1b2c3d4e5f"
OTHER = "7a1ed002-ab5f-4c2a-9e5b-0a1b2c3d4e5f"


def refused(core: Core, method: str, /, **params: Any) -> AgentdError:
    with pytest.raises(AgentdError) as caught:
        core.write(method, **params)
    return caught.value


async def test_a_task_comes_back_as_it_was_registered(core: Core) -> None:
    answer = core.write(
        "RegisterTask",
        goal="ship",
        context={"repo": "/r", "deep": {"a": [1, "ü", None]}},
        initial_nodes=[
            {"key": "plan", "payload_schema": {"type": "object"}, "priority": 3},
            {"id": ID, "dependencies": ["plan"], "max_attempts": 2, "requires": ["b", "a", "b"]},
            {"key": "end", "dependencies": [ID.upper(), "plan"], "timeout_secs": 9},
        ],
    )
    assert answer["node_ids"][1] == ID
    assert answer["nodes"] == {
        "plan": answer["node_ids"][0],
        ID: ID,
        "end": answer["node_ids"][2],
    }
    status = await core.read("TaskStatus", task_id=answer["task_id"])
    assert status["task"] == {
        "id": answer["task_id"],
        "goal": "ship",
        "context": {"repo": "/r", "deep": {"a": [1, "ü", None]}},
        "created_at": "2023-11-14T22:13:20.000Z",
    }
    assert status["counts"] == {"PENDING": 3, "RUNNING": 0, "COMPLETED": 0, "FAILED": 0}
    assert status["state"] == "active"
    plan, middle, end = status["nodes"]
    assert plan == {
        "id": answer["node_ids"][0],
        "task_id": answer["task_id"],
        "key": "plan",
        "status": "PENDING",
        "dependencies": [],
        "payload_schema": {"type": "object"},
        "result_payload": None,
        "error_payload": None,
        "acquired_at": None,
        "lease_owner": None,
        "lease_provider": None,
        "lease_expires_at": None,
        "attempts": 0,
        "max_attempts": None,
        "priority": 3,
        "requires": [],
        "blocked_by": [],
        "updated_at": "2023-11-14T22:13:20.000Z",
    }
    assert (middle["requires"], middle["max_attempts"]) == (["a", "b"], 2)
    assert end["dependencies"] == end["blocked_by"] == [ID, plan["id"]]
    assert core.effects.runnable == {answer["task_id"]}
    assert core.effects.counts == {"registered_tasks": 1}
    (event,) = core.events()
    assert (event["action_type"], event["payload"]) == (
        "task.registered",
        {"goal": "ship", "node_count": 3},
    )


async def test_a_task_may_have_no_nodes(core: Core) -> None:
    task_id = register(core)["task_id"]
    assert core.effects.runnable == set()
    assert (await core.read("TaskStatus", task_id=task_id))["state"] == "completed"
    assert core.write("AcquireNextNode", task_id=task_id) is None


async def test_a_dependency_named_twice_counts_once(core: Core) -> None:
    answer = register(core, {"id": ID, "key": "a"}, {"key": "b", "dependencies": ["a", ID, "a"]})
    Worker(core, answer["task_id"]).complete()
    assert Worker(core, answer["task_id"]).node_id == answer["nodes"]["b"]


@pytest.mark.parametrize(
    ("nodes", "reason", "data"),
    [
        (
            [{"key": "a"}, {"key": "a"}],
            "duplicate_node",
            {"path": "initial_nodes[1].key", "duplicate": "a"},
        ),
        (
            [{"id": ID}, {"id": ID.upper()}],
            "duplicate_node",
            {"path": "initial_nodes[1].id", "duplicate": ID},
        ),
        (
            [{"id": ID}, {"key": ID}],
            "duplicate_node",
            {"path": "initial_nodes[1].key", "duplicate": ID},
        ),
        (
            [{"key": "a"}, {"dependencies": ["a", "b"]}],
            "unknown_dependency",
            {"path": "initial_nodes[1].dependencies[1]", "dependency": "b"},
        ),
        ([{"key": "a", "dependencies": ["a"]}], "dependency_cycle", {"cycle": ["a", "a"]}),
        (
            [
                {"key": "free"},
                {"key": "a", "dependencies": ["free", "c"]},
                {"key": "b", "dependencies": ["a"]},
                {"key": "c", "dependencies": ["b"]},
                {"key": "behind", "dependencies": ["c"]},
            ],
            "dependency_cycle",
            {"cycle": ["a", "c", "b", "a"]},
        ),
    ],
)
def test_a_dag_that_is_none_is_refused_whole(
    core: Core, nodes: list[dict[str, Any]], reason: str, data: dict[str, Any]
) -> None:
    error = refused(core, "RegisterTask", goal="g", initial_nodes=nodes)
    assert isinstance(error, InvalidParams)
    assert (error.reason, error.data) == (reason, data)
    assert core.one("SELECT count(*) FROM tasks") == 0
    assert core.events() == []


def test_ids_are_taken_once(core: Core) -> None:
    core.write("RegisterTask", goal="g", task_id=ID, initial_nodes=[{"id": OTHER}])
    again = refused(core, "RegisterTask", goal="g", task_id=ID.upper())
    assert isinstance(again, AlreadyExists)
    assert (again.reason, again.data) == ("id_in_use", {"id": ID})
    node = refused(core, "RegisterTask", goal="g", initial_nodes=[{}, {"id": OTHER}])
    assert (node.reason, node.data) == ("id_in_use", {"id": OTHER})


def test_too_many_nodes_are_refused(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.core.dag.NODES_PER_TASK_MAX", 2)
    monkeypatch.setattr("agentd.core.dag.DEPENDENCIES_PER_TASK_MAX", 1)
    too_many: list[list[dict[str, Any]]] = [
        [{}] * 3,
        [{"key": "a"}, {"dependencies": ["a", "a"]}],
    ]
    for nodes in too_many:
        error = refused(core, "RegisterTask", goal="g", initial_nodes=nodes)
        assert isinstance(error, ResourceExhausted)
        assert error.reason == "too_many_nodes"


def test_large_objects_are_refused_by_name(core: Core) -> None:
    large = {"x": "y" * PAYLOAD_BYTES_MAX}
    error = refused(core, "RegisterTask", goal="g", context=large)
    assert (error.reason, error.data["path"]) == ("payload_too_large", "context")
    error = refused(core, "RegisterTask", goal="g", initial_nodes=[{}, {"payload_schema": large}])
    assert error.data == {"path": "initial_nodes[1].payload_schema", "limit": PAYLOAD_BYTES_MAX}


async def test_status_of_an_unknown_task(core: Core) -> None:
    with pytest.raises(AgentdError) as caught:
        await core.read("TaskStatus", task_id=str(uuid4()))
    assert caught.value.reason == "task_not_found"


async def test_status_shows_the_holder_but_never_the_lease(core: Core) -> None:
    task_id = register(core, *chain(2))["task_id"]
    worker = Worker(core, task_id, lease_owner="codex", provider="openai")
    status = await core.read("TaskStatus", task_id=task_id)
    first, second = status["nodes"]
    assert (first["status"], first["lease_owner"], first["lease_provider"]) == (
        "RUNNING",
        "codex",
        "openai",
    )
    assert first["lease_expires_at"] == worker.lease["lease_expires_at"]
    assert first["acquired_at"] == "2023-11-14T22:13:20.000Z"
    assert first["attempts"] == 1
    assert second["blocked_by"] == [first["id"]]
    assert worker.lease_id not in str(status)
    worker.complete({"r": 1})
    first, second = (await core.read("TaskStatus", task_id=task_id))["nodes"]
    assert (first["status"], first["result_payload"]) == ("COMPLETED", {"r": 1})
    assert (first["lease_owner"], first["lease_expires_at"]) == ("codex", None)
    assert (second["dependencies"], second["blocked_by"]) == ([first["id"]], [])


async def test_tasks_are_listed_newest_first_in_pages(core: Core) -> None:
    ids = [register(core, {}, goal=f"g{number}")["task_id"] for number in range(5)]
    seen: list[str] = []
    cursor = None
    pages = 0
    while True:
        page = await core.read("ListTasks", limit=2, cursor=cursor)
        seen += [task["id"] for task in page["tasks"]]
        pages += 1
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert (seen, pages) == (ids[::-1], 3)
    assert page["tasks"][0] == {
        "id": ids[0],
        "goal": "g0",
        "state": "active",
        "counts": {"PENDING": 1, "RUNNING": 0, "COMPLETED": 0, "FAILED": 0},
        "created_at": "2023-11-14T22:13:20.000Z",
    }


async def test_tasks_are_listed_by_state(core: Core) -> None:
    done, dead, active = (register(core, *chain(2))["task_id"] for _ in range(3))
    Worker(core, done).complete()
    Worker(core, done).complete()
    Worker(core, dead).fail()

    async def listed(state: str) -> list[str]:
        page = await core.read("ListTasks", state=state)
        assert all(task["state"] == state for task in page["tasks"])
        return [task["id"] for task in page["tasks"]]

    assert await listed("completed") == [done]
    assert await listed("failed") == [dead]
    assert await listed("active") == [active]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "٣", "9" * 40])
async def test_a_made_up_cursor_is_refused(core: Core, cursor: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        await core.read("ListTasks", cursor=cursor)
    assert (caught.value.reason, caught.value.data["path"]) == ("invalid_field", "cursor")


# Cancelling.


def test_cancelling_fails_what_has_not_started(core: Core) -> None:
    task_id = register(core, *chain(3))["task_id"]
    worker = Worker(core, task_id)
    answer = core.write("CancelTask", task_id=task_id, reason="no longer wanted")
    assert answer == {"counts": {"PENDING": 0, "RUNNING": 1, "COMPLETED": 0, "FAILED": 2}}
    (cancelled,) = core.events("task.cancelled")
    assert cancelled["payload"] == {
        "reason": "no longer wanted",
        "cancelled_nodes": 2,
        "running_nodes": 1,
    }
    assert [event["payload"] for event in core.events("node.cancelled")] == [
        {"reason": "cancelled", "message": "no longer wanted"}
    ] * 2
    assert core.effects.last_seq == core.one("SELECT max(seq) FROM journal")
    assert worker.heartbeat()["cancel_requested"] is True
    assert core.write("AcquireNextNode", task_id=task_id) is None
    assert core.write("AcquireNextNode") is None
    answer = worker.complete()
    assert (answer["unblocked"], answer["task_finished"]) == ([], True)


async def test_a_cancelled_node_says_why(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    core.write("CancelTask", task_id=task_id)
    status = await core.read("TaskStatus", task_id=task_id)
    assert status["state"] == "failed"
    assert status["nodes"][0]["error_payload"] == {"reason": "cancelled", "message": "cancelled"}


def test_cancelling_again_changes_nothing(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    first = core.write("CancelTask", task_id=task_id)
    events = core.events()
    assert core.write("CancelTask", task_id=task_id, reason="again") == first
    assert core.events() == events


def test_cancelling_again_counts_what_lapsed_meanwhile(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    Worker(core, task_id)
    assert core.write("CancelTask", task_id=task_id)["counts"]["RUNNING"] == 1
    core.tick(301)
    counts = core.write("CancelTask", task_id=task_id)["counts"]
    assert (counts["RUNNING"], counts["FAILED"]) == (0, 1)


def test_a_finished_task_cannot_be_cancelled(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    Worker(core, task_id).complete()
    assert refused(core, "CancelTask", task_id=task_id).reason == "task_finished"
    assert refused(core, "CancelTask", task_id=str(uuid4())).reason == "task_not_found"


def test_a_worker_that_lapsed_does_not_count_as_running_any_more(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    Worker(core, task_id)
    core.tick(301)
    answer = core.write("CancelTask", task_id=task_id)
    assert answer["counts"] == {"PENDING": 0, "RUNNING": 0, "COMPLETED": 0, "FAILED": 1}
    assert core.actions()[-3:] == ["node.expired", "task.cancelled", "node.cancelled"]


async def test_what_lapses_or_asks_for_a_retry_after_the_cancellation_fails(core: Core) -> None:
    task_id = register(core, {}, {})["task_id"]
    first, second = Worker(core, task_id), Worker(core, task_id)
    core.write("CancelTask", task_id=task_id)
    assert first.fail(retryable=True)["status"] == "FAILED"
    core.tick(301)
    assert second.refused("HeartbeatNode").reason == "lease_expired"
    assert core.sweep() == 1
    assert core.actions()[-2:] == ["node.expired", "node.cancelled"]
    assert await statuses(core, task_id) == ["FAILED", "FAILED"]


async def test_the_nodes_of_a_task_are_listed_in_pages(core: Core) -> None:
    task_id = register(core, *chain(5))["task_id"]
    register(core, *chain(3))
    whole = await core.read("TaskStatus", task_id=task_id)
    assert "next_cursor" not in whole
    for limit in range(1, 7):
        nodes: list[Any] = []
        cursor = None
        for expected in range(-(-5 // limit)):
            page = await core.read("TaskStatus", task_id=task_id, limit=limit, cursor=cursor)
            assert (page["task"], page["counts"]) == (whole["task"], whole["counts"])
            nodes += page["nodes"]
            cursor = page["next_cursor"]
            assert (cursor is None) == (expected == -(-5 // limit) - 1)
        assert nodes == whole["nodes"]
    behind = await core.read("TaskStatus", task_id=task_id, cursor="999")
    assert (behind["nodes"], behind["next_cursor"]) == ([], None)
    with pytest.raises(InvalidParams, match="cursor"):
        await core.read("TaskStatus", task_id=task_id, cursor="x")
