"""Looks at the database after every batch: the journal, folded, must give the tables.

Sees what is committed, through a connection of its own that outlives the daemon's deaths.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agentd.core.states import NodeStatus, TaskState
from tests.simulation.fold import Event, Fold, FoldedLock, require
from tests.simulation.process import observe

_EVENTS = (
    "SELECT j.seq, j.event_id, j.at, j.action_type, t.id, n.id, j.resource_key, j.owner,"
    " j.provider, j.payload FROM journal AS j LEFT JOIN tasks AS t ON t.pk = j.task_pk"
    " LEFT JOIN nodes AS n ON n.pk = j.node_pk WHERE j.seq > ? ORDER BY j.seq"
)
_NODES = (
    "SELECT n.id, t.id, n.status, n.attempts, n.open_dependencies, n.unreachable, n.requires,"
    " n.max_attempts, t.cancelled_at IS NOT NULL, n.lease_id, n.lease_owner, n.expires_at,"
    " (SELECT count(*) FROM attempts AS a WHERE a.node_pk = n.pk)"
    " FROM nodes AS n JOIN tasks AS t ON t.pk = n.task_pk"
)
_LOCK_LEASE = "printf('%08x-%04x-%s', fencing_token >> 16, fencing_token & 65535, lease_secret)"
_LOCKS = (
    f"SELECT fencing_token, {_LOCK_LEASE}, namespace, resource_key, mode, owner, provider,"
    " metadata, expires_at FROM locks WHERE state = 'LIVE'"
)
_TASKS = "SELECT id, pending, running, completed, failed, unreachable, state FROM tasks"
_DEPENDENCIES = (
    "SELECT n.id, d.id FROM node_dependencies AS e JOIN nodes AS n ON n.pk = e.node_pk"
    " JOIN nodes AS d ON d.pk = e.dependency_pk"
)
_LEASES = (
    f"SELECT {_LOCK_LEASE} FROM locks UNION ALL SELECT lease_id FROM attempts"
    " UNION ALL SELECT lease_id FROM nodes WHERE lease_id IS NOT NULL"
)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class NodeRow(NamedTuple):
    """A node as the table has it."""

    id: str
    task_id: str
    status: str
    attempts: int
    open_dependencies: int
    unreachable: int
    requires: str
    max_attempts: int | None
    cancelled: int
    lease_id: str | None
    lease_owner: str | None
    expires_at: int | None
    ended_attempts: int


class LockRow(NamedTuple):
    """A live lock as the table has it."""

    token: int
    lease_id: str
    namespace: str
    key: str
    mode: str
    owner: str
    provider: str
    metadata: str
    expires_at: int

    @property
    def folded(self) -> FoldedLock:
        """What the journal says of it."""
        return FoldedLock(*self[:1], *self[2:8])


class Leased(NamedTuple):
    """A lease that is current, of a node or a lock."""

    about: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class View:
    """The tables at one moment between two batches."""

    nodes: Mapping[str, NodeRow]
    locks: Mapping[int, LockRow]
    task_states: Mapping[str, str]
    leases: Mapping[str, Leased]

    def is_current(self, lease_id: str, now: int) -> bool:
        """Whether somebody holds this lease and its time is not over."""
        lease = self.leases.get(lease_id)
        return lease is not None and now < lease.expires_at * 1000


class Observer:
    """Sees every commit, remembers all of them, and compares."""

    def __init__(self, path: Path) -> None:
        self._connection = observe(path)
        self._dependencies: dict[str, list[str]] = {}
        self.fold = Fold(self._dependencies)
        self.view = View({}, {}, {}, {})
        self.lease_ids: set[str] = set()

    def close(self) -> None:
        """Sees nothing more."""
        self._connection.close()

    def look(self) -> View:
        """Takes in what was committed since. Raises `Violation` where something is wrong."""
        nodes = {row[0]: NodeRow._make(row) for row in self._connection.execute(_NODES)}
        locks = {row[0]: LockRow._make(row) for row in self._connection.execute(_LOCKS)}
        if len(nodes) != len(self.view.nodes):
            self._learn_dependencies()
        leases = {
            row.lease_id: Leased(row.id, row.expires_at or 0)
            for row in nodes.values()
            if row.lease_id is not None
        }
        leases |= {row.lease_id: Leased(row.key, row.expires_at) for row in locks.values()}
        self.lease_ids.update(leases)
        for row in self._connection.execute(_EVENTS, (self.fold.seq,)):
            self._check_secrets(row)
            self.fold.apply(Event._make(row))
        tasks = list(self._connection.execute(_TASKS))
        self._compare_nodes(nodes)
        self._compare_locks(locks)
        self._compare_tasks(nodes, tasks)
        self.view = View(nodes, locks, {row[0]: row[-1] for row in tasks}, leases)
        return self.view

    def look_from_the_start(self) -> None:
        """Reads the journal anew: nothing that was ever there may be missing or different."""
        every_lease = [row[0] for row in self._connection.execute(_LEASES)]
        require(len(every_lease) == len(set(every_lease)), "a lease id was given out twice")
        self.lease_ids.update(every_lease)
        again = Fold(self._dependencies)
        for row in self._connection.execute(_EVENTS, (0,)):
            self._check_secrets(row)
            again.apply(Event._make(row))
        require(again == self.fold, "the journal has changed", again.seq, self.fold.seq)
        broken = self._connection.execute("PRAGMA integrity_check").fetchall()
        require(broken == [("ok",)], "the file is broken", broken)
        require(not self._connection.execute("PRAGMA foreign_key_check").fetchall(), "lost parents")

    def _learn_dependencies(self) -> None:
        self._dependencies.clear()
        for node_id in self._connection.execute("SELECT id FROM nodes"):
            self._dependencies[node_id[0]] = []
        for node_id, dependency in self._connection.execute(_DEPENDENCIES):
            self._dependencies[node_id].append(dependency)

    def _check_secrets(self, row: tuple[object, ...]) -> None:
        for value in row:
            if isinstance(value, str):
                shown = self.lease_ids.intersection(UUID.findall(value))
                require(not shown, "a lease id in the journal", row)

    def _compare_nodes(self, nodes: Mapping[str, NodeRow]) -> None:
        require(self.fold.nodes.keys() <= nodes.keys(), "events of nodes that are not there")
        doomed = self._doomed(nodes)
        for row in nodes.values():
            folded = self.fold.node(row.id)
            require(row.status == folded.status.value, "status", row, folded)
            require(row.attempts == folded.attempt, "attempts", row, folded)
            running = row.status == NodeStatus.RUNNING.value
            require(running == (row.lease_id is not None), "RUNNING without its one lease", row)
            require(not running or row.lease_owner == folded.owner, "lease owner", row, folded)
            require(row.ended_attempts == row.attempts - running, "ended attempts", row)
            if row.max_attempts is not None and row.status != NodeStatus.FAILED.value:
                require(folded.spent < row.max_attempts, "an attempt too many", row, folded)
            needed = self._dependencies[row.id]
            is_open = sum(nodes[other].status != NodeStatus.COMPLETED.value for other in needed)
            require(row.open_dependencies == is_open, "open dependencies", row, is_open)
            require(bool(row.unreachable) == (row.id in doomed), "unreachable", row)

    def _doomed(self, nodes: Mapping[str, NodeRow]) -> set[str]:
        """PENDING nodes that wait, directly or not, for a FAILED one."""
        failed = {row.id for row in nodes.values() if row.status == NodeStatus.FAILED.value}
        doomed: set[str] = set()
        grew = True
        while grew:
            more = {
                node_id
                for node_id, needed in self._dependencies.items()
                if node_id not in doomed and not (failed | doomed).isdisjoint(needed)
            }
            doomed |= more
            grew = bool(more)
        return {other for other in doomed if nodes[other].status == NodeStatus.PENDING.value}

    def _compare_locks(self, locks: Mapping[int, LockRow]) -> None:
        require(locks.keys() == self.fold.locks.keys(), "live locks", locks, self.fold.locks)
        for token, row in locks.items():
            require(row.folded == self.fold.locks[token], "lock", row, self.fold.locks[token])

    def _compare_tasks(
        self, nodes: Mapping[str, NodeRow], tasks: list[tuple[str, int, int, int, int, int, str]]
    ) -> None:
        counts = Counter((row.task_id, row.status) for row in nodes.values())
        doomed = Counter(row.task_id for row in nodes.values() if row.unreachable)
        for task_id, *by_status, unreachable, state in tasks:
            recount = [counts[task_id, status.value] for status in NodeStatus]
            require(by_status == recount, "counters", task_id, by_status, recount)
            require(unreachable == doomed[task_id], "count of unreachable nodes", task_id)
            pending, running, _, failed = recount
            expected = TaskState.FAILED if failed else TaskState.COMPLETED
            if running or pending > unreachable:
                expected = TaskState.ACTIVE
            require(state == expected.value, "task state", task_id, state, recount)
