"""The journal: agents' own events, reading it by what it is about, and that nothing changes it."""

from __future__ import annotations

import sqlite3
from typing import Any
from uuid import uuid4

import pytest

from agentd.core.journal import NewEvent
from agentd.core.operations.recording import record
from agentd.core.operations.table import WRITES
from agentd.core.operations.transaction import Transaction
from agentd.core.states import Action
from agentd.core.storage.journal import (
    index_resources,
    last_instant,
    last_seq,
    resources_mark,
)
from agentd.errors import AgentdError, InvalidParams
from agentd.protocol.tasks import RegisterTaskParams
from tests.fakes.core import Core
from tests.storage.workers import Worker, chain, register


def refused(core: Core, **params: Any) -> AgentdError:
    with pytest.raises(AgentdError) as caught:
        core.write("CommitEvent", **params)
    return caught.value


async def test_an_agents_event_says_who_wrote_it_about_what(core: Core) -> None:
    task_id = register(core, {})["task_id"]
    worker = Worker(core, task_id, lease_owner="codex", provider="openai")
    core.tick(0.123)
    payload = {"resource_key": "file:a", "list": [1, {"b": None}]}
    answer = core.write("CommitEvent", **worker.shown, action_type="conflict", payload=payload)
    page = await core.read("ListEvents", after_seq=answer["seq"] - 1)
    assert page["last_seq"] == answer["seq"] == 3
    assert page["events"] == [
        {
            "seq": 3,
            "event_id": answer["event_id"],
            "at": "2023-11-14T22:13:20.123Z",
            "action_type": "conflict",
            "task_id": task_id,
            "node_id": worker.node_id,
            "session_id": None,
            "resource_key": None,
            "owner": "codex",
            "provider": "openai",
            "payload": payload,
        }
    ]
    assert core.effects.last_seq == 3
    assert core.effects.counts == {"committed_events": 1}


@pytest.mark.parametrize("name", ["node.completed", "lock.released", "task.x", "session.started"])
def test_an_agent_cannot_write_events_of_the_daemons_own(core: Core, name: str) -> None:
    worker = Worker(core, register(core, {})["task_id"])
    error = refused(core, **worker.shown, action_type=name)
    assert (error.reason, error.data["path"]) == ("invalid_field", "action_type")
    assert len(core.events(name)) == 0


def test_names_and_aliases_of_the_original_agentd(core: Core) -> None:
    worker = Worker(core, register(core, {})["task_id"])
    core.write("CommitEvent", **worker.shown, event_payload=[1])
    assert core.events("COMMIT_EVENT")[0]["payload"] == [1]
    core.write("CommitEvent", **worker.shown)
    assert core.events("COMMIT_EVENT")[1]["payload"] == {}


def test_an_event_about_a_running_node_needs_its_lease(core: Core) -> None:
    worker = Worker(core, register(core, {})["task_id"])
    without = {name: value for name, value in worker.shown.items() if name != "lease_id"}
    error = refused(core, **without)
    assert isinstance(error, InvalidParams)
    assert (error.reason, error.data["path"]) == ("invalid_field", "lease_id")
    worker.complete()
    assert core.write("CommitEvent", **without)["seq"] == 4


@pytest.mark.parametrize("end", ["pending", "lapsed", "failed"])
def test_a_node_that_does_not_run_takes_events_without_a_lease(core: Core, end: str) -> None:
    answer = register(core, {})
    about = {"task_id": answer["task_id"], "node_id": answer["node_ids"][0]}
    if end == "failed":
        Worker(core).fail()
    if end == "lapsed":
        Worker(core, lease_secs=10)
        core.tick(10)
    core.write("CommitEvent", **about, action_type="note")
    (note,) = core.events("note")
    assert (note["owner"], note["provider"]) == (None, None)
    assert (core.actions()[-2] == "node.expired") is (end == "lapsed")


