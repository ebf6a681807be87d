"""What acquiring a node costs in a task of 100 nodes and in one of 100,000.

Also with 99,000 of them finished and a million events in the journal. Every task has more events
than a context shows, so that all contexts are equally large. Measured twice: the operation alone
by its processor time, and the call through the daemon's socket by its latency, commit included.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from statistics import median

from agentd.core.clock import Instant
from agentd.core.ids import RandomIds
from agentd.core.limits import CONTEXT_EVENTS_DEFAULT
from agentd.core.operations.nodes import acquire_next_node
from agentd.core.operations.registration import register_task
from agentd.core.operations.transaction import LeaseConfig, Transaction
from agentd.core.storage.database import open_writer
from agentd.core.storage.locks import LockTable
from agentd.protocol.nodes import AcquireNextNodeParams
from agentd.protocol.tasks import NodeSpec, RegisterTaskParams
from benchmarks import servers
from benchmarks.report import Goal, Report
from benchmarks.workplace import Workplace

SMALL, LARGE, FINISHED, EVENTS = 100, 100_000, 99_000, 1_000_000
ROUNDS = 9
ACQUISITIONS = 80
CALLS = 45
"""Each round takes two nodes of the small task: a node of any task is one of the oldest's."""
RATIO_MAX = 1.5
NOW = Instant(1_700_000_000_000)
IDS = RandomIds()
CONFIG = LeaseConfig(300, CONTEXT_EVENTS_DEFAULT, 1 << 20)


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks that are compared, by their ids."""

    small: str
    large: str
    worn: str
    """As large, nearly finished, with a long history."""

    @property
    def situations(self) -> Mapping[str, str | None]:
        """What is acquired from, by its name in the table; None is any task."""
        return {
            f"one of {SMALL:,} nodes": self.small,
            f"one of {LARGE:,} nodes": self.large,
            f"… {FINISHED:,} of them finished, {EVENTS:,} events": self.worn,
            "one of any task": None,
        }


def run(workplace: Workplace) -> Report:
    """The comparison."""
    home = servers.agentd_home(workplace)
    with closing(open_writer(home / "agent_state.db")) as connection:
        workplace.say(f"registering tasks of {SMALL:,}, {LARGE:,} and {LARGE:,} nodes")
        tasks = _tasks(connection)
        workplace.say("acquiring through the operation")
        operation = _in_turns(
            tasks,
            lambda task_id: _cost(connection, task_id),
            rounds=3 if workplace.quick else ROUNDS,
        )
    workplace.say("acquiring through the socket")
    with servers.agentd(workplace, home) as server, _Client(server.address) as client:
        latency = _in_turns(tasks, client.acquire, rounds=20 if workplace.quick else CALLS)
    situations = list(tasks.situations)
    ratios = {name: operation[name] / operation[situations[0]] for name in situations}
    return Report(
        name="nodes",
        title="acquiring a node, by the size of its task",
        columns=("a node", "operation µs", "ratio", "call µs", "ratio"),
        rows=[
            (
                name,
                f"{operation[name]:.1f}",
                f"{ratios[name]:.2f}×",
                f"{latency[name]:.0f}",
                f"{latency[name] / latency[situations[0]]:.2f}×",
            )
            for name in situations
        ],
        goals=[
            Goal(f"{name} / {situations[0]}", ratios[name], RATIO_MAX) for name in situations[1:3]
        ],
        notes=[
            "operation: processor time in the writer's transaction, the commit left out; "
            "call: round trip of one client, commit included; medians, taking turns",
        ],
        figures={"operation_micros": operation, "call_micros": latency},
    )


def _in_turns(
    tasks: Tasks, measure: Callable[[str | None], float], *, rounds: int
) -> dict[str, float]:
    """The median of what is measured in each situation, a busy moment meeting all of them."""
    table = [[measure(task) for task in tasks.situations.values()] for _ in range(rounds)]
    return dict(zip(tasks.situations, map(median, zip(*table, strict=True)), strict=True))


def _tasks(connection: sqlite3.Connection) -> Tasks:
    tasks = Tasks(
        _registered(connection, SMALL),
        _registered(connection, LARGE),
        _registered(connection, LARGE),
    )
    connection.execute(
        "UPDATE nodes SET status = 'COMPLETED', result_payload = 'null'"
        " WHERE position < ? AND task_pk = (SELECT pk FROM tasks WHERE id = ?)",
        (FINISHED, tasks.worn),
    )
    _add_events(connection, tasks.worn, EVENTS)
    return tasks


def _registered(connection: sqlite3.Connection, node_count: int) -> str:
    """Registers a task of independent nodes and fills its part of the journal."""
    nodes = [NodeSpec() for _ in range(node_count)]
    params = RegisterTaskParams(goal="benchmark", initial_nodes=nodes)
    connection.execute("BEGIN")
    answer = register_task(
        Transaction(connection, LockTable(connection), IDS, CONFIG, NOW), params, NOW
    )
    connection.execute("COMMIT")
    task_id: str = answer["task_id"]
    _add_events(connection, task_id, CONTEXT_EVENTS_DEFAULT * 2)
    return task_id


def _add_events(connection: sqlite3.Connection, task_id: str, count: int) -> None:
    """Writes events about a task, as its workers would have over time."""
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?)"
        " INSERT INTO journal (event_id, at, action_type, task_pk, payload)"
        " SELECT printf('event-%d', i), ?, 'progress', t.pk, '{\"done\":1}'"
        " FROM tasks AS t CROSS JOIN n WHERE t.id = ?",
        (count, NOW, task_id),
    )


def _cost(connection: sqlite3.Connection, task_id: str | None) -> float:
    """Microseconds of processor time for one acquisition, over a series that is then undone."""
    params = AcquireNextNodeParams(task_id=task_id, lease_owner="benchmark")
    connection.execute("BEGIN")
    start = time.thread_time_ns()
    for _ in range(ACQUISITIONS):
        lease = acquire_next_node(
            Transaction(connection, LockTable(connection), IDS, CONFIG, NOW), params, NOW
        )
        assert lease is not None
    spent = time.thread_time_ns() - start
    connection.execute("ROLLBACK")
    return spent / ACQUISITIONS / 1000


class _Client:
    """One connection that calls and waits."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(address)
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self._answers.close()
        self._socket.close()

    def acquire(self, task_id: str | None) -> float:
        """The round trip of an AcquireNextNode call, in microseconds."""
        params = {"lease_owner": "benchmark", **({"task_id": task_id} if task_id else {})}
        request = json.dumps({"id": 1, "method": "AcquireNextNode", "params": params})
        start = time.perf_counter()
        self._socket.sendall(request.encode() + b"\n")
        answer = self._answers.readline()
        spent = time.perf_counter() - start
        assert json.loads(answer).get("result"), answer
        return spent * 1_000_000
