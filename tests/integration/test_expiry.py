"""A lease that has run out is over for everybody, whether or not a sweep has been there."""

from __future__ import annotations

from tests.conftest import RunningDaemon, StartDaemon


async def test_whoever_reads_sees_no_lease_that_has_run_out(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    task = await client.call("RegisterTask", goal="g", initial_nodes=[{"key": "a"}])
    await client.call("AcquireNextNode", lease_secs=5)
    await client.call("AcquireResourceLock", resource_key="k", ttl_secs=5)
    running_daemon.clock.advance(6)  # No sweep: the clock has moved, and that is all.
    assert await client.call("ListResourceLocks") == {"locks": []}
    (node,) = (await client.call("TaskStatus", task_id=task["task_id"]))["nodes"]
    assert (node["status"], node["lease_owner"]) == ("PENDING", None)
    events = (await client.call("ListEvents", after_seq=3))["events"]
    assert {event["action_type"] for event in events} == {"node.expired", "lock.expired"}


async def test_who_shows_a_lease_that_has_run_out_is_refused(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    lock = await client.call("AcquireResourceLock", resource_key="k", ttl_secs=5)
    running_daemon.clock.advance(5)
    shown = {"resource_key": "k", "lease_id": lock["lease_id"]}
    error = await client.refusal("ReleaseResourceLock", **shown)
    assert (error["code"], error["reason"], error["retry"]) == (
        -32011,
        "lease_expired",
        "reacquire",
    )


async def test_many_leases_that_run_out_together_are_all_swept(
    running_daemon: RunningDaemon,
) -> None:
    client = await running_daemon.client()
    keys = [f"k{number}" for number in range(999)]
    for part in (keys[:500], keys[500:]):
        await client.call("AcquireResourceLocks", resource_keys=part, ttl_secs=5)
    later = await client.call("AcquireResourceLock", resource_key="later", ttl_secs=50)
    await running_daemon.advance(5)
    assert (await client.call("Metrics"))["runtime"]["locks_expired"] == 999
    await running_daemon.advance(45)
    expired = await client.call("ListEvents", after_seq=1000, action_types=["lock.expired"])
    last = expired["events"][-1]
    assert (last["resource_key"], last["payload"]["fencing_token"]) == (
        "later",
        later["fencing_token"],
    )


async def test_a_sweep_comes_by_itself(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(sweep_secs=0.01)
    client = await daemon.client()
    await client.call("AcquireResourceLock", resource_key="k", ttl_secs=5)
    daemon.clock.advance(5)
    # Following reads once and then waits; only the sweep's own event can end the wait.
    page = await client.call("ListEvents", action_types=["lock.expired"], wait_secs=20)
    assert len(page["events"]) == 1
