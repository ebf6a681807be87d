"""The tables `nodes` and `node_dependencies`: finding what may run, and writing what became of it.

What may run is found in partial indexes that hold nothing else, so it costs the same however many
nodes a task has; the finished ones are not looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from agentd.core.clock import Instant, UnixSeconds
from agentd.core.dag import Candidate
from agentd.core.ids import LeaseId, NodeId, TaskId
from agentd.core.leases import NodeLease

_COLUMNS = (
    "SELECT n.pk, n.task_pk, n.id, t.id, n.key, n.status, n.attempts, n.spent_attempts,"
    " n.max_attempts, n.timeout_secs, n.lease_id, n.lease_owner, n.lease_provider, n.lease_secs,"
    " n.expires_at, n.acquired_at, n.payload_schema, t.cancelled_at"
    " FROM nodes AS n CROSS JOIN tasks AS t ON t.pk = n.task_pk"
)
_BY_ID = f"{_COLUMNS} WHERE n.id = ?"
_BY_PK = f"{_COLUMNS} WHERE n.pk = ?"
_INSERT = (
    "INSERT INTO nodes (pk, id, task_pk, position, key, priority, requires, open_dependencies,"
    " max_attempts, timeout_secs, updated_at, payload_schema)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_DEPENDENCY = (
    "INSERT INTO node_dependencies (node_pk, position, dependency_pk) VALUES (?, ?, ?)"
)
_NEXT_PK = (
    "SELECT 1 + max(coalesce((SELECT max(pk) FROM nodes), 0),"
    " coalesce((SELECT last_node_pk FROM registration WHERE only_row = 1), 0))"
)
_ANY_IN_USE = (
    "SELECT nodes.id FROM json_each(?) AS given CROSS JOIN nodes ON nodes.id = given.value LIMIT 1"
)

_RUNNABLE = "status = 'PENDING' AND open_dependencies = 0"
_FROM_TASK = f"FROM nodes INDEXED BY nodes_runnable WHERE {_RUNNABLE} AND task_pk = ?"
_FROM_ANYWHERE = f"FROM nodes INDEXED BY nodes_runnable_anywhere WHERE {_RUNNABLE}"
_NEXT_REQUIREMENTS = "SELECT requires {} AND requires > ? ORDER BY requires LIMIT 1"
_FIRST = "SELECT pk, priority {} AND requires = ? ORDER BY priority DESC, {} LIMIT 1"
NEXT_REQUIREMENTS_IN_TASK = _NEXT_REQUIREMENTS.format(_FROM_TASK)
NEXT_REQUIREMENTS_ANYWHERE = _NEXT_REQUIREMENTS.format(_FROM_ANYWHERE)
FIRST_IN_TASK = _FIRST.format(_FROM_TASK, "position")
_PUBLISHED = (
    " AND pk NOT BETWEEN"
    " coalesce((SELECT first_node_pk FROM registration WHERE only_row = 1), 0)"
    " AND coalesce((SELECT last_node_pk FROM registration WHERE only_row = 1), 0)"
)
"""A task that is still being registered cannot be named, but its nodes lie among the others."""
FIRST_ANYWHERE = _FIRST.format(_FROM_ANYWHERE + _PUBLISHED, "pk")

# Few leases have lapsed, while a task may have any number of nodes.
_LAPSED = _COLUMNS.replace("nodes AS n", "nodes AS n INDEXED BY nodes_by_expiry")
LAPSED = f"{_LAPSED} WHERE n.status = 'RUNNING' AND n.expires_at <= ?"
_NEXT_EXPIRY = "SELECT min(expires_at) FROM nodes WHERE status = 'RUNNING'"

_START = (
    "UPDATE nodes SET status = 'RUNNING', attempts = ?, lease_id = ?, lease_owner = ?,"
    " lease_provider = ?, lease_secs = ?, expires_at = ?, acquired_at = ?, updated_at = ?"
    " WHERE pk = ? AND status = 'PENDING' AND open_dependencies = 0"
)
_EXTEND = "UPDATE nodes SET expires_at = ?, updated_at = ? WHERE pk = ? AND lease_id = ?"
_COMPLETE = (
    "UPDATE nodes SET status = 'COMPLETED', lease_id = NULL, lease_secs = NULL, expires_at = NULL,"
    " result_payload = ?, error_payload = NULL, updated_at = ? WHERE pk = ?"
)
_FAIL = (
    "UPDATE nodes SET status = 'FAILED', lease_id = NULL, lease_secs = NULL, expires_at = NULL,"
    " unreachable = 0, spent_attempts = ?, error_payload = coalesce(?, error_payload),"
    " updated_at = ? WHERE pk = ?"
)
_ROLL_BACK = (
    "UPDATE nodes SET status = 'PENDING', lease_id = NULL, lease_owner = NULL,"
    " lease_provider = NULL, lease_secs = NULL, expires_at = NULL, acquired_at = NULL,"
    " spent_attempts = ?, error_payload = coalesce(?, error_payload), updated_at = ? WHERE pk = ?"
)
_CLOSE_DEPENDENCY = (
    "UPDATE nodes SET open_dependencies = open_dependencies - 1 WHERE pk IN"
    " (SELECT node_pk FROM node_dependencies WHERE dependency_pk = ?)"
    " RETURNING position, id, open_dependencies, status"
)
MARK_UNREACHABLE = (
    "WITH RECURSIVE doomed (pk) AS ("
    "SELECT node_pk FROM node_dependencies WHERE dependency_pk = ? "
    "UNION SELECT d.node_pk FROM doomed"
    " CROSS JOIN nodes AS n ON n.pk = doomed.pk AND n.unreachable = 0 AND n.status = 'PENDING'"
    " CROSS JOIN node_dependencies AS d ON d.dependency_pk = doomed.pk)"
    " UPDATE nodes SET unreachable = 1"
    " WHERE pk IN (SELECT pk FROM doomed) AND unreachable = 0 AND status = 'PENDING'"
)
_PENDING = "SELECT pk FROM nodes WHERE task_pk = ? AND status = 'PENDING' ORDER BY position"
_CANCEL = (
    "UPDATE nodes SET status = 'FAILED', unreachable = 0, error_payload = ?, updated_at = ?"
    " WHERE task_pk = ? AND status = 'PENDING'"
)
_DEPENDENCIES = (
    "SELECT n.id, n.key, n.result_payload FROM node_dependencies AS d"
    " JOIN nodes AS n ON n.pk = d.dependency_pk WHERE d.node_pk = ? ORDER BY d.position"
)


class Node(NamedTuple):
    """A node as the operations need it."""

    pk: int
    task_pk: int
    id: NodeId
    task_id: TaskId
    key: str | None
    status: str
    attempts: int
    """Attempts that were started."""
    spent_attempts: int
    """Attempts that timed out or failed retryably."""
    max_attempts: int | None
    timeout_secs: int | None
    lease_id: LeaseId | None
    lease_owner: str | None
    lease_provider: str | None
    lease_secs: int | None
    expires_at: UnixSeconds | None
    acquired_at: Instant | None
    payload_schema: str
    """JSON text."""
    task_cancelled_at: Instant | None

    @property
    def lease(self) -> NodeLease | None:
        """The running attempt."""
        if (
            self.lease_id is None
            or self.lease_owner is None
            or self.acquired_at is None
            or self.expires_at is None
        ):
            return None
        return NodeLease(
            self.pk,
            self.task_pk,
            self.lease_id,
            self.lease_owner,
            self.lease_provider,
            self.attempts,
            self.acquired_at,
            self.expires_at,
        )


class NewNode(NamedTuple):
    """A node to store, in the order of the table's columns."""

    pk: int
    id: NodeId
    task_pk: int
    position: int
    key: str | None
    priority: int
    requires: str
    open_dependencies: int
    max_attempts: int | None
    timeout_secs: int | None
    updated_at: Instant
    payload_schema: str


