"""Clients that err, attack or vanish get what the contract says, and nobody else notices."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from agentd.core import limits
from agentd.protocol.framing import LineDecoder
from tests.conftest import RunningDaemon, StartDaemon
from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.raw_client import RawClient

HEALTH = b'{"id":"h","method":"Health"}\n'


async def is_served(daemon: RunningDaemon) -> None:
    """A client that comes now can read and write."""
    async with await RawClient.connect(daemon.socket_path) as bystander:
        lock = await bystander.call("AcquireResourceLock", resource_key="tool:bystander")
        found = await bystander.call("ListResourceLocks", prefix="tool:bystander")
        assert [held["fencing_token"] for held in found["locks"]] == [lock["fencing_token"]]
        release = {"resource_key": "tool:bystander", "lease_id": lock["lease_id"]}
        assert await bystander.call("ReleaseResourceLock", **release) == {"ok": True}


@pytest.fixture
async def daemon(running_daemon: RunningDaemon) -> AsyncIterator[RunningDaemon]:
    """A daemon that must serve others after whatever the test does to it."""
    yield running_daemon
    await is_served(running_daemon)


def commit_event(payload: bytes) -> bytes:
    """A request about a task that does not exist, so that only its form counts."""
    task = b"11111111-1111-4111-8111-111111111111"
    params = b'{"task_id":"%b","payload":%b}' % (task, payload)
    return b'{"id":1,"method":"CommitEvent","params":%b}' % params


TOO_DEEP = limits.JSON_DEPTH_MAX + 1


@pytest.mark.parametrize(
    ("line", "request_id", "code", "reason"),
    [
        (b"\x00\x01\x02\x03", None, -32700, "invalid_json"),
        (b"\xef\xbb\xbf" + HEALTH.strip(), None, -32700, "invalid_json"),
        ('{"id":1,"method":"Health"}'.encode("utf-16-le"), None, -32700, "invalid_json"),
        (b"GET / HTTP/1.1", None, -32700, "invalid_json"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", None, -32700, "invalid_utf8"),
        (HEALTH.strip() * 2, None, -32700, "invalid_json"),
        (b"{'id': 1, 'method': 'Health'}", None, -32700, "invalid_json"),
        (b'{"id": 1, "method": "Health",}', None, -32700, "invalid_json"),
        (b"[" * 100_000, None, -32700, "invalid_json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, None, -32700, "invalid_json"),
        (commit_event(b"[" * TOO_DEEP + b"]" * TOO_DEEP), 1, -32700, "invalid_json"),
        (commit_event(b'{"a":' * TOO_DEEP + b"1" + b"}" * TOO_DEEP), 1, -32700, "invalid_json"),
        (commit_event(b"NaN"), None, -32700, "invalid_json"),
        (commit_event(b"[Infinity, -Infinity]"), None, -32700, "invalid_json"),
        (commit_event(b"1e999"), None, -32700, "invalid_json"),
        (commit_event(rb'"\ud800"'), None, -32700, "invalid_json"),
        (commit_event(rb'{"\udfff": 1}'), None, -32700, "invalid_json"),
        (commit_event(b'"\xed\xa0\x80"'), None, -32700, "invalid_utf8"),
        (commit_event(b'"\xc0\x80"'), None, -32700, "invalid_utf8"),
        (commit_event(b'"raw \x01 control"'), None, -32700, "invalid_json"),
        (commit_event(b'"' + b"[" * 2000 + b'"'), 1, -32010, "task_not_found"),
        (commit_event(b"[" + b"[]," * 2000 + b"[]]"), 1, -32010, "task_not_found"),
        (commit_event(b"null"), 1, -32010, "task_not_found"),
        (b"null", None, -32600, "not_an_object"),
        (b"[]", None, -32600, "not_an_object"),
        (b"[" + HEALTH.strip() + b"]", None, -32600, "not_an_object"),
        (b"{}", None, -32600, "missing_method"),
        (b'{"id": {"a": 1}, "method": "Health"}', None, -32600, "bad_id"),
        (b'{"id": [], "method": "Health"}', None, -32600, "bad_id"),
        (b'{"id": false, "method": "Health"}', None, -32600, "bad_id"),
        (b'{"id": 3, "method": null}', 3, -32600, "missing_method"),
        (b'{"id": 3, "method": ["Health"]}', 3, -32600, "missing_method"),
        (b'{"id": 3, "method": ""}', 3, -32601, "unknown_method"),
        (b'{"id": 3, "method": "__class__"}', 3, -32601, "unknown_method"),
        (b'{"id": 3, "method": "Health", "params": "x"}', 3, -32602, "invalid_field"),
        (b'{"id": 3, "method": "Health", "params": 0}', 3, -32602, "invalid_field"),
        (b'{"id": 3, "method": "TaskStatus", "params": null}', 3, -32602, "invalid_field"),
        (b'{"id": 3, "method": "TaskStatus", "params": {"task_id": null}}', 3, -32602, None),
        (b'{"id": 3, "method": "ListTasks", "params": {"self": 1}}', 3, -32602, "unknown_field"),
        (b'{"id": 3, "method": "ListTasks", "params": {"": 1}}', 3, -32602, "unknown_field"),
        (
            b'{"id": 3, "method": "ListTasks", "params": {"cursor": "9999999999999999999999"}}',
            *(3, -32602, "invalid_field"),
        ),
        (
            b'{"id": 3, "method": "AcquireResourceLock", "params": {"resource_key": "file:../x"}}',
            *(3, -32602, "bad_resource_key"),
        ),
        (
            b'{"id":3,"method":"AcquireResourceLock","params":{"resource_key":"file:\\u0000"}}',
            *(3, -32602, "bad_resource_key"),
        ),
        (
            b'{"id":3,"method":"AcquireResourceLock","params":{"resource_key":"k","ttl_secs":1e300}}',
            *(3, -32602, "invalid_field"),
        ),
    ],
)
async def test_nonsense_gets_its_documented_error(
    daemon: RunningDaemon, line: bytes, request_id: object, code: int, reason: str | None
) -> None:
    client = await daemon.client()
    client.send_bytes(line + b"\n" + HEALTH)
    response = await client.receive()
    assert response["id"] == request_id
    error = response["error"]
    assert error["code"] == code
    assert error["data"]["reason"] == (reason or "invalid_field")
    assert error["data"]["hint"]
    assert (await client.receive())["id"] == "h"


async def test_the_last_of_two_equal_keys_counts(daemon: RunningDaemon) -> None:
    client = await daemon.client()
    client.send_bytes(b'{"id":1,"id":2,"method":"Nope","method":"Health","params":{}}\n')
    response = await client.receive()
    assert response["id"] == 2
    assert response["result"]["status"] == "ok"


async def test_null_params_are_left_out(daemon: RunningDaemon) -> None:
    client = await daemon.client()
    client.send_bytes(b'{"id":null,"method":"ListTasks","params":null}\n')
    assert await client.receive() == {"id": None, "result": {"tasks": [], "next_cursor": None}}
    lock = await client.call(
        "AcquireResourceLock", resource_key="k", owner=None, mode=None, ttl_secs=None, lease_id=None
    )
    assert lock["owner"] == "anonymous"


async def test_json_as_deep_as_allowed_comes_back_as_it_was(daemon: RunningDaemon) -> None:
    client = await daemon.client()
    task = await client.call("RegisterTask", goal="g")
    payload: object = "deep"
    for _ in range(limits.JSON_DEPTH_MAX - 1):
        payload = [payload]
    await client.call("CommitEvent", task_id=task["task_id"], payload=payload)
    events = (await client.call("ListEvents", action_types=["COMMIT_EVENT"]))["events"]
    assert events[0]["payload"] == payload


@pytest.mark.parametrize("seed", range(5))
async def test_noise_is_answered_line_by_line(daemon: RunningDaemon, seed: int) -> None:
    choose = random.Random(seed)
    client = await daemon.client()
    decoder = LineDecoder(limits.LINE_BYTES_DEFAULT)
    expected = 0
    for _ in range(200):
        noise = choose.randbytes(choose.randrange(60)) + choose.choice([b"\n", b"", b"\r\n"])
        expected += len(decoder.feed(noise))
        client.send_bytes(noise)
    expected += len(decoder.feed(b"\n"))
    client.send_bytes(b"\n" + HEALTH)
    errors = [(await client.receive())["error"] for _ in range(expected)]
    reasons = {error["data"]["reason"] for error in errors}
    assert reasons <= {"invalid_json", "invalid_utf8", "not_an_object"}
    assert (await client.receive())["id"] == "h"


async def test_half_a_line_and_the_end_is_answered_and_over(daemon: RunningDaemon) -> None:
    client = await daemon.client()
    client.send_bytes(HEALTH + b'{"id":2,"method":"Regis')
    client.end()
    assert (await client.receive())["id"] == "h"
    assert (await client.receive())["error"]["data"]["reason"] == "invalid_json"
    with pytest.raises(EOFError):
        await client.receive()


async def test_clients_that_vanish_amid_a_line_leave_nothing(daemon: RunningDaemon) -> None:
    line = b'{"id":1,"method":"RegisterTask","params":{"goal":"half"}}'
    for length in range(0, len(line), 3):  # A whole line would count, even without its end.
        client = await daemon.client()
        client.send_bytes(line[:length])
        await client.close()
    observer = await daemon.client()
    assert await observer.call("ListTasks") == {"tasks": [], "next_cursor": None}


async def test_a_request_may_come_byte_by_byte(daemon: RunningDaemon) -> None:
    slow, other = await daemon.client(), await daemon.client()
    for byte in HEALTH:
        slow.send_bytes(bytes([byte]))
        assert (await other.call("Health"))["status"] == "ok"
    assert (await slow.receive())["id"] == "h"


async def test_a_line_without_end_is_refused_once_and_not_kept(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(max_line_bytes=4096)
    client = await daemon.client()
    for _ in range(200):
        client.send_bytes(b"x" * 65_536)
    response = await client.receive()
    assert response["error"]["code"] == -32001
    assert response["error"]["data"]["reason"] == "line_too_long"
    client.send_bytes(b"\n" + HEALTH)
    assert (await client.receive())["id"] == "h"
    await is_served(daemon)


async def test_a_line_may_be_as_long_as_the_limit_says(daemon: RunningDaemon) -> None:
    client = await daemon.client()
    padding = b" " * (limits.LINE_BYTES_DEFAULT - len(HEALTH) + 1)
    client.send_bytes(padding + HEALTH)
    assert (await client.receive())["id"] == "h"
    client.send_bytes(padding + b" " + HEALTH + HEALTH)
    assert (await client.receive())["error"]["data"]["limit"] == limits.LINE_BYTES_DEFAULT
    assert (await client.receive())["id"] == "h"


async def test_ten_thousand_requests_at_once_are_answered_in_order(daemon: RunningDaemon) -> None:
    flooding, other = await daemon.client(), await daemon.client()
    kinds = (b"Health", b"ListTasks", b"Nope", b"AcquireNextNode")
    flooding.send_bytes(
        b"".join(b'{"id":%d,"method":"%b"}\n' % (n, kinds[n % 4]) for n in range(10_000))
    )
    for _ in range(20):
        assert (await other.call("Health"))["status"] == "ok"
    for expected in range(10_000):
        response = await flooding.receive()
        assert response["id"] == expected
        assert ("error" in response) == (expected % 4 == 2)


async def test_one_that_floods_and_vanishes_unread_harms_nobody(daemon: RunningDaemon) -> None:
    for _ in range(5):
        rude = await daemon.client()
        rude.send_bytes(b'{"id":1,"method":"DescribeInterface"}\n' * 2000)
        await is_served(daemon)
        await rude.close()
    observer = await daemon.client()
    async with asyncio.timeout(PATIENCE_SECS):
        while (await observer.call("Metrics"))["runtime"]["connections"] != 1:
            pass  # Each look is a round trip.


async def test_a_flood_of_waits_meets_its_limit(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(max_waiters=50)
    holder, flooding = await daemon.client(), await daemon.client()
    await holder.call("AcquireResourceLock", resource_key="k", owner="holder")
    for number in range(1000):
        wanted = {"resource_key": "k", "owner": f"w{number}", "wait_secs": 3600}
        flooding.send("AcquireResourceLock", **wanted)
    for _ in range(950):
        error = (await flooding.receive())["error"]
        assert (error["code"], error["data"]["reason"]) == (-32014, "too_many_waiters")
        assert error["data"]["limit"] == 50
    await is_served(daemon)
    assert (await flooding.call("Health"))["status"] == "ok"  # Waits hold no other answer up.
    await flooding.close()
    await daemon.until_waiting(0)


async def test_a_thousand_connections_too_many_are_told_so(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(max_connections=20)
    welcome = [await daemon.client() for _ in range(20)]
    for client in welcome:
        assert (await client.call("Health"))["status"] == "ok"
    for _ in range(10):
        crowd = [await RawClient.connect(daemon.socket_path) for _ in range(100)]
        for client in crowd:
            error = (await client.receive())["error"]
            assert (error["code"], error["data"]["reason"]) == (-32014, "too_many_connections")
            assert error["data"]["limit"] == 20
            with pytest.raises(EOFError):
                await client.receive()
            await client.close()
        assert (await welcome[0].call("Metrics"))["runtime"]["connections"] == 20
    for client in welcome:
        assert (await client.call("Health"))["status"] == "ok"


async def test_clients_that_come_and_go_leave_no_trace(daemon: RunningDaemon) -> None:
    for _ in range(300):
        client = await RawClient.connect(daemon.socket_path)
        await client.close()
    observer = await daemon.client()
    async with asyncio.timeout(PATIENCE_SECS):
        while (await observer.call("Metrics"))["runtime"]["connections"] != 1:
            pass  # Each look is a round trip.


async def test_as_many_keys_as_allowed_and_one_more(daemon: RunningDaemon) -> None:
    client = await daemon.client()
    keys = [f"file:d{number % 7}/f{number}" for number in range(limits.LOCKS_PER_REQUEST_MAX)]
    granted = await client.call("AcquireResourceLocks", resource_keys=keys)
    assert len({lock["lease_id"] for lock in granted["locks"]}) == len(keys)
    error = await client.refusal("AcquireResourceLocks", resource_keys=[*keys, "one:more"])
    assert (error["reason"], error["path"]) == ("invalid_field", "resource_keys")
    denied = await client.call("AcquireResourceLocks", resource_keys=["dir:d1", "free"])
    assert denied is None
