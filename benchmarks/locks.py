"""Acquiring and releasing a lock, durably: agentd beside what one might use instead.

All systems run in one run on one disk, and take turns, so that a change in the machine's load
falls on all of them alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from statistics import median

from benchmarks import postgresql, servers
from benchmarks.load import Load, Measured
from benchmarks.report import BenchmarkFailed, Goal, Report
from benchmarks.servers import Missing, Server
from benchmarks.workplace import Workplace, clean_environment, measure_disk

CONNECTIONS = 64

Start = Callable[[Workplace], AbstractContextManager[Server]]

SYSTEMS: Mapping[str, Start] = {
    "agentd": servers.agentd,
    "naive": servers.naive,
    "PostgreSQL": postgresql.server,
    "Redis": servers.redis,
}

WHAT_THEY_ARE: Mapping[str, str] = {
    "agentd": "the daemon, default settings; every operation journaled",
    "naive": "asyncio streams, one aiosqlite transaction a request, the same tables",
    "PostgreSQL": "a lock table and a journal table, one prepared statement an operation, asyncpg",
    "Redis": "SET NX PX and compare-and-delete, appendfsync always, no journal",
}

GOALS: Mapping[str, float] = {"naive": 8.0, "PostgreSQL": 1.0, "Redis": 0.3}
"""agentd's operations a second over the other's, at least."""


def run(workplace: Workplace) -> Report:
    """The comparison."""
    rounds, seconds = (2, 1.0) if workplace.quick else (7, 3.0)
    with _all_systems(workplace) as (running, notes):
        disk = measure_disk(workplace)
        workplace.say(f"disk: {disk}")
        results: dict[str, list[Measured]] = {name: [] for name in running}
        for number in range(rounds):
            for name, server in running.items():
                result = _load(workplace, server, seconds)
                results[name].append(result)
                workplace.say(
                    f"round {number + 1} of {rounds}: {name} {result.operations_per_sec:,.0f} op/s"
                )
    own = _middle(results["agentd"])
    goals = [
        Goal(f"agentd / {name}", _ratio(results, name), GOALS[name], at_least=True)
        for name in results
        if name in GOALS
    ]
    return Report(
        name="locks",
        title=f"acquire + release of a lock, durable, {CONNECTIONS} connections, closed loop",
        columns=("system", "op/s", "agentd is", "p50 ms", "p99 ms", "load's CPU"),
        rows=[_row(name, rows, own / _middle(rows)) for name, rows in results.items()],
        goals=goals,
        notes=[
            f"disk: {disk}",
            f"an op is one acquire or one release; medians of {rounds} rounds of {seconds:g} s, "
            "the systems taking turns",
            *(f"{name}: {WHAT_THEY_ARE[name]}" for name in results),
            *notes,
        ],
        figures={
            "disk": asdict(disk),
            "fsync_at_least_ms": workplace.fsync_ms,
            "connections": CONNECTIONS,
            "rounds": {name: [asdict(row) for row in rows] for name, rows in results.items()},
        },
    )


@contextmanager
def _all_systems(workplace: Workplace) -> Iterator[tuple[dict[str, Server], list[str]]]:
    """What is installed, running; and a word on what is not."""
    running: dict[str, Server] = {}
    notes: list[str] = []
    with ExitStack() as stack:
        for name, start in SYSTEMS.items():
            workplace.say(f"starting {name}")
            try:
                running[name] = stack.enter_context(start(workplace))
            except Missing as missing:
                notes.append(f"not compared with {name}: {missing}")
                workplace.say(notes[-1])
        yield running, notes


def _load(workplace: Workplace, server: Server, seconds: float) -> Measured:
    load = Load(
        dialect=server.dialect,
        address=server.address,
        connections=CONNECTIONS,
        warm_up_secs=0.5,
        measured_secs=seconds,
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(load)),
        env=clean_environment(workplace.directory),
        cwd=servers.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkFailed(f"the load failed:\n{done.stderr.strip()}")
    return Measured(**json.loads(done.stdout))


def _middle(rows: list[Measured]) -> float:
    return median(row.operations_per_sec for row in rows)


def _ratio(results: Mapping[str, list[Measured]], name: str) -> float:
    """The median over the rounds of agentd's rate over the other's in the same round."""
    return median(
        own.operations_per_sec / other.operations_per_sec
        for own, other in zip(results["agentd"], results[name], strict=True)
    )


def _row(name: str, rows: list[Measured], ratio: float) -> tuple[str, ...]:
    return (
        name,
        f"{_middle(rows):,.0f}",
        f"{ratio:.2f}×",
        f"{median(row.p50_ms for row in rows):.2f}",
        f"{median(row.p99_ms for row in rows):.2f}",
        f"{median(row.generator_cpu for row in rows):.0%}",
    )
