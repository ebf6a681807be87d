"""The journal's index by resource, which follows the journal by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from agentd.core import indexing
from agentd.core.operations import journal
from agentd.core.storage import journal as storage
from tests.conftest import RunningDaemon
from tests.fakes.raw_client import RawClient

STEP = 10


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few events are many."""
    monkeypatch.setattr(indexing, "UNINDEXED_EVENTS_MAX", STEP)
    monkeypatch.setattr(journal, "EVENTS_INDEXED_AT_ONCE", STEP)


def mark(daemon: RunningDaemon) -> int:
    """Up to where the index is."""
    with closing(sqlite3.connect(daemon.settings.database_path)) as connection:
        sql = (
            "SELECT up_to_seq, (SELECT max(seq) FROM journal_resources) FROM journal_resources_mark"
        )
        up_to, last = connection.execute(sql).fetchone()
    assert (last or 0) <= up_to
    return int(up_to)


async def use(client: RawClient, key: str) -> list[dict[str, Any]]:
    """Two events of a resource; all that it has."""
    lock = await client.call("AcquireResourceLock", resource_key=key)
    await client.call("ReleaseResourceLock", resource_key=key, lease_id=lock["lease_id"])
    events: list[dict[str, Any]] = (await client.call("ListEvents", resource_key=key))["events"]
    return events


async def test_the_index_never_stays_far_behind(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    for number in range(1, 50):
        assert len(await use(client, "k")) == 2 * number
        # Each step is asked for before the request after next, which is behind it in the queue.
        assert 2 * number - mark(running_daemon) <= STEP + 2
    assert mark(running_daemon) > 8 * STEP


async def test_many_events_at_once_are_indexed_step_by_step(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    keys = [f"k{number}" for number in range(5 * STEP)]
    await client.call("AcquireResourceLocks", resource_keys=keys)
    await use(client, "k")
    await running_daemon.stop()
    assert mark(running_daemon) == 5 * STEP
    await running_daemon.start()
    client = await running_daemon.client()
    assert len(await use(client, "k")) == 4
    (event,) = (await client.call("ListEvents", resource_key="k7"))["events"]
    assert event["seq"] == 8


async def test_indexing_that_fails_is_tried_again_and_nothing_is_missed(
    running_daemon: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await running_daemon.client()
    with monkeypatch.context() as broken:
        broken.setattr(storage, "index_resources", _fail)
        for number in range(1, STEP):
            assert len(await use(client, "k")) == 2 * number
    assert mark(running_daemon) == 0
    assert len(await use(client, "k")) == 2 * STEP
    await running_daemon.stop()
    assert mark(running_daemon) == 2 * STEP


def _fail(connection: sqlite3.Connection, limit: int) -> int:
    raise sqlite3.OperationalError("out of luck")
