"""The queries of the hot paths go through their indexes, whatever is stored."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agentd.core.operations.journal import index_resources
from agentd.core.resource_keys import ResourceKey, prefix_range
from agentd.core.states import TaskState
from agentd.core.storage import (
    decisions,
    gauges,
    journal,
    lock_listing,
    locks,
    node_listing,
    nodes,
    tasks,
)
from tests.fakes.core import Core, plans
from tests.storage.workers import Worker, chain, register

Traced = list[str]


@contextmanager
def traced(connection: sqlite3.Connection) -> Iterator[Traced]:
    """Collects every statement that is carried out, those of triggers left out."""
    statements: Traced = []
    connection.set_trace_callback(statements.append)
    try:
        yield statements
    finally:
        connection.set_trace_callback(None)


WITHIN_A_STATEMENT = re.compile(
    r"SCAN (CONSTANT|\d+ CONSTANT ROWS|\d+-ROW VALUES CLAUSE|doomed|given|\()"
)
"""What a statement brings along or makes for itself: no table of ours."""


def scans(core: Core, statements: Traced) -> list[str]:
    """The steps of the statements that look at a whole table."""
    return [
        f"{step} <- {statement}"
        for statement in statements
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))
        for step in plans(core.connection, statement)
        if step.startswith("SCAN") and not WITHIN_A_STATEMENT.match(step)
    ]


def main_step(steps: list[str]) -> str:
    """The only step beside the look at what is being registered."""
    (step,) = (step for step in steps if not step.startswith(("SCALAR", "SEARCH registration")))
    return step


def lock_cycle(core: Core) -> None:
    core.write("AcquireResourceLock", resource_key="dir:src/deep")
    lock = core.write("AcquireResourceLock", resource_key="file:other/a.py")
    core.write("AcquireResourceLock", resource_key="dir:.")
    shown = {"resource_key": "file:other/a.py", "lease_id": lock["lease_id"]}
    core.write("AcquireResourceLock", **shown)
    core.write("HeartbeatResourceLock", **shown, metadata={"x": 1})
    core.write("ReleaseResourceLock", **shown)
    core.write("AcquireResourceLock", resource_key="file:other/a.py", ttl_secs=1)
    core.tick(1)
    core.write("AcquireResourceLock", resource_key="file:other/a.py")


def node_cycle(core: Core) -> None:
    task_id = register(core, *chain(3), {"requires": ["x"]})["task_id"]
    worker = Worker(core, task_id, capabilities=["x"])
    worker.heartbeat()
    core.write("CommitEvent", **worker.shown)
    worker.complete()
    Worker(core).fail(retryable=True)
    Worker(core, task_id, lease_secs=1)
    core.tick(1)
    Worker(core, task_id).fail()
    worker.complete()


def keyed_cycle(core: Core) -> None:
    for _ in range(2):
        core.write("AcquireResourceLock", resource_key="a", idempotency_key="k")


def sweep_cycle(core: Core) -> None:
    core.write("AcquireResourceLock", resource_key="a", ttl_secs=1)
    register(core, {"max_attempts": 1, "key": "a"}, {"dependencies": ["a"]})
    Worker(core, lease_secs=1)
    core.tick(1)
    core.sweep()
    core.tick(100_000)
    core.prune()


@pytest.mark.parametrize("cycle", [lock_cycle, node_cycle, keyed_cycle, sweep_cycle])
def test_no_write_looks_at_a_whole_table(core: Core, cycle: Callable[[Core], None]) -> None:
    with traced(core.connection) as statements:
        cycle(core)
    assert len(statements) > 5
    assert scans(core, statements) == []


def test_a_query_that_scans_would_be_seen(core: Core) -> None:
    statements = ["SELECT * FROM nodes WHERE lease_owner = 'x'"]
    assert len(scans(core, statements)) == 1


@pytest.mark.parametrize("sql", [nodes.NEXT_REQUIREMENTS_IN_TASK, nodes.FIRST_IN_TASK])
def test_runnable_nodes_of_a_task_come_from_their_index_in_order(core: Core, sql: str) -> None:
    (step,) = plans(core.connection, sql, (1, ""))
    assert step.startswith("SEARCH nodes USING")
    assert "nodes_runnable (task_pk=? AND requires" in step


@pytest.mark.parametrize("sql", [nodes.NEXT_REQUIREMENTS_ANYWHERE, nodes.FIRST_ANYWHERE])
def test_runnable_nodes_of_any_task_come_from_their_index_in_order(core: Core, sql: str) -> None:
    step = main_step(plans(core.connection, sql, ("",)))
    assert "nodes_runnable_anywhere (requires" in step


@pytest.mark.parametrize("also", ["", " AND n.task_pk = 1"])
def test_lapsed_nodes_come_from_the_running_ones_alone(core: Core, also: str) -> None:
    steps = plans(core.connection, f"{nodes.LAPSED}{also} ORDER BY n.expires_at LIMIT 5", (1,))
    assert "nodes_by_expiry (expires_at<?)" in steps[0]
    assert not any("TEMP B-TREE" in step for step in steps)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "INTEGER PRIMARY KEY (rowid>?)"),
        ({"action_types": ["a", "b"]}, "INTEGER PRIMARY KEY (rowid>?)"),
        ({"task_pk": 1}, "journal_of_task (task_pk=? AND rowid>?)"),
        ({"node_pk": 1}, "journal_of_node (node_pk=? AND rowid>?)"),
        ({"resource_key": "a"}, "INTEGER PRIMARY KEY (rowid>?)"),
        ({"resource_key": "a", "task_pk": 1}, "journal_of_task (task_pk=? AND rowid>?)"),
        ({"resource_key": "a", "node_pk": 1}, "journal_of_node (node_pk=? AND rowid>?)"),
        ({"session_id": "a"}, "journal_of_session (session_id=? AND rowid>?)"),
        ({"task_pk": 1, "node_pk": 1}, "journal_of_node (node_pk=? AND rowid>?)"),
        ({"task_pk": 1, "action_types": ["a"]}, "journal_of_task (task_pk=? AND rowid>?)"),
    ],
)
def test_events_come_from_the_index_of_what_they_are_about(
    core: Core, filters: dict[str, Any], index: str
) -> None:
    steps = plans(core.connection, *journal.page_query(journal.Filter(**filters), 1, 10))
    assert f"SEARCH j USING INDEX {index}" in steps[0] or f"SEARCH j USING {index}" in steps[0]
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in steps)


@pytest.mark.parametrize("also", [{}, {"task_pk": 1}, {"action_types": ["a"]}])
def test_events_of_a_resource_come_from_its_index_in_order(
    core: Core, also: dict[str, Any]
) -> None:
    query = journal.resource_page_query(journal.Filter(resource_key="a", **also), 1, 10)
    steps = plans(core.connection, *query)
    assert steps[0] == "SEARCH r USING PRIMARY KEY (resource_key=? AND seq>?)"
    assert steps[1] == "SEARCH j USING INTEGER PRIMARY KEY (rowid=?)"
    assert not any("TEMP B-TREE" in step for step in steps)


def test_indexing_looks_only_at_the_events_that_are_not_indexed(core: Core) -> None:
    with traced(core.connection) as statements, core.transaction() as tx:
        index_resources(tx, core.now)
    (insert,) = (statement for statement in statements if statement.startswith("INSERT"))
    assert plans(core.connection, insert)[0] == (
        "SEARCH journal USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    )


@pytest.mark.parametrize(
    ("filters", "driver"),
    [
        ({}, "SEARCH r USING INTEGER PRIMARY KEY (rowid>?)"),
        ({"repository": "/r"}, "SEARCH r USING INDEX reviews_of_repository"),
        ({"bundle_id": "b"}, "SEARCH b USING PRIMARY KEY (bundle_id=? AND review_seq>?)"),
        ({"task_id": "t"}, "SEARCH t USING PRIMARY KEY (task_id=? AND review_seq>?)"),
        (
            {"task_id": "t", "bundle_id": "b", "repository": "/r"},
            "SEARCH b USING PRIMARY KEY (bundle_id=? AND review_seq>?)",
        ),
    ],
)
def test_records_come_from_the_index_of_what_they_are_about(
    core: Core, filters: dict[str, Any], driver: str
) -> None:
    nothing = dict.fromkeys(("repository", "task_id", "bundle_id"), None)
    query = decisions.page_query(after_seq=0, limit=10, **{**nothing, **filters})
    steps = plans(core.connection, *query)
    assert steps[0].startswith(driver)
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in steps)


@pytest.mark.parametrize("state", [None, *TaskState])
@pytest.mark.parametrize("before_pk", [None, 7])
def test_a_page_of_tasks_is_read_in_order(
    core: Core, state: TaskState | None, before_pk: int | None
) -> None:
    query = tasks.page_query(state=state, before_pk=before_pk, limit=10)
    step = main_step(plans(core.connection, *query))
    assert "TEMP B-TREE" not in step
    if state is not None:
        assert "tasks_by_state (state=?" in step


@pytest.mark.parametrize("key", ["file:a/b/c.py", "dir:a/b", "dir:.", "tool:x"])
def test_overlapping_locks_are_looked_up_key_by_key(core: Core, key: str) -> None:
    query = locks.overlap_query("", ResourceKey(key))
    steps = plans(core.connection, query.sql, query.values)
    looked_into = [step for step in steps if " locks " in step]
    assert looked_into
    assert all("USING INDEX locks_live (resource_key" in step for step in looked_into)


def test_locks_are_listed_by_prefix_from_the_live_ones_alone(core: Core) -> None:
    query = lock_listing.list_query(now=core.now, key_range=prefix_range("file:src/"))
    steps = plans(core.connection, *query)
    assert "USING INDEX locks_live (resource_key>? AND resource_key<?)" in steps[0]


@pytest.mark.parametrize("prefix", [None, "file:src/"])
def test_a_page_of_locks_is_read_from_where_the_last_one_ended(
    core: Core, prefix: str | None
) -> None:
    query = lock_listing.list_query(
        now=core.now,
        key_range=prefix_range(prefix) if prefix else None,
        after=lock_listing.Position("file:src/m", "", 7),
        limit=10,
    )
    search, *sort = plans(core.connection, *query)
    assert "USING INDEX locks_live ((resource_key,namespace)>(?,?)" in search
    assert sort in ([], ["USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"])  # Equal keys alone.


@pytest.mark.parametrize("sql", [gauges.LAPSED_NODES, gauges.LIVE_LOCKS])
def test_gauges_count_in_indexes(core: Core, sql: str) -> None:
    (step,) = plans(core.connection, sql, (1,))
    assert step.startswith("SEARCH")
    assert "_by_expiry" in step


@pytest.mark.parametrize(
    ("sql", "values", "bounds"),
    [
        (node_listing.NODES, (1,), "task_pk=?"),
        (node_listing.NODES_PAGE, (1, 5, 10), "task_pk=? AND position>?"),
        (node_listing.DEPENDENCIES, (1, 5, 10), "task_pk=? AND position>? AND position<?"),
    ],
)
def test_the_nodes_of_a_task_are_read_in_order(
    core: Core, sql: str, values: tuple[int, ...], bounds: str
) -> None:
    steps = plans(core.connection, sql, values)
    assert f"nodes_in_task ({bounds})" in steps[0]
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in steps)
