"""kill -9 under load, again and again: the database is whole and nothing answered is lost."""

from __future__ import annotations

import random
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentd.core.resource_keys import ResourceKey, overlap
from tests.conftest import StartProcess
from tests.crash.workload import Promises, load_until
from tests.fakes.raw_client import BlockingRawClient

SEEDS = range(4)
CRASHES_PER_SEED = 3


def all_events(client: BlockingRawClient) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while True:
        after_seq = events[-1]["seq"] if events else 0
        page = client.call("ListEvents", after_seq=after_seq, limit=10_000)["events"]
        if not page:
            return events
        events += page


def check_integrity(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def check_journal(events: list[dict[str, Any]]) -> None:
    """Gapless, and no two live locks that overlap at any moment of it; all are exclusive."""
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    held: dict[ResourceKey, int] = {}
    tokens: list[int] = []
    for event in events:
        key, token = event["resource_key"], event["payload"].get("fencing_token")
        if event["action_type"] == "lock.acquired":
            assert not any(overlap(key, other) for other in held), f"{key} beside {held}"
            held[key] = token
            tokens.append(token)
        elif event["action_type"] == "lock.released":
            assert held.pop(key) == token
    assert tokens == sorted(set(tokens)), "fencing tokens only grow"


def check_promises(
    promises: Promises, events: list[dict[str, Any]], client: BlockingRawClient
) -> None:
    """Everything that was answered to one client is there."""
    ids = {event["seq"]: event["event_id"] for event in events}
    for seq, event_id in promises.events.items():
        assert ids[seq] == event_id
    by_action: dict[str, set[int]] = {"lock.acquired": set(), "lock.released": set()}
    for event in events:
        if event["action_type"] in by_action:
            by_action[event["action_type"]].add(event["payload"]["fencing_token"])
    assert promises.granted.keys() <= by_action["lock.acquired"]
    assert promises.released <= by_action["lock.released"]
    live = {lock["fencing_token"]: lock for lock in client.call("ListResourceLocks")["locks"]}
    for token, lock in promises.granted.items():
        if token not in by_action["lock.released"]:
            assert live[token]["metadata"] == lock["metadata"]
    completed = {event["node_id"] for event in events if event["action_type"] == "node.completed"}
    registered = {event["task_id"] for event in events if event["action_type"] == "task.registered"}
    assert promises.completed <= completed
    assert promises.tasks <= registered


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_was_answered_is_lost(daemon_process: StartProcess, seed: int) -> None:
    moments = random.Random(seed)
    everything: list[Promises] = []
    for crash in range(CRASHES_PER_SEED):
        process = daemon_process()

        def kill(process: Any = process) -> None:
            process.signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL

        everything += load_until(
            process.socket_path, seed * 10 + crash, moments.randint(1, 250), kill
        )
        check_integrity(process.database_path)
        # The next start finds a socket, a pid file and a write-ahead log that the crash left.
        process = daemon_process()
        with BlockingRawClient(process.socket_path) as client:
            events = all_events(client)
            check_journal(events)
            for promises in everything:
                check_promises(promises, events, client)
            for lock in client.call("ListResourceLocks")["locks"]:
                for promises in everything:
                    mine = promises.granted.get(lock["fencing_token"])
                    if mine is not None:
                        shown = {"resource_key": mine["resource_key"], "lease_id": mine["lease_id"]}
                        client.call("ReleaseResourceLock", **shown)
                        promises.released.add(lock["fencing_token"])
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


def test_a_retry_after_a_crash_gets_the_first_answer(daemon_process: StartProcess) -> None:
    process = daemon_process()
    request = {"resource_key": "k", "owner": "a", "idempotency_key": "once"}
    with BlockingRawClient(process.socket_path) as client:
        first = client.call("AcquireResourceLock", **request)
    process.signal(signal.SIGKILL)
    process.wait()
    process = daemon_process()
    with BlockingRawClient(process.socket_path) as client:
        assert client.call("AcquireResourceLock", **request) == first
        assert len(all_events(client)) == 1
