"""Many requests in one transaction: each stands or falls alone, and all fall with the commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agentd.core.clock import Clock, SystemClock
from agentd.core.dispatch import Chore
from agentd.core.ids import RandomIds
from agentd.core.operations.transaction import LeaseConfig
from agentd.core.quick_commits import TRUSTED_FROM
from agentd.core.storage.database import open_writer
from agentd.core.writer import BATCH_REQUESTS_MAX, Writer
from agentd.errors import Unavailable
from tests.conftest import RunningDaemon, StartDaemon
from tests.fakes.clock import FakeClock
from tests.fakes.patience import PATIENCE_SECS


async def test_one_request_that_fails_undoes_only_itself(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    cycle = [{"key": "a", "dependencies": ["b"]}, {"key": "b", "dependencies": ["a"]}]
    for number in range(60):
        nodes = cycle if number % 3 == 1 else []
        client.send("RegisterTask", goal=str(number), initial_nodes=nodes)
    answers = [await client.receive() for _ in range(60)]
    failed = [number for number, answer in enumerate(answers) if "error" in answer]
    assert failed == list(range(1, 60, 3))
    events = (await client.call("ListEvents"))["events"]
    assert [event["seq"] for event in events] == list(range(1, 41))


async def test_one_that_fails_after_it_has_written_undoes_only_itself(
    start_daemon: StartDaemon,
) -> None:
    daemon, connection = await start_failing(start_daemon)
    client = await daemon.client()
    connection.execute(
        "CREATE TEMP TRIGGER refuse AFTER INSERT ON journal"
        " WHEN NEW.resource_key LIKE 'bad%' BEGIN SELECT RAISE(FAIL, 'refused'); END"
    )
    keys = ["bad1", "good1", "bad2", "good2", "bad3"]
    for key in keys:
        client.send("AcquireResourceLock", resource_key=key)
    answers = [await client.receive() for _ in keys]
    assert ["error" in answer for answer in answers] == [True, False, True, False, True]
    locks = (await client.call("ListResourceLocks"))["locks"]
    assert [lock["resource_key"] for lock in locks] == ["good1", "good2"]
    events = (await client.call("ListEvents"))["events"]
    assert [(event["seq"], event["resource_key"]) for event in events] == [
        (1, "good1"),
        (2, "good2"),
    ]


async def test_more_requests_than_fit_into_one_transaction(running_daemon: RunningDaemon) -> None:
    clients = [await running_daemon.client() for _ in range(10)]
    per_client = BATCH_REQUESTS_MAX // 5
    for client in clients:
        for number in range(per_client):
            client.send("AcquireResourceLock", resource_key=f"k{number}")
    granted = [(await client.receive())["result"] for client in clients for _ in range(per_client)]
    assert sum(lock is not None for lock in granted) == per_client


@contextmanager
def opened_writer(
    path: Path, commits_take: float = 0.0, clock: Clock | None = None
) -> Iterator[Writer]:
    moments = count()
    config = LeaseConfig(300, 50, 10_000)

    def stopwatch() -> float:
        return next(moments) * commits_take

    with closing(open_writer(path)) as connection:
        yield Writer(connection, clock or SystemClock(), RandomIds(), config, stopwatch)


async def test_the_event_loop_goes_on_beside_a_request_that_takes_long(tmp_path: Path) -> None:
    with opened_writer(tmp_path / "a.db") as writer:
        told = threading.Event()
        chore = Chore(lambda tx, now: told.wait(PATIENCE_SECS))
        writer.submit(chore)
        later = Chore(lambda tx, now: told.is_set())
        await asyncio.sleep(0)
        writer.submit(later)
        told.set()
        assert await chore.done
        assert await later.done
        await writer.stop()


async def test_who_is_answered_may_speak_again_before_the_next_transaction(tmp_path: Path) -> None:
    with opened_writer(tmp_path / "a.db") as writer:
        first, gathered, second = (Chore(lambda tx, now: tx) for _ in range(3))
        writer.submit(first)
        await asyncio.sleep(0)
        writer.submit(gathered)  # It finds the first batch under way.
        await first.done
        writer.submit(second)
        assert await gathered.done is await second.done
        assert await gathered.done is not await first.done
        await writer.stop()


async def test_who_has_gathered_does_not_wait_for_who_is_silent(tmp_path: Path) -> None:
    with opened_writer(tmp_path / "a.db", commits_take=0.008) as writer:
        for _ in range(20):  # It learns that commits are slow, which a pause may be worth.
            chores = [Chore(lambda tx, now: None) for _ in range(2)]
            for chore in chores:
                writer.submit(chore)
                await asyncio.sleep(0)
            await asyncio.wait_for(asyncio.gather(*(chore.done for chore in chores)), PATIENCE_SECS)
        await writer.stop()


class Brief(Chore):
    """A write that may run on the event loop, and tells in which thread it did."""

    def __init__(self) -> None:
        super().__init__(lambda tx, now: threading.current_thread().name)

    @property
    def is_brief(self) -> bool:
        """It is."""
        return True


async def where_it_ran(writer: Writer, write: Chore) -> str:
    writer.submit(write)
    name: str = await asyncio.wait_for(write.done, PATIENCE_SECS)
    return name


async def test_brief_requests_need_no_thread_where_commits_are_quick(tmp_path: Path) -> None:
    loops = threading.current_thread().name
    with opened_writer(tmp_path / "a.db") as writer:
        names = [await where_it_ran(writer, Brief()) for _ in range(TRUSTED_FROM + 1)]
        assert names == ["agentd-writer"] * TRUSTED_FROM + [loops]
        longer = Chore(lambda tx, now: threading.current_thread().name)
        beside = Brief()
        writer.submit(longer)
        assert await where_it_ran(writer, beside) == "agentd-writer"
        assert await longer.done == "agentd-writer"
        assert await where_it_ran(writer, Brief()) == loops
        await writer.stop()


async def test_brief_requests_need_the_thread_where_commits_are_slow(tmp_path: Path) -> None:
    with opened_writer(tmp_path / "a.db", commits_take=0.004) as writer:
        names = {await where_it_ran(writer, Brief()) for _ in range(2 * TRUSTED_FROM)}
        assert names == {"agentd-writer"}
        await writer.stop()


async def test_a_stop_finishes_what_runs_without_the_thread(tmp_path: Path) -> None:
    with opened_writer(tmp_path / "a.db") as writer:
        for _ in range(TRUSTED_FROM):
            await where_it_ran(writer, Brief())
        writes = [Brief() for _ in range(2 * BATCH_REQUESTS_MAX)]
        for write in writes:
            writer.submit(write)
        await writer.stop()
        assert {write.done.result() for write in writes} == {threading.current_thread().name}


async def test_a_disk_that_gets_full_fails_what_runs_without_the_thread(
    start_daemon: StartDaemon,
) -> None:
    daemon, connection = await start_failing(start_daemon)
    client = await daemon.client()
    for number in range(TRUSTED_FROM + 5):
        await client.call("AcquireResourceLock", resource_key=f"k{number}")
    for failing in ("COMMIT", "INSERT INTO journal", "BEGIN IMMEDIATE"):
        connection.failing = failing
        refusal = await client.refusal("AcquireResourceLock", resource_key="more")
        assert refusal["reason"] == "disk_full"
    connection.failing = ""
    assert (await client.call("AcquireResourceLock", resource_key="more"))["lease_id"]
    assert await client.call("AcquireResourceLock", resource_key="k0") is None


async def test_a_request_is_judged_by_when_it_came_and_leases_count_from_now(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    with opened_writer(tmp_path / "a.db", clock=clock) as writer:
        told = threading.Event()
        large = Chore(lambda tx, now: told.wait(PATIENCE_SECS))
        writer.submit(large)
        await asyncio.sleep(0)
        came = clock.now()
        heartbeat = Chore(lambda tx, now: (now, tx.begun))
        writer.submit(heartbeat)
        clock.advance(60)
        told.set()
        assert await large.done
        assert await heartbeat.done == (came, clock.now())
        await writer.stop()


async def test_what_was_submitted_before_the_stop_is_done(tmp_path: Path) -> None:
    with opened_writer(tmp_path / "a.db") as writer:
        chores = [Chore(lambda tx, now: tx.journal.gathered) for _ in range(3)]
        for chore in chores:
            writer.submit(chore)
            await asyncio.sleep(0)  # The last ones find the first batch under way.
        await writer.stop()
        assert [chore.done.result() for chore in chores] == [0, 0, 0]
        refused = Chore(lambda tx, now: None)
        writer.submit(refused)
        with pytest.raises(Unavailable, match="stopping"):
            await refused.done


class FailingConnection(sqlite3.Connection):
    """Fails where it is told to, as SQLite does when the disk is full."""

    failing = ""
    undo_first = False

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        self._fail(sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        self._fail(sql)
        return super().executemany(sql, parameters)

    def _fail(self, sql: str) -> None:
        if self.failing and sql.startswith(self.failing):
            if self.undo_first:
                super().execute("ROLLBACK")
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error


async def start_failing(
    start_daemon: StartDaemon,
) -> tuple[RunningDaemon, FailingConnection]:
    opened: list[FailingConnection] = []

    def open_failing(path: Path) -> sqlite3.Connection:
        open_writer(path).close()
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=FailingConnection
        )
        opened.append(connection)
        return connection

    daemon = await start_daemon(open_writer=open_failing)
    return daemon, opened[0]


@pytest.mark.parametrize(
    ("failing", "undo_first"),
    [
        ("COMMIT", False),
        ("BEGIN IMMEDIATE", False),
        ("INSERT INTO journal", False),
        ("INSERT INTO journal", True),
    ],
)
async def test_a_full_disk_fails_the_requests_and_the_daemon_lives_on(
    start_daemon: StartDaemon, failing: str, undo_first: bool
) -> None:
    daemon, connection = await start_failing(start_daemon)
    client = await daemon.client()
    await client.call("RegisterTask", goal="before")
    connection.failing, connection.undo_first = failing, undo_first
    for number in range(5):
        client.send("RegisterTask", goal=f"during {number}")
    for _ in range(5):
        error = (await client.receive())["error"]
        assert (error["code"], error["data"]["reason"]) == (-32015, "disk_full")
        assert error["data"]["retry"] == "later"
    assert len((await client.call("ListTasks"))["tasks"]) == 1
    connection.failing = ""
    await client.call("RegisterTask", goal="after")
    goals = [task["goal"] for task in (await client.call("ListTasks"))["tasks"]]
    assert goals == ["after", "before"]
    events = (await client.call("ListEvents"))["events"]
    assert [event["seq"] for event in events] == [1, 2]


async def test_a_daemon_starts_on_a_full_disk_and_writes_when_there_is_room(
    start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, _ = await start_failing(start_daemon)
    holder = await daemon.client()
    await holder.call("AcquireResourceLock", resource_key="lapsed", ttl_secs=1)
    await daemon.stop()
    daemon.clock.advance(2)
    monkeypatch.setattr(FailingConnection, "failing", "COMMIT")
    await daemon.start()
    client = await daemon.client()
    assert await client.call("ListResourceLocks") == {"locks": []}
    refusal = await client.refusal("AcquireResourceLock", resource_key="k")
    assert refusal["reason"] == "disk_full"
    monkeypatch.setattr(FailingConnection, "failing", "")
    await client.call("ListResourceLocks")  # Whoever reads has what lapsed rolled back.
    events = (await client.call("ListEvents", resource_key="lapsed"))["events"]
    assert [event["action_type"] for event in events] == ["lock.acquired", "lock.expired"]
    assert (await client.call("AcquireResourceLock", resource_key="k"))["resource_key"] == "k"


async def test_a_wait_that_meets_a_full_disk_ends(start_daemon: StartDaemon) -> None:
    daemon, connection = await start_failing(start_daemon)
    holder, waiter = await daemon.client(), await daemon.client()
    held = await holder.call("AcquireResourceLock", resource_key="k", owner="a")
    waiter.send("AcquireResourceLock", resource_key="k", owner="b", wait_secs=3600)
    await daemon.until_waiting(1)
    connection.failing = "INSERT INTO locks"
    done = {"resource_key": "k", "lease_id": held["lease_id"]}
    assert await holder.call("ReleaseResourceLock", **done) == {"ok": True}
    assert (await waiter.receive())["error"]["data"]["reason"] == "disk_full"
    connection.failing = ""
    assert (await holder.call("AcquireResourceLock", resource_key="k"))["resource_key"] == "k"


async def test_a_bug_is_an_incident_for_one_request_only(
    start_daemon: StartDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    daemon, connection = await start_failing(start_daemon)
    client = await daemon.client()
    connection.execute("DROP TABLE reviews")  # What no operation expects.
    review = {
        "review_id": "00000000-0000-4000-8000-00000000000a",
        "created_at": "2027-01-01T00:00:00.000Z",
        "repository": "/r",
        "target": {"ref": None, "commit": "c"},
    }
    error = await client.refusal("RecordDecision", review=review)
    assert (error["code"], error["reason"]) == (-32603, "bug")
    assert "reviews" not in error["message"]
    (record,) = [record for record in caplog.records if record.message == "bug"]
    assert record.__dict__["fields"]["incident"] == error["incident"]
    assert record.exc_info is not None
    await client.call("RegisterTask", goal="unharmed")