def test_an_event_may_be_about_the_whole_task(core: Core) -> None:
    task_id = register(core)["task_id"]
    assert core.write("CommitEvent", task_id=task_id)["seq"] == 2
    assert refused(core, task_id=str(uuid4())).reason == "task_not_found"
    error = refused(core, task_id=task_id, lease_id="x")
    assert (error.reason, error.data["path"]) == ("invalid_field", "node_id")


async def test_events_are_listed_by_what_they_are_about(core: Core) -> None:
    task_id = register(core, *chain(2))["task_id"]
    other = register(core, {})["task_id"]
    worker = Worker(core, task_id)
    core.write("AcquireResourceLock", resource_key="file:a")
    core.write("AcquireResourceLock", resource_key="file:a", namespace="n")
    worker.complete()

    async def seqs(**params: Any) -> list[int]:
        return [event["seq"] for event in (await core.read("ListEvents", **params))["events"]]

    assert await seqs() == [1, 2, 3, 4, 5, 6]
    assert await seqs(task_id=task_id) == [1, 3, 6]
    assert await seqs(node_id=worker.node_id) == [3, 6]
    assert await seqs(task_id=task_id, node_id=worker.node_id, after_seq=3) == [6]
    assert await seqs(task_id=other, node_id=worker.node_id) == []
    assert await seqs(resource_key="file:./a") == [4, 5]
    assert await seqs(session_id="none") == []
    assert await seqs(action_types=["node.acquired", "lock.acquired"]) == [3, 4, 5]
    assert await seqs(task_id=task_id, action_types=["node.completed"]) == [6]
    assert await seqs(action_types=[]) == []
    assert await seqs(task_id=str(uuid4())) == []
    assert await seqs(node_id=str(uuid4())) == []


@pytest.mark.parametrize("indexed_up_to", range(9))
@pytest.mark.parametrize("limit", [2, 100])
async def test_a_resources_events_are_the_same_wherever_the_index_ends(
    core: Core, indexed_up_to: int, limit: int
) -> None:
    task_id = register(core)["task_id"]
    for key in ("file:a", "file:b", "file:a"):
        lock = core.write("AcquireResourceLock", resource_key=key)
        core.write("ReleaseResourceLock", resource_key=key, lease_id=lock["lease_id"])
    core.write("CommitEvent", task_id=task_id)
    with core.transaction() as tx:
        for up_to in range(1, indexed_up_to + 1):
            assert index_resources(tx.connection, 1) == up_to

    async def seqs(**params: Any) -> list[int]:
        page = await core.read("ListEvents", limit=limit, **params)
        return [event["seq"] for event in page["events"]]

    for after_seq in (0, 2, 5, 8):
        behind = {"after_seq": after_seq}
        of_a = [seq for seq in (2, 3, 6, 7) if seq > after_seq]
        assert await seqs(resource_key="file:a", **behind) == of_a[:limit]
        released = [seq for seq in of_a if seq in (3, 7)]
        actions = {"action_types": ["lock.released"]}
        assert await seqs(resource_key="file:a", **actions, **behind) == released[:limit]
        assert await seqs(resource_key="file:a", task_id=task_id, **behind) == []
        assert await seqs(resource_key="file:c", **behind) == []


def test_the_index_follows_the_journal_and_no_further(core: Core) -> None:
    for key in ("b", "a", "b"):
        core.write("AcquireResourceLock", resource_key=key, mode="shared")
        register(core)
    with core.transaction() as tx:
        assert [index_resources(tx.connection, 4) for _ in range(3)] == [4, 6, 6]
    assert resources_mark(core.connection) == last_seq(core.connection) == 6
    rows = core.connection.execute("SELECT * FROM journal_resources").fetchall()
    assert rows == [("a", 3), ("b", 1), ("b", 5)]


