"""What a connection may rely on: order, framing, limits, and ends of every kind."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import pytest

from agentd.core import limits, server
from tests.conftest import RunningDaemon, StartDaemon
from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.raw_client import BlockingRawClient, Json


async def test_pipelined_requests_are_answered_in_order(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    methods = ["Health", "ListTasks", "RegisterTask", "Metrics", "DescribeInterface"] * 40
    sent = [client.send(method, **({"goal": "g"} if "Reg" in method else {})) for method in methods]
    assert [(await client.receive())["id"] for _ in sent] == sent


async def test_a_request_sees_what_its_connection_did_before(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    task_id = str(uuid4())
    client.send("ListTasks")
    client.send("RegisterTask", goal="g", task_id=task_id)
    client.send("TaskStatus", task_id=task_id)
    client.send("CancelTask", task_id=task_id)
    before, _, status, _ = [await client.receive() for _ in range(4)]
    assert before["result"]["tasks"] == []
    assert status["result"]["task"]["id"] == task_id


async def test_more_requests_than_may_be_in_flight_are_all_answered(
    running_daemon: RunningDaemon,
) -> None:
    client = await running_daemon.client()
    count = limits.REQUESTS_IN_FLIGHT_PER_CONNECTION * 4
    sent = [client.send("AcquireResourceLock", resource_key=f"k{n}") for n in range(count)]
    answers = [await client.receive() for _ in sent]
    assert [answer["id"] for answer in answers] == sent
    tokens = [answer["result"]["fencing_token"] for answer in answers]
    assert tokens == sorted(set(tokens))


async def test_any_id_comes_back_as_it_was(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    for request_id in (0, -7, "x", "", None, 1.5, 2**53, "ünïcode"):
        client.send_bytes(json.dumps({"id": request_id, "method": "Health"}).encode() + b"\n")
        response = await client.receive()
        assert response["id"] == request_id
        assert response["result"]["status"] == "ok"


async def test_snake_case_names_and_aliases_are_the_same_methods(
    running_daemon: RunningDaemon,
) -> None:
    client = await running_daemon.client()
    task = await client.call("register_task", goal="g", initial_nodes=[{"key": "a"}])
    for name in ("TaskStatus", "task_status", "GetTaskStatus", "get_task_status"):
        status = await client.call(name, task_id=task["task_id"])
        assert status["task"]["id"] == task["task_id"]


@pytest.mark.parametrize(
    ("line", "request_id", "code", "reason"),
    [
        (b"nonsense", None, -32700, "invalid_json"),
        (b'{"id": 1', None, -32700, "invalid_json"),
        (b'{"id": "\xff"}', None, -32700, "invalid_utf8"),
        (b"[1, 2]", None, -32600, "not_an_object"),
        (b'"Health"', None, -32600, "not_an_object"),
        (b'{"id": 1}', 1, -32600, "missing_method"),
        (b'{"id": 1, "method": 2}', 1, -32600, "missing_method"),
        (b'{"id": [1], "method": "Health"}', None, -32600, "bad_id"),
        (b'{"id": true, "method": "Health"}', None, -32600, "bad_id"),
        (b'{"id": 1, "method": "Helth"}', 1, -32601, "unknown_method"),
        (b'{"id": 1, "method": "Health", "params": []}', 1, -32602, "invalid_field"),
        (b'{"id": 1, "method": "Health", "params": {"x": 1}}', 1, -32602, "unknown_field"),
        (b'{"id": 1, "method": "TaskStatus"}', 1, -32602, "invalid_field"),
    ],
)
async def test_a_bad_line_is_explained_and_the_connection_goes_on(
    running_daemon: RunningDaemon, line: bytes, request_id: object, code: int, reason: str
) -> None:
    client = await running_daemon.client()
    client.send_bytes(line + b"\n\n  \r\n")
    response = await client.receive()
    assert response["id"] == request_id
    assert response["error"]["code"] == code
    assert response["error"]["data"]["reason"] == reason
    assert response["error"]["data"]["hint"]
    assert (await client.call("Health"))["status"] == "ok"


async def test_a_misspelt_field_is_refused_by_its_name(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    error = await client.refusal("AcquireResourceLock", resource_key="k", ttl_sec=5)
    assert error["reason"] == "unknown_field"
    assert error["path"] == "ttl_sec"
    assert error["did_you_mean"] == "ttl_secs"
    requests = (await client.call("Metrics"))["runtime"]["requests"]
    assert (
        requests["AcquireResourceLock"]["count"],
        requests["AcquireResourceLock"]["errors"],
    ) == (1, 1)
    assert await client.call("ListResourceLocks") == {"locks": []}


async def test_a_line_that_is_too_long_is_refused_and_the_next_one_read(
    start_daemon: StartDaemon,
) -> None:
    daemon = await start_daemon(max_line_bytes=1024)
    client = await daemon.client()
    client.send_bytes(b'{"id": 1, "method": "Health", "params": {"x": "' + b"x" * 300_000)
    response = await client.receive()
    assert response["id"] is None
    assert response["error"]["code"] == -32001
    assert response["error"]["data"]["limit"] == 1024
    client.send_bytes(b'"}}\n')
    assert (await client.call("Health"))["status"] == "ok"


async def test_a_client_that_half_closes_gets_every_answer(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    sent = [client.send("AcquireResourceLock", resource_key=f"k{n}") for n in range(600)]
    client.send_bytes(b'{"id": "last", "method": "Health"}')  # Without a line end.
    client.end()
    assert [(await client.receive())["id"] for _ in sent] == sent
    assert (await client.receive())["id"] == "last"
    with pytest.raises(EOFError):
        await client.receive()


async def test_a_client_that_half_closes_while_it_waits_is_answered(
    running_daemon: RunningDaemon,
) -> None:
    holder, waiter = await running_daemon.client(), await running_daemon.client()
    held = await holder.call("AcquireResourceLock", resource_key="k", owner="a")
    waiting = waiter.send("AcquireResourceLock", resource_key="k", owner="b", wait_secs=60)
    waiter.end()
    await running_daemon.until_waiting(1)
    await holder.call("ReleaseResourceLock", resource_key="k", lease_id=held["lease_id"])
    response = await waiter.receive()
    assert response["id"] == waiting
    assert response["result"]["owner"] == "b"
    with pytest.raises(EOFError):
        await waiter.receive()


@pytest.mark.parametrize("half_closed_before", [False, True])
async def test_a_client_that_goes_away_waits_no_longer(
    running_daemon: RunningDaemon, half_closed_before: bool
) -> None:
    holder, gone = await running_daemon.client(), await running_daemon.client()
    held = await holder.call("AcquireResourceLock", resource_key="k", owner="a")
    gone.send("AcquireResourceLock", resource_key="k", owner="b", wait_secs=3600)
    gone.send("AcquireNextNode", wait_secs=3600)
    gone.send("ListEvents", after_seq=1000, wait_secs=3600)
    if half_closed_before:
        gone.end()
    await running_daemon.until_waiting(3)
    await gone.close()
    await running_daemon.until_waiting(0)
    await holder.call("ReleaseResourceLock", resource_key="k", lease_id=held["lease_id"])
    assert await holder.call("ListResourceLocks") == {"locks": []}


async def test_what_a_client_had_sent_is_done_even_when_it_does_not_stay(
    running_daemon: RunningDaemon,
) -> None:
    observer, gone = await running_daemon.client(), await running_daemon.client()
    for number in range(100):
        gone.send("RegisterTask", goal=str(number))
    await gone.close()
    page = await observer.call("ListEvents", after_seq=99, wait_secs=PATIENCE_SECS)
    assert [event["seq"] for event in page["events"]] == [100]


async def test_one_client_more_than_allowed_is_told_so(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(max_connections=2)
    first, second = await daemon.client(), await daemon.client()
    assert (await first.call("Health"))["status"] == (await second.call("Health"))["status"]
    third = await daemon.client()
    response = await third.receive()
    assert response["id"] is None
    assert response["error"]["code"] == -32014
    assert response["error"]["data"]["reason"] == "too_many_connections"
    assert response["error"]["data"]["limit"] == 2
    with pytest.raises(EOFError):
        await third.receive()
    await second.close()
    async with asyncio.timeout(PATIENCE_SECS):
        while (await first.call("Metrics"))["runtime"]["connections"] != 1:
            pass  # Each look is a round trip.
    assert (await (await daemon.client()).call("Health"))["status"] == "ok"


async def test_who_is_refused_may_send_before_reading_why(
    start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REFUSED_SECS", 10 * PATIENCE_SECS)
    daemon = await start_daemon(max_connections=1)
    first = await daemon.client()
    await first.call("Health")

    def send_twice() -> Json:
        with BlockingRawClient(daemon.socket_path) as refused:
            answer = refused.receive()
            refused.send("Health")
            refused.send("Health")
            with pytest.raises(EOFError):
                refused.receive()
        return answer

    error = (await asyncio.to_thread(send_twice))["error"]
    assert error["data"]["reason"] == "too_many_connections"


async def test_a_client_that_does_not_read_holds_nobody_else_up(
    running_daemon: RunningDaemon,
) -> None:
    silent, other = await running_daemon.client(), await running_daemon.client()
    sent = [silent.send("DescribeInterface") for _ in range(1000)]
    for _ in range(50):
        assert (await other.call("Health"))["status"] == "ok"
    # It was held back, not cut off: when it reads, everything is there, in order.
    assert [(await silent.receive())["id"] for _ in sent] == sent
