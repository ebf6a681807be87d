"""What acquiring a node costs in a task of 100 nodes and in one of 100,000.

    python -m benchmarks.acquire_node [--directory DIR]

Also with 99,000 of them finished and a million events in the journal. Every task has more events
than a context shows, so that all contexts are equally large. Prints medians in microseconds and
their ratio to the smallest task, which should stay below 1.5; the commit is left out, because it
costs the same everywhere.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from agentd.core.clock import Instant
from agentd.core.ids import RandomIds
from agentd.core.limits import CONTEXT_EVENTS_DEFAULT
from agentd.core.operations.nodes import acquire_next_node
from agentd.core.operations.tasks import register_task
from agentd.core.operations.transaction import LeaseConfig, Transaction
from agentd.core.storage.database import open_writer
from agentd.protocol.nodes import AcquireNextNodeParams
from agentd.protocol.tasks import NodeSpec, RegisterTaskParams

SMALL, LARGE, FINISHED, EVENTS = 100, 100_000, 99_000, 1_000_000
ROUNDS = 9
ACQUISITIONS = 80
RATIO_MAX = 1.5
NOW = Instant(1_700_000_000_000)
IDS = RandomIds()
CONFIG = LeaseConfig(300, CONTEXT_EVENTS_DEFAULT, 1 << 20)


def register(connection: sqlite3.Connection, node_count: int) -> str:
    """Registers a task of independent nodes and fills its part of the journal."""
    nodes = [NodeSpec() for _ in range(node_count)]
    params = RegisterTaskParams(goal="benchmark", initial_nodes=nodes)
    connection.execute("BEGIN")
    answer = register_task(Transaction(connection, IDS, CONFIG), params, NOW)
    connection.execute("COMMIT")
    task_id: str = answer["task_id"]
    add_events(connection, task_id, CONTEXT_EVENTS_DEFAULT * 2)
    return task_id


def add_events(connection: sqlite3.Connection, task_id: str, count: int) -> None:
    """Writes events about a task, as its workers would have over time."""
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?)"
        " INSERT INTO journal (event_id, at, action_type, task_pk, payload)"
        " SELECT printf('event-%d', i), ?, 'progress', t.pk, '{\"done\":1}'"
        " FROM tasks AS t CROSS JOIN n WHERE t.id = ?",
        (count, NOW, task_id),
    )


def finish(connection: sqlite3.Connection, task_id: str, count: int) -> None:
    """Completes the first nodes of a task."""
    connection.execute(
        "UPDATE nodes SET status = 'COMPLETED', result_payload = 'null'"
        " WHERE position < ? AND task_pk = (SELECT pk FROM tasks WHERE id = ?)",
        (count, task_id),
    )


def cost(connection: sqlite3.Connection, task_id: str | None) -> float:
    """Microseconds of processor time for one acquisition, over a series that is then undone."""
    params = AcquireNextNodeParams(task_id=task_id, lease_owner="benchmark")
    connection.execute("BEGIN")
    start = time.thread_time_ns()
    for _ in range(ACQUISITIONS):
        connection.execute("SAVEPOINT request")
        lease = acquire_next_node(Transaction(connection, IDS, CONFIG), params, NOW)
        connection.execute("RELEASE request")
        assert lease is not None
    spent = time.thread_time_ns() - start
    connection.execute("ROLLBACK")
    return spent / ACQUISITIONS / 1000


def measure(directory: Path) -> list[tuple[str, float]]:
    """The median cost in each situation."""
    with closing(open_writer(directory / "benchmark.db")) as connection:
        small = register(connection, SMALL)
        large = register(connection, LARGE)
        worn = register(connection, LARGE)
        finish(connection, worn, FINISHED)
        add_events(connection, worn, EVENTS)
        situations: list[tuple[str, Callable[[], float]]] = [
            (f"one of {SMALL:,} nodes", lambda: cost(connection, small)),
            (f"one of {LARGE:,} nodes", lambda: cost(connection, large)),
            (
                f"one of {LARGE:,} nodes, {FINISHED:,} finished, {EVENTS:,} events",
                lambda: cost(connection, worn),
            ),
            ("one of any task", lambda: cost(connection, None)),
        ]
        # Taking turns, so that a busy moment of the machine meets all of them.
        rounds = [[run() for _, run in situations] for _ in range(ROUNDS)]
    medians = (median(column) for column in zip(*rounds, strict=True))
    return list(zip((name for name, _ in situations), medians, strict=True))


def main() -> int:
    """Prints the table; 1 when a ratio is too large."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--directory", type=Path, help="where to make the database")
    directory = parser.parse_args().directory
    with TemporaryDirectory(dir=directory) as scratch:
        results = measure(Path(scratch))
    base = results[0][1]
    print(f"{'acquiring':58} {'us':>8} {'ratio':>6}")
    for name, micros in results:
        print(f"{name:58} {micros:8.1f} {micros / base:6.2f}")
    return int(any(micros / base > RATIO_MAX for _, micros in results))


if __name__ == "__main__":
    raise SystemExit(main())
