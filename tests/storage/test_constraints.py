"""What the database refuses by itself, should a rule above it be wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.core import Core
from tests.storage.workers import Worker, chain, register

LOCK = (
    "INSERT INTO locks (lease_secret, namespace, resource_key, mode, owner, provider, acquired_at,"
    " expires_at, metadata) VALUES (?, '', 'a', ?, 'o', 'p', 1, 2, '{}')"
)


def refused(core: Core, sql: str, *values: Any) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        core.connection.execute(sql, values)


def test_one_live_exclusive_lock_for_a_key(core: Core) -> None:
    core.connection.execute(LOCK, ("l1", "exclusive"))
    refused(core, LOCK, "l2", "exclusive")
    core.connection.execute("UPDATE locks SET state = 'EXPIRED', ended_at = 3")
    core.connection.execute(LOCK, ("l2", "exclusive"))
    refused(core, "UPDATE locks SET state = 'LIVE', ended_at = NULL WHERE lease_secret = 'l1'")


def test_many_live_shared_locks_for_a_key(core: Core) -> None:
    for number in range(3):
        core.connection.execute(LOCK, (f"l{number}", "shared"))
    refused(core, "UPDATE locks SET fencing_token = 1")  # But a token stands for one lock.


def test_the_newest_lock_stays_so_that_no_fencing_token_comes_twice(core: Core) -> None:
    core.connection.execute(LOCK, ("l1", "shared"))
    core.connection.execute(LOCK, ("l2", "shared"))
    refused(core, "DELETE FROM locks WHERE lease_secret = 'l2'")
    core.connection.execute("DELETE FROM locks WHERE lease_secret = 'l1'")


@pytest.mark.parametrize(
    "change",
    [
        "state = 'GONE'",
        "mode = 'both'",
        "state = 'RELEASED'",
        "ended_at = 5",
        "fencing_token = 'x'",
    ],
)
def test_a_lock_is_in_a_state_that_exists(core: Core, change: str) -> None:
    core.connection.execute(LOCK, ("l1", "exclusive"))
    refused(core, f"UPDATE locks SET {change}")


@pytest.mark.parametrize(
    "change",
    [
        "status = 'DONE'",
        "status = 'RUNNING'",
        "status = 'RUNNING', lease_id = 'l'",
        "lease_id = 'l'",
        "unreachable = 1",
        "unreachable = 2",
        "open_dependencies = -1",
        "task_pk = 99",
        "id = NULL",
    ],
)
def test_a_node_is_in_a_state_that_exists(core: Core, change: str) -> None:
    register(core, {})
    refused(core, f"UPDATE nodes SET {change}")


def test_a_node_with_open_dependencies_cannot_run_or_complete(core: Core) -> None:
    register(core, *chain(2))
    lease = "lease_id = 'l', lease_owner = 'o', lease_secs = 1, expires_at = 1, acquired_at = 1"
    refused(core, f"UPDATE nodes SET status = 'RUNNING', {lease} WHERE position = 1")
    refused(core, "UPDATE nodes SET status = 'COMPLETED' WHERE position = 1")
    core.connection.execute(f"UPDATE nodes SET status = 'RUNNING', {lease} WHERE position = 0")


def lapse(core: Core) -> None:
    core.tick(1)
    assert core.sweep() == 1


def test_the_counters_follow_whatever_happens_to_the_nodes(core: Core) -> None:
    task_id = register(core, *chain(4), {}, {"max_attempts": 1})["task_id"]
    steps: list[Callable[[], Any]] = [
        lambda: Worker(core, task_id).complete(),
        lambda: Worker(core, task_id).fail(retryable=True),
        lambda: Worker(core, task_id),
        lambda: Worker(core, task_id).fail(),
        lambda: Worker(core, task_id, lease_secs=1),
        lambda: lapse(core),
        lambda: core.write("CancelTask", task_id=task_id),
    ]
    seen = set()
    for step in steps:
        step()
        columns = "pending, running, completed, failed, unreachable"
        counters = core.connection.execute(f"SELECT {columns} FROM tasks").fetchone()
        counted = core.connection.execute(
            "SELECT coalesce(sum(status = 'PENDING'), 0), coalesce(sum(status = 'RUNNING'), 0),"
            " coalesce(sum(status = 'COMPLETED'), 0), coalesce(sum(status = 'FAILED'), 0),"
            " coalesce(sum(unreachable), 0) FROM nodes"
        ).fetchone()
        assert counters == counted
        seen.add(counters)
    assert len(seen) == len(steps) - 1  # A retry leaves the counts as they were.
