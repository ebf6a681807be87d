"""A worker that stalls past its lease and comes back: what it writes then is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import StartProcess
from tests.fakes.raw_client import BlockingRawClient

WORKER = """
import json, sys
from pathlib import Path
from tests.fakes.raw_client import BlockingRawClient

with BlockingRawClient(Path(sys.argv[1])) as client:
    node = client.call("AcquireNextNode", lease_owner="zombie", lease_secs=1)
    lock = client.call("AcquireResourceLock", resource_key="k", owner="zombie", ttl_secs=1)
    shown = {name: node[name] for name in ("task_id", "node_id", "lease_id")}
    lock_shown = {name: lock[name] for name in ("resource_key", "lease_id")}
    print(json.dumps({"token": lock["fencing_token"]}), flush=True)
    sys.stdin.readline()  # It works. Stopped here, it does not notice how long.
    answers = [
        client.request("HeartbeatNode", **shown),
        client.request("CommitEvent", **shown, payload={"from": "the dead"}),
        client.request("CompleteNode", **shown, result_payload={"from": "the dead"}),
        client.request("FailNode", **shown),
        client.request("HeartbeatResourceLock", **lock_shown),
        client.request("ReleaseResourceLock", **lock_shown),
    ]
    print(json.dumps(answers), flush=True)
"""


@contextmanager
def worker(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_a_zombies_writes_are_refused(daemon_process: StartProcess) -> None:
    path = daemon_process(AGENTD_SWEEP_SECS="0.05").socket_path
    with BlockingRawClient(path) as client:
        client.call("RegisterTask", goal="g", initial_nodes=[{}])
        with worker(path) as zombie:
            stale_token = said(zombie)["token"]
            os.kill(zombie.pid, signal.SIGSTOP)
            # Its leases run out by themselves, and its work goes to somebody who waits for it.
            node = client.call("AcquireNextNode", lease_owner="heir", wait_secs=15)
            lock = client.call("AcquireResourceLock", resource_key="k", owner="heir", wait_secs=15)
            assert (node["lease_owner"], node["attempt"]) == ("heir", 2)
            assert lock["fencing_token"] > stale_token
            os.kill(zombie.pid, signal.SIGCONT)
            assert zombie.stdin is not None
            zombie.stdin.write("go on\n")
            zombie.stdin.flush()
            answers = said(zombie)
        assert {answer["error"]["code"] for answer in answers} == {-32011}
        assert {answer["error"]["data"]["retry"] for answer in answers} == {"reacquire"}
        events = client.call("ListEvents")["events"]
        assert [event["action_type"] for event in events if event["owner"] == "zombie"].count(
            "COMMIT_EVENT"
        ) == 0
        shown = {name: node[name] for name in ("task_id", "node_id", "lease_id")}
        assert client.call("CompleteNode", **shown)["task_finished"] is True
        assert [held["owner"] for held in client.call("ListResourceLocks")["locks"]] == ["heir"]


def test_a_daemon_that_stalls_past_its_leases_ends_them(daemon_process: StartProcess) -> None:
    process = daemon_process()
    with BlockingRawClient(process.socket_path) as client:
        lock = client.call("AcquireResourceLock", resource_key="k", owner="a", ttl_secs=1)
        process.signal(signal.SIGSTOP)
        try:
            # Sent while nobody reads: it is looked at when the lease is long over.
            sent = client.send("ReleaseResourceLock", resource_key="k", lease_id=lock["lease_id"])
            wait_until_over(lock["expires_at"])
        finally:
            process.signal(signal.SIGCONT)
        answer = client.receive()
        assert answer["id"] == sent
        assert answer["error"]["data"]["reason"] == "lease_expired"


def wait_until_over(expires_at: int) -> None:
    """The leases of a real daemon end by the real clock, so this one test waits for it."""
    while time.time() <= expires_at:
        time.sleep(0.01)
