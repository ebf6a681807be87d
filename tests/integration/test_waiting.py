"""Calls that wait: first come first served, no circles, no crowd, and an end for everybody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import RunningDaemon, StartDaemon
from tests.fakes.raw_client import RawClient

LOCK, LOCKS, RELEASE = "AcquireResourceLock", "AcquireResourceLocks", "ReleaseResourceLock"


async def release(client: RawClient, lock: dict[str, Any]) -> None:
    key, lease_id = lock["resource_key"], lock["lease_id"]
    assert await client.call(RELEASE, resource_key=key, lease_id=lease_id) == {"ok": True}


async def test_a_wait_holds_no_other_answer_up(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    held = await client.call(LOCK, resource_key="k", owner="a")
    waiting = client.send(LOCK, resource_key="k", owner="b", wait_secs=60)
    other = client.send("Health")
    assert (await client.receive())["id"] == other
    releasing = client.send(RELEASE, resource_key="k", lease_id=held["lease_id"])
    answers = {answer["id"]: answer for answer in [await client.receive(), await client.receive()]}
    assert answers[releasing]["result"] == {"ok": True}
    assert answers[waiting]["result"]["owner"] == "b"


async def test_locks_are_granted_in_the_order_of_asking(running_daemon: RunningDaemon) -> None:
    holder = await running_daemon.client()
    held = await holder.call(LOCK, resource_key="k", owner="holder")
    waiters = [await running_daemon.client() for _ in range(8)]
    for number, waiter in enumerate(waiters):
        waiter.send(LOCK, resource_key="k", owner=f"w{number}", wait_secs=60)
        await running_daemon.until_waiting(number + 1)
    lock = held
    for number, waiter in enumerate(waiters):
        await release(holder, lock)
        lock = (await waiter.receive())["result"]
        assert lock["owner"] == f"w{number}"
    tokens = [event["payload"]["fencing_token"] for event in await acquired(holder)]
    assert tokens == sorted(tokens)


async def acquired(client: RawClient) -> list[dict[str, Any]]:
    events = await client.call("ListEvents", action_types=["lock.acquired"])
    result: list[dict[str, Any]] = events["events"]
    return result


async def test_nobody_overtakes_who_waits_for_an_overlapping_lock(
    running_daemon: RunningDaemon,
) -> None:
    holder, waiter, third = [await running_daemon.client() for _ in range(3)]
    held = await holder.call(LOCK, resource_key="file:src/a", owner="a")
    waiter.send(LOCK, resource_key="dir:src", owner="b", wait_secs=60)
    await running_daemon.until_waiting(1)
    # It is free, but b, who asked before, would wait the longer for it.
    assert await third.call(LOCK, resource_key="file:src/b", owner="c") is None
    assert await third.call(LOCKS, resource_keys=["k", "file:src/b"], owner="c") is None
    assert (await third.call(LOCK, resource_key="file:doc/b", owner="c"))["owner"] == "c"
    third.send(LOCK, resource_key="file:src/b", owner="c", wait_secs=60)
    await running_daemon.until_waiting(2)
    await release(holder, held)
    granted = (await waiter.receive())["result"]
    assert granted["resource_key"] == "dir:src"
    await release(waiter, granted)
    assert (await third.receive())["result"]["resource_key"] == "file:src/b"


async def test_shared_waiters_are_granted_together(running_daemon: RunningDaemon) -> None:
    holder, one, two = [await running_daemon.client() for _ in range(3)]
    held = await holder.call(LOCK, resource_key="k", owner="a")
    for waiter, owner in ((one, "b"), (two, "c")):
        waiter.send(LOCK, resource_key="k", owner=owner, mode="shared", wait_secs=60)
    await running_daemon.until_waiting(2)
    await release(holder, held)
    assert (await one.receive())["result"]["owner"] == "b"
    assert (await two.receive())["result"]["owner"] == "c"


async def test_a_wait_that_ends_in_vain_says_who_holds_the_lock_now(
    running_daemon: RunningDaemon,
) -> None:
    holder, waiter = await running_daemon.client(), await running_daemon.client()
    await holder.call(LOCK, resource_key="k", owner="a")
    assert await waiter.call(LOCK, resource_key="k", owner="b", wait_secs=0.01) is None
    answer = await waiter.call(LOCK, resource_key="k", owner="b", wait_secs=0.01, if_held="holder")
    assert answer["granted"] is False
    assert answer["holder"]["owner"] == "a"
    runtime = (await holder.call("Metrics"))["runtime"]
    assert (runtime["locks_granted"], runtime["locks_denied"]) == (1, 2)
    assert runtime["waiters"] == 0


async def test_those_behind_a_wait_that_ends_go_on(running_daemon: RunningDaemon) -> None:
    holder, first, second = [await running_daemon.client() for _ in range(3)]
    await holder.call(LOCK, resource_key="file:src/a", owner="a")
    first.send(LOCK, resource_key="dir:src", owner="b", wait_secs=3600)
    await running_daemon.until_waiting(1)
    second.send(LOCK, resource_key="file:src/b", owner="c", wait_secs=60)
    await running_daemon.until_waiting(2)
    await first.close()
    assert (await second.receive())["result"]["owner"] == "c"


async def test_several_locks_are_waited_for_as_one(running_daemon: RunningDaemon) -> None:
    holder, waiter = await running_daemon.client(), await running_daemon.client()
    one = await holder.call(LOCK, resource_key="x", owner="a")
    two = await holder.call(LOCK, resource_key="y", owner="a")
    waiter.send(LOCKS, resource_keys=["x", "y"], owner="b", wait_secs=60)
    await running_daemon.until_waiting(1)
    await release(holder, one)
    assert [lock["owner"] for lock in (await holder.call("ListResourceLocks"))["locks"]] == ["a"]
    await release(holder, two)
    assert [lock["owner"] for lock in (await waiter.receive())["result"]["locks"]] == ["b", "b"]


async def test_a_wait_that_would_close_a_circle_is_refused_at_once(
    running_daemon: RunningDaemon,
) -> None:
    one, two, three = [await running_daemon.client() for _ in range(3)]
    await one.call(LOCK, resource_key="x", owner="a")
    await two.call(LOCK, resource_key="y", owner="b")
    held = await three.call(LOCK, resource_key="z", owner="c")
    one.send(LOCK, resource_key="y", owner="a", wait_secs=60)
    await running_daemon.until_waiting(1)
    two.send(LOCK, resource_key="z", owner="b", wait_secs=60)
    await running_daemon.until_waiting(2)
    error = await three.refusal(LOCK, resource_key="x", owner="c", wait_secs=60)
    assert (error["code"], error["reason"]) == (-32014, "wait_cycle")
    assert error["cycle"] == ["c", "a", "b", "c"]
    await release(three, held)
    assert (await two.receive())["result"]["owner"] == "b"


async def test_a_renewal_is_not_held_up_by_those_who_wait(running_daemon: RunningDaemon) -> None:
    holder, waiter = await running_daemon.client(), await running_daemon.client()
    held = await holder.call(LOCK, resource_key="k", owner="a")
    waiter.send(LOCK, resource_key="k", owner="b", wait_secs=3600)
    await running_daemon.until_waiting(1)
    renewed = await holder.call(LOCK, resource_key="k", owner="a", lease_id=held["lease_id"])
    assert renewed["fencing_token"] == held["fencing_token"]


async def test_more_waiters_than_allowed_are_refused(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(max_waiters=1)
    client = await daemon.client()
    client.send("AcquireNextNode", wait_secs=3600)
    await daemon.until_waiting(1)
    for method, params in (
        ("AcquireNextNode", {}),
        ("ListEvents", {"after_seq": 1000}),
    ):
        error = await client.refusal(method, wait_secs=60, **params)
        assert (error["reason"], error["limit"]) == ("too_many_waiters", 1)
    # What need not wait is served.
    assert (await client.call(LOCK, resource_key="k", wait_secs=60))["resource_key"] == "k"


async def test_workers_wait_for_nodes(running_daemon: RunningDaemon) -> None:
    planner = await running_daemon.client()
    workers = [await running_daemon.client() for _ in range(3)]
    for number, worker in enumerate(workers):
        worker.send("AcquireNextNode", lease_owner=f"w{number}", wait_secs=60)
        await running_daemon.until_waiting(number + 1)
    task = await planner.call(
        "RegisterTask",
        goal="g",
        initial_nodes=[{"key": "a"}, {"key": "b", "dependencies": ["a"]}],
    )
    first = (await workers[0].receive())["result"]
    assert first["node_id"] == task["nodes"]["a"]
    done = {"task_id": first["task_id"], "node_id": first["node_id"]}
    await planner.call("CompleteNode", **done, lease_id=first["lease_id"])
    second = (await workers[1].receive())["result"]
    assert second["node_id"] == task["nodes"]["b"]
    assert second["lease_owner"] == "w1"


async def test_a_crowd_of_waiting_workers_gets_each_a_node(running_daemon: RunningDaemon) -> None:
    planner, crowd = await running_daemon.client(), await running_daemon.client()
    for _ in range(200):
        crowd.send("AcquireNextNode", wait_secs=60)
    await running_daemon.until_waiting(200)
    await planner.call("RegisterTask", goal="g", initial_nodes=[{} for _ in range(200)])
    nodes = [(await crowd.receive())["result"]["node_id"] for _ in range(200)]
    assert len(set(nodes)) == 200


async def test_a_waiting_worker_gets_only_what_it_can_do(running_daemon: RunningDaemon) -> None:
    planner, plain, able = [await running_daemon.client() for _ in range(3)]
    plain.send("AcquireNextNode", lease_owner="plain", wait_secs=3600)
    able.send("AcquireNextNode", lease_owner="able", capabilities=["gpu"], wait_secs=60)
    await running_daemon.until_waiting(2)
    await planner.call("RegisterTask", goal="g", initial_nodes=[{"requires": ["gpu"]}])
    assert (await able.receive())["result"]["lease_owner"] == "able"
    await running_daemon.until_waiting(1)


async def test_a_worker_that_waits_gets_the_node_of_one_that_fell_silent(
    running_daemon: RunningDaemon,
) -> None:
    silent, waiting = await running_daemon.client(), await running_daemon.client()
    await silent.call("RegisterTask", goal="g", initial_nodes=[{"key": "a"}])
    lost = await silent.call("AcquireNextNode", lease_owner="silent")
    waiting.send("AcquireNextNode", lease_owner="next", wait_secs=60)
    await running_daemon.until_waiting(1)
    await running_daemon.advance(301)
    node = (await waiting.receive())["result"]
    assert (node["node_id"], node["attempt"]) == (lost["node_id"], 2)


async def test_a_lock_that_runs_out_goes_to_who_waits(running_daemon: RunningDaemon) -> None:
    silent, waiting = await running_daemon.client(), await running_daemon.client()
    await silent.call(LOCK, resource_key="k", owner="a", ttl_secs=10)
    waiting.send(LOCK, resource_key="k", owner="b", wait_secs=60)
    await running_daemon.until_waiting(1)
    await running_daemon.advance(9)
    assert (await silent.call("Metrics"))["runtime"]["waiters"] == 1
    await running_daemon.advance(1)
    assert (await waiting.receive())["result"]["owner"] == "b"


async def test_following_the_journal_skips_what_is_not_asked_for(
    running_daemon: RunningDaemon,
) -> None:
    actor, follower = await running_daemon.client(), await running_daemon.client()
    follower.send("ListEvents", action_types=["lock.released"], wait_secs=60)
    await running_daemon.until_waiting(1)
    held = await actor.call(LOCK, resource_key="k", owner="a")
    await release(actor, held)
    answer = (await follower.receive())["result"]
    assert [event["action_type"] for event in answer["events"]] == ["lock.released"]
    assert answer["last_seq"] == 2
    page = await follower.call("ListEvents", after_seq=answer["last_seq"], wait_secs=0.01)
    assert page == {"events": [], "last_seq": 2}


async def test_a_retry_of_a_wait_gets_the_first_grant(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    held = await client.call(LOCK, resource_key="k", owner="a")
    asked = {"resource_key": "k", "owner": "b", "idempotency_key": "once", "wait_secs": 0.01}
    assert await client.call(LOCK, **asked) is None
    await release(client, held)
    granted = await client.call(LOCK, **asked)
    assert await client.call(LOCK, **asked) == granted


@pytest.mark.parametrize(
    ("method", "params"),
    [
        (LOCK, {"resource_key": "k"}),
        ("AcquireNextNode", {}),
        ("ListEvents", {"after_seq": 1000}),
    ],
)
async def test_whoever_waits_hears_that_the_daemon_stops(
    running_daemon: RunningDaemon, method: str, params: dict[str, Any]
) -> None:
    holder, waiter = await running_daemon.client(), await running_daemon.client()
    await holder.call(LOCK, resource_key="k", owner="a")
    waiter.send(method, wait_secs=3600, **params)
    await running_daemon.until_waiting(1)
    await running_daemon.stop()
    response = await waiter.receive()
    assert response["error"]["code"] == -32015
    assert response["error"]["data"]["reason"] == "shutting_down"
    with pytest.raises(EOFError):
        await waiter.receive()