class Dependency(NamedTuple):
    """A node that another one depends on."""

    id: NodeId
    key: str | None
    result_payload: str | None
    """JSON text."""


DependencyRow = tuple[int, int, int]
"""The node, the place among its dependencies, the node that it depends on: by row keys."""


def next_pk(connection: sqlite3.Connection) -> int:
    """The first row key that no node has, and that is not set aside for one."""
    pk: int = connection.execute(_NEXT_PK).fetchone()[0]
    return pk


def insert(connection: sqlite3.Connection, nodes: Iterable[NewNode]) -> None:
    """Stores new nodes."""
    connection.executemany(_INSERT, nodes)


def insert_dependencies(connection: sqlite3.Connection, rows: Iterable[DependencyRow]) -> None:
    """Stores what nodes depend on. All of the nodes must be stored already."""
    connection.executemany(_INSERT_DEPENDENCY, rows)


def any_in_use(connection: sqlite3.Connection, node_ids: Iterable[str]) -> str | None:
    """One of the ids that a node has already."""
    given = orjson.dumps(list(node_ids)).decode()
    row = connection.execute(_ANY_IN_USE, (given,)).fetchone()
    return row[0] if row else None


def by_id(connection: sqlite3.Connection, node_id: NodeId) -> Node | None:
    """The node of that id."""
    row = connection.execute(_BY_ID, (node_id,)).fetchone()
    return Node._make(row) if row else None


def by_pk(connection: sqlite3.Connection, node_pk: int) -> Node:
    """The node of that row key, which must exist."""
    return Node._make(connection.execute(_BY_PK, (node_pk,)).fetchone())


def runnable_requirements(connection: sqlite3.Connection, task_pk: int | None) -> Iterator[str]:
    """The different `requires` among the runnable nodes of a task or of all.

    Jumps from one to the next in the index, so it costs as much as there are different ones.
    """
    sql = NEXT_REQUIREMENTS_ANYWHERE if task_pk is None else NEXT_REQUIREMENTS_IN_TASK
    scope = () if task_pk is None else (task_pk,)
    last = ""
    while row := connection.execute(sql, (*scope, last)).fetchone():
        last = row[0]
        yield last


def first_runnable(
    connection: sqlite3.Connection, task_pk: int | None, requires: str
) -> Candidate | None:
    """The first in line among the runnable nodes that require exactly this."""
    if task_pk is None:
        row = connection.execute(FIRST_ANYWHERE, (requires,)).fetchone()
    else:
        row = connection.execute(FIRST_IN_TASK, (task_pk, requires)).fetchone()
    return Candidate._make(row) if row else None


def lapsed(
    connection: sqlite3.Connection, now: Instant, *, task_pk: int | None = None, limit: int = -1
) -> list[Node]:
    """RUNNING nodes whose lease has run out, the longest ago first."""
    where, values = "", [now // 1000]
    if task_pk is not None:
        where, values = " AND n.task_pk = ?", [*values, task_pk]
    sql = f"{LAPSED}{where} ORDER BY n.expires_at LIMIT ?"
    return [Node._make(row) for row in connection.execute(sql, (*values, limit))]


def next_expiry(connection: sqlite3.Connection) -> UnixSeconds | None:
    """When the first of the running leases runs out."""
    expiry: UnixSeconds | None = connection.execute(_NEXT_EXPIRY).fetchone()[0]
    return expiry


def start(connection: sqlite3.Connection, lease: NodeLease, lease_secs: int) -> None:
    """PENDING to RUNNING under a lease."""
    values = (
        lease.attempt,
        lease.lease_id,
        lease.owner,
        lease.provider,
        lease_secs,
        lease.expires_at,
        lease.acquired_at,
        lease.acquired_at,
        lease.node_pk,
    )
    started = connection.execute(_START, values).rowcount
    assert started == 1  # Only what the runnable indexes hold is started.


def extend(
    connection: sqlite3.Connection, lease: NodeLease, expires_at: UnixSeconds, now: Instant
) -> None:
    """Moves the end of the running lease."""
    connection.execute(_EXTEND, (expires_at, now, lease.node_pk, lease.lease_id))


def complete(
    connection: sqlite3.Connection, node_pk: int, result_payload: str, now: Instant
) -> list[NodeId]:
    """RUNNING to COMPLETED; returns the nodes that can run from now on."""
    connection.execute(_COMPLETE, (result_payload, now, node_pk))
    changed = connection.execute(_CLOSE_DEPENDENCY, (node_pk,)).fetchall()
    return [
        NodeId(node_id)
        for _, node_id, open_dependencies, status in sorted(changed)
        if open_dependencies == 0 and status == "PENDING"
    ]


def fail(
    connection: sqlite3.Connection,
    node_pk: int,
    *,
    spent_attempts: int,
    error_payload: str | None,
    now: Instant,
) -> None:
    """To FAILED; what depends on the node, directly or not, cannot be reached any more."""
    connection.execute(_FAIL, (spent_attempts, error_payload, now, node_pk))
    connection.execute(MARK_UNREACHABLE, (node_pk,))


def roll_back(
    connection: sqlite3.Connection,
    node_pk: int,
    *,
    spent_attempts: int,
    error_payload: str | None,
    now: Instant,
) -> None:
    """RUNNING to PENDING."""
    connection.execute(_ROLL_BACK, (spent_attempts, error_payload, now, node_pk))


def cancel_pending(
    connection: sqlite3.Connection, task_pk: int, error_payload: str, now: Instant
) -> list[int]:
    """All PENDING nodes of a task to FAILED; returns their row keys."""
    node_pks = [row[0] for row in connection.execute(_PENDING, (task_pk,))]
    if node_pks:
        connection.execute(_CANCEL, (error_payload, now, task_pk))
    return node_pks


def dependencies(connection: sqlite3.Connection, node_pk: int) -> list[Dependency]:
    """What a node depends on, in the order in which it was registered."""
    return [Dependency._make(row) for row in connection.execute(_DEPENDENCIES, (node_pk,))]