async def test_paging_through_the_journal_with_last_seq_misses_nothing(core: Core) -> None:
    task_id = register(core)["task_id"]
    for number in range(10):
        register(core)
        core.write("CommitEvent", task_id=task_id, action_type="a" if number % 3 else "b")
    expected = [event["seq"] for event in core.events("b")]
    seen: list[int] = []
    position = 0
    for _ in range(10):
        page = await core.read("ListEvents", action_types=["b"], after_seq=position, limit=2)
        seen += [event["seq"] for event in page["events"]]
        assert page["last_seq"] >= position
        position = page["last_seq"]
    assert seen == expected
    assert position == last_seq(core.connection) == 21


async def test_an_empty_journal(core: Core) -> None:
    assert await core.read("ListEvents") == {"events": [], "last_seq": 0}
    assert last_instant(core.connection) == 0


def test_the_last_instant_is_that_of_the_last_event(core: Core) -> None:
    core.tick(1.5)
    register(core)
    assert last_instant(core.connection) == core.now


def test_seq_has_no_gaps_although_requests_fail_after_writing(core: Core) -> None:
    register(core)
    task_id = register(core, {})["task_id"]
    with pytest.raises(ZeroDivisionError):
        write_and_fail(core)
    assert len(core.events()) == 2
    core.write("CommitEvent", task_id=task_id)
    assert [event["seq"] for event in core.events()] == [1, 2, 3]


def write_and_fail(core: Core) -> None:
    with core.transaction() as tx:
        register_operation = WRITES["RegisterTask"]
        register_operation(tx, RegisterTaskParams(goal="g"), core.now)
        assert tx.effects.last_seq == 3
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE journal SET payload = '{}'",
        "UPDATE journal SET seq = seq + 1",
        "DELETE FROM journal",
        "DELETE FROM journal WHERE seq = 1",
        "REPLACE INTO journal (seq, event_id, at, action_type, payload)"
        " VALUES (1, 'x', 1, 'y', '{}')",
    ],
)
def test_the_database_refuses_to_change_an_event(core: Core, sql: str) -> None:
    register(core)
    before = core.events()
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        core.connection.execute(sql)
    assert core.events() == before


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40])
def test_events_gather_under_their_seqs_and_are_stored_in_order(core: Core, count: int) -> None:
    core.write("AcquireResourceLock", resource_key="before")
    actions = [f"step {number}" for number in range(count)]
    with core.transaction() as tx:
        seqs = [record(tx, NewEvent(action, "{}"), core.now)[1] for action in actions]
        assert tx.journal.gathered == count
        assert len(core.events()) == 1
    assert [(event["seq"], event["action_type"]) for event in core.events()[1:]] == [
        *zip(seqs, actions, strict=True)
    ]
    assert seqs == list(range(2, count + 2))


def test_without_gathering_an_event_is_stored_at_once(core: Core) -> None:
    tx = Transaction(core.connection, core.locks, core.ids, core.config, core.now)
    for number in (1, 2):
        assert record(tx, NewEvent("step", "{}"), core.now)[1] == number
        assert len(core.events()) == number


def test_every_transition_is_an_event(core: Core) -> None:
    retried = register(core, {}, {"max_attempts": 1}, {})["task_id"]
    Worker(core, retried).fail(retryable=True)
    Worker(core, retried).complete()
    Worker(core, retried, lease_secs=1)
    core.tick(1)
    core.sweep()
    core.write("CancelTask", task_id=retried)
    lock = core.write("AcquireResourceLock", resource_key="a")
    shown = {"resource_key": "a", "lease_id": lock["lease_id"]}
    core.write("HeartbeatResourceLock", **shown, metadata={"x": 1})
    core.write("ReleaseResourceLock", **shown)
    core.write("AcquireResourceLock", resource_key="a", ttl_secs=1)
    core.tick(1)
    core.sweep()
    of_reviews = {Action.DECISION, Action.CONFLICT}
    assert set(core.actions()) == {action.value for action in set(Action) - of_reviews}
