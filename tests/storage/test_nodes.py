"""Leases of nodes: who gets which node, and how an attempt ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from agentd.errors import AgentdError
from tests.fakes.core import NODE_TIMEOUT_SECS, PAYLOAD_BYTES_MAX, Core
from tests.storage.workers import Worker, chain, register, statuses

WITH_LEASE = ["HeartbeatNode", "CommitEvent", "CompleteNode", "FailNode"]


def refused(core: Core, method: str, /, **params: Any) -> AgentdError:
    with pytest.raises(AgentdError) as caught:
        core.write(method, **params)
    return caught.value


def acquired_keys(core: Core, task_id: str | None, **params: Any) -> list[str | None]:
    """The keys of the nodes in the order in which a worker gets them."""
    keys: list[str | None] = []
    while lease := core.write("AcquireNextNode", task_id=task_id, **params):
        keys.append(lease["context"]["node"]["key"])
    return keys


# Acquiring.


def test_a_lease_brings_everything_that_a_fresh_agent_needs(core: Core) -> None:
    answer = core.write(
        "RegisterTask",
        goal="ship",
        context={"repo": "/r"},
        initial_nodes=[
            {"key": "a"},
            {"key": "b"},
            {"key": "c", "dependencies": ["b", "a"], "payload_schema": {"type": "string"}},
        ],
    )
    for result in ({"r": 1}, None):
        Worker(core, answer["task_id"]).complete(result)
    core.tick(5)
    lease = core.write(
        "AcquireNextNode", task_id=answer["task_id"], lease_owner="codex", provider="openai"
    )
    node_id = answer["nodes"]["c"]
    context = lease.pop("context")
    lease_id = lease["lease_id"]
    expires_at = core.now // 1000 + NODE_TIMEOUT_SECS
    assert lease == {
        "task_id": answer["task_id"],
        "node_id": node_id,
        "lease_id": lease_id,
        "lease_owner": "codex",
        "lease_expires_at": expires_at,
        "attempt": 1,
    }
    assert context["task"] == {
        "id": answer["task_id"],
        "goal": "ship",
        "context": {"repo": "/r"},
        "created_at": "2023-11-14T22:13:20.000Z",
    }
    assert context["node"] == {
        "id": node_id,
        "task_id": answer["task_id"],
        "key": "c",
        "status": "RUNNING",
        "dependencies": [answer["nodes"]["b"], answer["nodes"]["a"]],
        "payload_schema": {"type": "string"},
        "result_payload": None,
        "acquired_at": "2023-11-14T22:13:25.000Z",
        "lease_id": lease_id,
        "lease_owner": "codex",
        "lease_expires_at": expires_at,
        "updated_at": "2023-11-14T22:13:25.000Z",
    }
    assert context["completed_dependencies"] == [
        {"node_id": answer["nodes"]["b"], "key": "b", "result_payload": None},
        {"node_id": answer["nodes"]["a"], "key": "a", "result_payload": {"r": 1}},
    ]
    assert context["event_journal_limit"] == 50
    assert [event["action_type"] for event in context["event_journal"]] == [
        "task.registered",
        "node.acquired",
        "node.completed",
        "node.acquired",
        "node.completed",
        "node.acquired",
    ]
    assert context["previous_attempts"] == []
    assert core.effects.counts == {"acquire_attempts": 1, "acquired_nodes": 1}
    assert core.effects.earliest_expiry == expires_at


def test_the_context_has_the_last_events_of_this_task_oldest_first(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    core.config = replace(core.config, context_event_limit=3)
    for number in range(5):
        core.write("CommitEvent", task_id=task_id, action_type=f"e{number}")
    register(core, {})
    journal = Worker(core, task_id).lease["context"]["event_journal"]
    assert [event["action_type"] for event in journal] == ["e3", "e4", "node.acquired"]


def test_nothing_runnable_is_null_and_an_unknown_task_an_error(core: Core) -> None:
    task_id = register(core, *chain(2))["task_id"]
    Worker(core, task_id)
    assert core.write("AcquireNextNode", task_id=task_id) is None
    assert core.effects.counts == {"acquire_attempts": 1}
    assert refused(core, "AcquireNextNode", task_id=str(uuid4())).reason == "task_not_found"


def test_the_owner_is_anonymous_unless_it_says_its_name(core: Core) -> None:
    register(core, {})
    assert core.write("AcquireNextNode")["lease_owner"] == "anonymous"


def test_higher_priority_goes_first_then_the_order_of_registration(core: Core) -> None:
    nodes = [("a", 0), ("b", 5), ("c", -1), ("d", 5), ("e", 0)]
    task_id = register(core, *[{"key": key, "priority": prio} for key, prio in nodes])["task_id"]
    assert acquired_keys(core, task_id) == ["b", "d", "a", "e", "c"]


def test_no_node_runs_before_its_dependencies(core: Core) -> None:
    task_id = register(
        core,
        {"key": "late", "dependencies": ["x", "y"], "priority": 9},
        {"key": "x"},
        {"key": "y"},
    )["task_id"]
    x, y = Worker(core, task_id), Worker(core, task_id)
    assert core.write("AcquireNextNode", task_id=task_id) is None
    assert x.complete()["unblocked"] == []
    assert core.write("AcquireNextNode", task_id=task_id) is None
    assert y.complete()["unblocked"] == [Worker(core, task_id).node_id]


def test_only_capable_workers_get_a_node(core: Core) -> None:
    task_id = register(
        core,
        {"key": "both", "requires": ["gpu", "rust"], "priority": 3},
        {"key": "gpu", "requires": ["gpu"], "priority": 2},
        {"key": "rust", "requires": ["rust"], "priority": 1},
        {"key": "anybody"},
    )["task_id"]
    assert acquired_keys(core, task_id) == ["anybody"]
    assert acquired_keys(core, task_id, capabilities=["rust", "other"]) == ["rust"]
    assert acquired_keys(core, task_id, capabilities=["rust", "gpu"]) == ["both", "gpu"]


def test_capabilities_do_not_change_the_order(core: Core) -> None:
    task_id = register(
        core,
        {"key": "a"},
        {"key": "b", "requires": ["gpu"], "priority": 1},
        {"key": "c", "requires": ["gpu"]},
        {"key": "d", "priority": 1},
    )["task_id"]
    assert acquired_keys(core, task_id, capabilities=["gpu"]) == ["b", "d", "a", "c"]


def test_without_a_task_any_task_is_served_by_priority_then_age(core: Core) -> None:
    register(core, {"key": "old"}, {"key": "old-blocked", "dependencies": ["old"]})
    register(core, {"key": "new"}, {"key": "urgent", "priority": 1})
    register(core, {"key": "special", "requires": ["x"], "priority": 9})
    assert acquired_keys(core, None) == ["urgent", "old", "new"]
    assert acquired_keys(core, None, capabilities=["x"]) == ["special"]


@pytest.mark.parametrize(
    ("node", "asked", "secs"),
    [({}, {}, 300), ({"timeout_secs": 20}, {}, 20), ({"timeout_secs": 20}, {"lease_secs": 7}, 7)],
)
def test_how_long_a_lease_is(
    core: Core, node: dict[str, Any], asked: dict[str, Any], secs: int
) -> None:
    register(core, node)
    core.tick(0.4)
    worker = Worker(core, **asked)
    assert worker.lease["lease_expires_at"] == 1_700_000_001 + secs  # Never shorter than asked.
    core.tick(5)
    assert worker.heartbeat()["lease_expires_at"] == 1_700_000_006 + secs


# A lease in use.


def test_a_heartbeat_keeps_the_lease_alive(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    worker = Worker(core, task_id, lease_secs=10)
    for _ in range(3):
        core.tick(9)
        assert worker.heartbeat() == {
            "ok": True,
            "lease_expires_at": core.now // 1000 + 10,
            "cancel_requested": False,
        }
    assert core.effects.earliest_expiry == core.now // 1000 + 10
    assert worker.heartbeat(lease_secs=99)["lease_expires_at"] == core.now // 1000 + 99
    core.tick(98)
    assert core.write("AcquireNextNode", task_id=task_id) is None
    assert "node.expired" not in core.actions()


@pytest.mark.parametrize("method", WITH_LEASE)
def test_a_lapsed_lease_is_refused_before_and_after_the_sweep(core: Core, method: str) -> None:
    worker = Worker(core, register(core, {})["task_id"], lease_secs=10)
    core.tick(10)
    for swept in (0, 1):
        error = worker.refused(method)
        assert error.reason == "lease_expired"
        assert error.data == {"expired_at": worker.lease["lease_expires_at"]}
        assert core.sweep() == 1 - swept


@pytest.mark.parametrize("method", WITH_LEASE)
def test_a_replaced_lease_is_stale(core: Core, method: str) -> None:
    task_id = register(core, {})["task_id"]
    zombie = Worker(core, task_id, lease_secs=10)
    core.tick(10)
    successor = Worker(core, task_id)
    assert successor.node_id == zombie.node_id
    assert zombie.refused(method).reason == "stale_lease"
    assert successor.complete()["task_finished"] is True
    assert zombie.refused(method).reason == "lease_expired"


@pytest.mark.parametrize("method", WITH_LEASE)
def test_a_lease_that_never_was(core: Core, method: str) -> None:
    answer = register(core, {})
    shown = {"task_id": answer["task_id"], "node_id": answer["node_ids"][0], "lease_id": "made-up"}
    error = refused(core, method, **shown)
    assert (error.reason, error.data) == ("node_not_running", {"status": "PENDING"})
    Worker(core)
    assert refused(core, method, **shown).reason == "stale_lease"


@pytest.mark.parametrize("method", WITH_LEASE)
def test_what_does_not_exist_is_named(core: Core, method: str) -> None:
    one, other = register(core, {}), register(core, {})
    lease = {"lease_id": "x", "node_id": one["node_ids"][0]}
    assert refused(core, method, task_id=str(uuid4()), **lease).reason == "task_not_found"
    assert refused(core, method, task_id=other["task_id"], **lease).reason == "node_not_found"


# Ends of an attempt.


def test_completing_a_node_opens_what_waited_for_it(core: Core) -> None:
    answer = register(
        core,
        {"key": "a"},
        {"key": "c", "dependencies": ["a"]},
        {"key": "b", "dependencies": ["a"]},
        {"key": "d", "dependencies": ["a", "b"]},
    )
    ids = answer["nodes"]
    worker = Worker(core, answer["task_id"], lease_owner="codex", provider="openai")
    core.tick(1)
    done = worker.complete({"files": ["a.py"]})
    assert done["unblocked"] == [ids["c"], ids["b"]]
    assert done["task_finished"] is False
    assert core.effects.runnable == {answer["task_id"]}
    assert core.effects.counts == {"completed_nodes": 1}
    (event,) = core.events("node.completed")
    assert (event["owner"], event["provider"]) == ("codex", "openai")
    assert event["payload"] == {"attempt": 1, "result_payload": {"files": ["a.py"]}}
    assert worker.lease_id not in str(core.events())


def test_the_last_node_finishes_the_task(core: Core) -> None:
    task_id = register(core, *chain(2))["task_id"]
    assert Worker(core, task_id).complete()["task_finished"] is False
    done = Worker(core, task_id).complete()
    assert (done["unblocked"], done["task_finished"]) == ([], True)
    assert core.effects.runnable == set()


def test_whether_a_task_is_finished_does_not_wait_for_a_sweep(core: Core) -> None:
    task_id = register(core, {"max_attempts": 1}, {})["task_id"]
    Worker(core, task_id, lease_secs=10)
    other = Worker(core, task_id)
    core.tick(10)
    assert other.complete()["task_finished"] is True
    assert core.sweep() == 0


def test_a_node_is_failed_for_good_unless_it_may_be_retried(core: Core) -> None:
    worker = Worker(core, register(core, {})["task_id"])
    answer = worker.fail({"why": "no network"})
    assert (answer["status"], answer["attempts"]) == ("FAILED", 1)
    assert core.effects.counts == {"failed_nodes": 1}
    (event,) = core.events("node.failed")
    assert event["payload"] == {"attempt": 1, "error_payload": {"why": "no network"}}
    assert core.write("AcquireNextNode") is None


async def test_a_retryable_failure_gives_the_node_to_the_next(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    first = Worker(core, task_id, lease_owner="codex", provider="openai")
    core.tick(2)
    answer = first.fail({"why": "flaky"}, retryable=True)
    assert (answer["status"], answer["attempts"]) == ("PENDING", 1)
    assert core.effects.runnable == {task_id}
    assert core.actions()[-1] == "node.retried"
    (node,) = (await core.read("TaskStatus", task_id=task_id))["nodes"]
    assert (node["lease_owner"], node["acquired_at"]) == (None, None)
    assert node["error_payload"] == {"why": "flaky"}
    second = Worker(core, task_id)
    assert second.lease["attempt"] == 2
    assert second.lease["context"]["previous_attempts"] == [
        {
            "attempt": 1,
            "lease_owner": "codex",
            "provider": "openai",
            "ended_at": "2023-11-14T22:13:22.000Z",
            "outcome": "retried",
        }
    ]
    second.complete(1)
    (node,) = (await core.read("TaskStatus", task_id=task_id))["nodes"]
    assert (node["result_payload"], node["error_payload"]) == (1, None)


def test_attempts_that_timed_out_or_failed_retryably_count_against_the_limit(core: Core) -> None:
    task_id = register(core, {"max_attempts": 3})["task_id"]
    Worker(core, task_id).fail(retryable=True)
    Worker(core, task_id, lease_secs=10)
    core.tick(10)
    last = Worker(core, task_id)
    answer = last.fail({"why": "again"}, retryable=True)
    assert (answer["status"], answer["attempts"]) == ("FAILED", 3)
    assert core.actions()[-1] == "node.failed"
    assert core.write("AcquireNextNode", task_id=task_id) is None


def test_without_a_limit_a_node_may_be_tried_forever(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    for _ in range(20):
        Worker(core, task_id).fail(retryable=True)
    assert Worker(core, task_id).lease["attempt"] == 21


async def test_the_last_allowed_attempt_that_lapses_fails_the_node(core: Core) -> None:
    task_id = register(core, {"max_attempts": 1, "key": "a"}, {"dependencies": ["a"]})["task_id"]
    Worker(core, task_id, lease_secs=10)
    core.tick(10)
    assert core.write("AcquireNextNode", task_id=task_id) is None
    assert core.actions()[-2:] == ["node.expired", "node.failed"]
    assert core.effects.counts == {
        "acquire_attempts": 1,
        "timeout_rollbacks": 1,
        "failed_nodes": 1,
    }
    status = await core.read("TaskStatus", task_id=task_id)
    assert status["state"] == "failed"
    assert status["nodes"][0]["error_payload"] == {
        "reason": "attempts_exhausted",
        "max_attempts": 1,
    }


def test_a_lapsed_node_goes_to_the_next_without_any_sweep(core: Core) -> None:
    task_id = register(core, {"priority": 9}, {})["task_id"]
    first = Worker(core, task_id, lease_owner="gone", lease_secs=10)
    core.tick(9.999)
    assert Worker(core, task_id).node_id != first.node_id
    core.tick(0.001)
    second = Worker(core, task_id)
    assert (second.node_id, second.lease["attempt"]) == (first.node_id, 2)
    assert second.lease["context"]["previous_attempts"][0]["outcome"] == "expired"
    (event,) = core.events("node.expired")
    assert event["owner"] == "gone"
    assert event["payload"] == {"attempt": 1, "expired_at": first.lease["lease_expires_at"]}


def test_acquiring_from_any_task_rolls_back_lapsed_nodes_of_all(core: Core) -> None:
    for _ in range(2):
        Worker(core, register(core, {})["task_id"], lease_secs=10)
    core.tick(10)
    assert [core.write("AcquireNextNode")["attempt"] for _ in range(2)] == [2, 2]
    assert len(core.events("node.expired")) == 2


def test_the_sweep_rolls_lapsed_nodes_back_and_wakes_who_waits(core: Core) -> None:
    task_id = register(core, {}, {}, {})["task_id"]
    for _ in range(3):
        Worker(core, task_id, lease_secs=10)
    core.tick(10)
    assert [core.sweep(2), core.sweep(2), core.sweep(2)] == [2, 1, 0]
    core.tick(0)
    assert core.actions().count("node.expired") == 3
    Worker(core, task_id, lease_secs=5)
    core.tick(5)
    core.sweep()
    assert core.effects.runnable == {task_id}
    assert core.effects.counts == {"timeout_rollbacks": 1}


async def test_a_task_behind_a_failed_node_is_failed_although_nodes_are_pending(
    core: Core,
) -> None:
    task_id = register(
        core,
        {"key": "a"},
        {"key": "b", "dependencies": ["a"]},
        {"key": "c", "dependencies": ["b"]},
        {"key": "side"},
        {"key": "both", "dependencies": ["side", "c"]},
    )["task_id"]
    Worker(core, task_id).fail()
    status = await core.read("TaskStatus", task_id=task_id)
    assert status["state"] == "active"  # `side` can still run.
    assert Worker(core, task_id).complete() == {
        "event_id": core.one("SELECT event_id FROM journal ORDER BY seq DESC LIMIT 1"),
        "unblocked": [],
        "task_finished": True,
    }
    assert (await core.read("TaskStatus", task_id=task_id))["state"] == "failed"
    assert await statuses(core, task_id) == ["FAILED", "PENDING", "PENDING", "COMPLETED", "PENDING"]
    assert core.write("CancelTask", task_id=register(core, {})["task_id"])
    assert refused(core, "CancelTask", task_id=task_id).reason == "task_finished"


# Repeated and contradicting ends.


@pytest.mark.parametrize("end", ["complete", "fail", "retry"])
def test_ending_again_with_the_same_content_returns_the_first_answer(core: Core, end: str) -> None:
    task_id = register(core, *chain(2))["task_id"]
    worker = Worker(core, task_id)

    def finish(payload: Any) -> Any:
        if end == "complete":
            return worker.complete(payload)
        return worker.fail(payload, retryable=end == "retry")

    first = finish({"a": 1, "b": [2]})
    events = core.events()
    core.tick(100_000)
    assert finish({"b": [2], "a": 1}) == first
    assert core.events() == events
    assert core.effects.runnable == set()
    with pytest.raises(AgentdError) as caught:
        finish({"a": 2})
    assert caught.value.reason == "lease_released"


def test_a_retried_failure_is_answered_alike_although_another_works_on_it(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    worker = Worker(core, task_id)
    first = worker.fail("e", retryable=True)
    Worker(core, task_id)
    assert worker.fail("e", retryable=True) == first
    assert worker.refused("CompleteNode").reason == "lease_released"


def test_who_completed_cannot_fail_it_afterwards(core: Core) -> None:
    worker = Worker(core, register(core, {})["task_id"])
    worker.complete()
    for method in ("FailNode", "HeartbeatNode", "CommitEvent"):
        assert worker.refused(method).reason == "lease_released"


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ("CompleteNode", "result_payload"),
        ("FailNode", "error_payload"),
        ("CommitEvent", "payload"),
    ],
)
def test_a_large_payload_is_refused_by_name_and_changes_nothing(
    core: Core, method: str, field: str
) -> None:
    worker = Worker(core, register(core, {})["task_id"])
    error = worker.refused(method, **{field: "x" * PAYLOAD_BYTES_MAX})
    assert (error.reason, error.data) == (
        "payload_too_large",
        {"path": field, "limit": PAYLOAD_BYTES_MAX},
    )
    assert worker.complete()["task_finished"] is True


@pytest.mark.parametrize("value", [None, 0, "", [], {"deep": [1.5, {"ü": None}]}, True])
async def test_any_json_value_is_a_result(core: Core, value: Any) -> None:
    task_id = register(core, *chain(2))["task_id"]
    Worker(core, task_id).complete(value)
    context = Worker(core, task_id).lease["context"]
    assert context["completed_dependencies"][0]["result_payload"] == value
    (first, _) = (await core.read("TaskStatus", task_id=task_id))["nodes"]
    assert first["result_payload"] == value
