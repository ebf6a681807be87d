"""Opening, reading, copying the database, and what its failures are called."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentd.core.storage.database import (
    Reader,
    backup,
    open_writer,
    translate,
    translated_errors,
)
from agentd.core.storage.migrations import LATEST_VERSION
from agentd.errors import InvalidState, Unavailable, Unsupported
from tests.fakes.core import Core
from tests.storage.workers import register


def test_an_answer_means_durable(core: Core) -> None:
    assert core.one("PRAGMA journal_mode") == "wal"
    assert core.one("PRAGMA synchronous") == 2  # FULL
    assert core.one("PRAGMA foreign_keys") == 1


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with Core.opened(path) as core:
        register(core, {})
    with Core.opened(path) as core:
        assert core.write("AcquireNextNode") is not None


def test_a_newer_schema_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(open_writer(path)) as connection:
        connection.execute(f"PRAGMA user_version = {LATEST_VERSION + 1}")
    with pytest.raises(Unsupported) as caught:
        open_writer(path)
    assert caught.value.reason == "newer_schema"
    assert caught.value.data == {"have": LATEST_VERSION, "need": LATEST_VERSION + 1}


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE tasks (id TEXT)")
    before = path.read_bytes()
    with pytest.raises(InvalidState) as caught:
        open_writer(path)
    assert caught.value.reason == "foreign_database"
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("this is no database, whatever its name says\n" * 100)
    with pytest.raises(InvalidState) as caught:
        open_writer(path)
    assert caught.value.reason == "foreign_database"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        open_writer(tmp_path / "missing" / "state.db")
    assert caught.value.reason == "home_unusable"


def test_a_file_that_may_not_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    open_writer(path).close()
    # Root, as whom tests may run, may write everything.
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    with pytest.raises(Unavailable) as caught:
        open_writer(path)
    assert (caught.value.reason, caught.value.data["path"]) == ("home_unusable", str(path))


def test_a_full_disk_has_a_name_outside(core: Core) -> None:
    core.connection.execute("PRAGMA max_page_count = 60")
    with pytest.raises(Unavailable) as caught:
        fill_up(core)
    assert caught.value.reason == "disk_full"


def fill_up(core: Core) -> None:
    with translated_errors():
        for _ in range(1000):
            register(core, *[{}] * 50)


def test_a_locked_database_has_a_name_outside(core: Core) -> None:
    core.connection.execute("BEGIN IMMEDIATE")
    with (
        closing(sqlite3.connect(core.path, timeout=0, isolation_level=None)) as other,
        pytest.raises(Unavailable) as caught,
    ):
        begin(other)
    assert caught.value.reason == "database_busy"


def begin(connection: sqlite3.Connection) -> None:
    with translated_errors():
        connection.execute("BEGIN IMMEDIATE")


def test_a_mistake_of_ours_keeps_its_own_name(core: Core) -> None:
    with pytest.raises(sqlite3.OperationalError) as caught, translated_errors():
        core.connection.execute("SELECT nonsense")
    assert translate(caught.value) is None


async def test_a_snapshot_stays_as_it_was_while_others_write(core: Core) -> None:
    reader = await Reader.open(core.path, connections=1)
    count = "SELECT count(*) FROM tasks"
    async with reader.snapshot() as connection:
        assert list(await connection.execute_fetchall(count)) == [(0,)]
        register(core)
        assert list(await connection.execute_fetchall(count)) == [(0,)]
    async with reader.snapshot() as connection:
        assert list(await connection.execute_fetchall(count)) == [(1,)]
    await reader.close()


async def test_a_reader_cannot_write(core: Core) -> None:
    reader = await Reader.open(core.path)
    with pytest.raises(Unavailable):
        async with reader.snapshot() as connection:
            await connection.execute("DELETE FROM tasks")
    await reader.close()


async def test_a_cancelled_reader_leaves_its_connection_usable(core: Core) -> None:
    reader = await Reader.open(core.path, connections=1)
    entered = asyncio.Event()

    async def read_for_long() -> None:
        async with reader.snapshot() as connection:
            entered.set()
            await connection.execute_fetchall(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000)"
                " SELECT max(i) FROM n"
            )

    task = asyncio.create_task(read_for_long())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    register(core)
    async with reader.snapshot() as connection:
        assert list(await connection.execute_fetchall("SELECT count(*) FROM tasks")) == [(1,)]
    await reader.close()


async def test_snapshots_beyond_the_pool_wait_for_their_turn(core: Core) -> None:
    reader = await Reader.open(core.path, connections=2)

    async def read() -> int:
        async with reader.snapshot() as connection:
            rows = list(await connection.execute_fetchall("SELECT 7"))
            return int(rows[0][0])

    assert await asyncio.gather(*(read() for _ in range(20))) == [7] * 20
    await reader.close()


def test_a_backup_is_a_whole_database_of_one_moment(core: Core, tmp_path: Path) -> None:
    register(core, {})
    core.connection.execute("BEGIN IMMEDIATE")
    core.connection.execute("UPDATE tasks SET goal = 'not committed'")
    copy = tmp_path / "copy with spaces?.db"
    backup(core.path, copy)
    core.connection.execute("ROLLBACK")
    with Core.opened(copy) as restored:
        assert restored.one("PRAGMA integrity_check") == "ok"
        assert restored.one("SELECT goal FROM tasks") == "goal"
        assert restored.write("AcquireNextNode") is not None


def test_nobody_else_can_read_a_backup(core: Core, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(core.path, copy)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_backup_overwrites_nothing(core: Core, tmp_path: Path) -> None:
    existing = tmp_path / "precious"
    existing.write_text("x")
    with pytest.raises(InvalidState) as caught:
        backup(core.path, existing)
    assert caught.value.reason == "file_exists"
    assert existing.read_text() == "x"


def test_a_backup_of_what_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        backup(tmp_path / "missing.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []
