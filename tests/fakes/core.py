"""The daemon's inside without its outside: operations on a real database, on a clock of the test.

Every result goes through JSON and the method's own result model, as it would on the wire.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson

from agentd.core.clock import Instant
from agentd.core.ids import RandomIds
from agentd.core.operations.expiry import expire_due, prune
from agentd.core.operations.idempotency import run_once
from agentd.core.operations.table import READS, WRITES
from agentd.core.operations.transaction import Effects, LeaseConfig, Transaction
from agentd.core.storage.database import Reader, open_writer
from agentd.core.storage.locks import LockTable
from agentd.protocol.envelope import validate_params
from agentd.protocol.methods import METHODS

START = Instant(1_700_000_000_000)
NODE_TIMEOUT_SECS = 300
PAYLOAD_BYTES_MAX = 10_000


class Core:
    """A database and the operations on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_writer(path)
        self.locks = LockTable(self.connection)
        self.now = START
        self.ids = RandomIds()
        self.config = LeaseConfig(NODE_TIMEOUT_SECS, 50, PAYLOAD_BYTES_MAX)
        self.effects = Effects()
        """Of the last write that did not raise."""
        self.behind_waiter = False
        """Whether somebody waits for what the writes ask for."""
        self.busy_secs = 0
        """How long the writes have to wait for their transaction."""

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Core]:
        """A core whose connection is closed at the end."""
        core = cls(path)
        with closing(core.connection):
            yield core

    def tick(self, secs: float) -> None:
        """Lets time pass."""
        self.now = Instant(self.now + round(secs * 1000))

    def write(self, method: str, /, **params: Any) -> Any:
        """Calls a method that writes; an error undoes what it did."""
        checked = validate_params(METHODS[method].params, params)
        with self.transaction() as tx:
            result = run_once(tx, method, checked, self.now, WRITES[method])
        return on_the_wire(method, result)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that is committed at the end, or rolled back by an error."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.locks.begin()
        tx = Transaction(
            self.connection,
            self.locks,
            self.ids,
            self.config,
            Instant(self.now + self.busy_secs * 1000),
            behind_waiter=self.behind_waiter,
            gathers_events=True,
        )
        try:
            yield tx
            tx.journal.store()
        except BaseException:
            self.connection.execute("ROLLBACK")
            self.locks.rolled_back()
            raise
        self.connection.execute("COMMIT")
        self.locks.committed()
        self.effects = tx.effects

    def sweep(self, limit: int = 1000) -> int:
        """Expires what is due."""
        with self.transaction() as tx:
            return expire_due(tx, self.now, limit)

    def prune(self) -> int:
        """Forgets what is over."""
        with self.transaction() as tx:
            return prune(tx, self.now)

    async def read(self, method: str, /, **params: Any) -> Any:
        """Calls a method that reads."""
        checked = validate_params(METHODS[method].params, params)
        reader = await Reader.open(self.path, connections=1)
        try:
            return on_the_wire(method, await READS[method](reader, checked, self.now))
        finally:
            await reader.close()

    def events(self, action: str | None = None) -> list[dict[str, Any]]:
        """The journal, or its events of one kind, oldest first."""
        cursor = self.connection.execute(
            "SELECT seq, action_type, resource_key, owner, provider, payload FROM journal"
            " WHERE ? IS NULL OR action_type = ? ORDER BY seq",
            (action, action),
        )
        names = [column[0] for column in cursor.description]
        events = [dict(zip(names, row, strict=True)) for row in cursor]
        return [{**event, "payload": orjson.loads(event["payload"])} for event in events]

    def actions(self) -> list[str]:
        """The kinds of all events, oldest first."""
        return [event["action_type"] for event in self.events()]

    def one(self, sql: str, *values: Any) -> Any:
        """The only column of the only row of a query."""
        row: tuple[Any, ...] | None = self.connection.execute(sql, values).fetchone()
        return row[0] if row else None


def on_the_wire(method: str, result: Any) -> Any:
    """A result as a client gets it. Fails if it is not what the method promises."""
    decoded = orjson.loads(orjson.dumps(result))
    METHODS[method].result_adapter.validate_python(decoded)
    return decoded


def plans(connection: sqlite3.Connection, sql: str, values: Any = ()) -> list[str]:
    """How SQLite carries out a query: one line for each table it looks into."""
    rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)
    return [row[3] for row in rows]
