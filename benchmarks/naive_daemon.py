"""The daemon that one would write first: streams, and one aiosqlite transaction a request.

Keeps the promises that matter for the comparison: `synchronous=FULL`, an answer only after the
commit, one live lock per key, a journal event in the same transaction. Run as
`python -m benchmarks.naive_daemon SOCKET DATABASE`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import Any
from uuid import uuid4

import aiosqlite
import orjson
import uvloop

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE locks (
    fencing_token INTEGER PRIMARY KEY AUTOINCREMENT,
    resource_key TEXT NOT NULL,
    lease_id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    provider TEXT NOT NULL,
    metadata TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('LIVE', 'RELEASED', 'EXPIRED')),
    acquired_at REAL NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX one_live_lock_per_key ON locks (resource_key) WHERE state = 'LIVE';
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    at REAL NOT NULL,
    action_type TEXT NOT NULL,
    resource_key TEXT NOT NULL,
    owner TEXT NOT NULL,
    provider TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX journal_by_key ON journal (resource_key, seq);
"""

Params = dict[str, Any]


class NaiveDaemon:
    """One connection to the database, one transaction at a time."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._transaction = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one client's requests, one after another."""
        while line := await reader.readline():
            request = orjson.loads(line)
            operation = {
                "AcquireResourceLock": self._acquire,
                "ReleaseResourceLock": self._release,
            }[request["method"]]
            async with self._transaction:
                await self._connection.execute("BEGIN IMMEDIATE")
                result = await operation(request["params"], time.time())
                await self._connection.execute("COMMIT")
            writer.write(orjson.dumps({"id": request["id"], "result": result}) + b"\n")
            await writer.drain()
        writer.close()

    async def _acquire(self, params: Params, now: float) -> object:
        key = params["resource_key"]
        async with self._connection.execute(
            "SELECT fencing_token, expires_at FROM locks WHERE resource_key = ? AND state = 'LIVE'",
            (key,),
        ) as cursor:
            live = await cursor.fetchone()
        if live is not None and live[1] > now:
            return None
        if live is not None:
            await self._connection.execute(
                "UPDATE locks SET state = 'EXPIRED' WHERE fencing_token = ?", (live[0],)
            )
        lease_id = str(uuid4())
        expires_at = int(now) + params["ttl_secs"]
        metadata = orjson.dumps(params["metadata"]).decode()
        cursor = await self._connection.execute(
            "INSERT INTO locks (resource_key, lease_id, owner, provider, metadata, state,"
            " acquired_at, expires_at) VALUES (?, ?, ?, ?, ?, 'LIVE', ?, ?)",
            (key, lease_id, params["owner"], params["provider"], metadata, now, expires_at),
        )
        await self._journal(
            "lock.acquired", key, params["owner"], params["provider"], metadata, now
        )
        return {
            "resource_key": key,
            "lease_id": lease_id,
            "fencing_token": cursor.lastrowid,
            "owner": params["owner"],
            "provider": params["provider"],
            "acquired_at": now,
            "expires_at": expires_at,
            "metadata": params["metadata"],
        }

    async def _release(self, params: Params, now: float) -> object:
        async with self._connection.execute(
            "SELECT fencing_token, owner, provider, metadata FROM locks"
            " WHERE lease_id = ? AND resource_key = ? AND state = 'LIVE' AND expires_at > ?",
            (params["lease_id"], params["resource_key"], now),
        ) as cursor:
            held = await cursor.fetchone()
        if held is None:
            return {"ok": False}
        token, owner, provider, metadata = held
        await self._connection.execute(
            "UPDATE locks SET state = 'RELEASED' WHERE fencing_token = ?", (token,)
        )
        await self._journal("lock.released", params["resource_key"], owner, provider, metadata, now)
        return {"ok": True}

    async def _journal(
        self, action: str, key: str, owner: str, provider: str, payload: str, now: float
    ) -> None:
        await self._connection.execute(
            "INSERT INTO journal (event_id, at, action_type, resource_key, owner, provider,"
            " payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (str(uuid4()), now, action, key, owner, provider, payload),
        )


async def main(socket: str, database: str) -> None:
    """Serves until it is terminated."""
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    async with aiosqlite.connect(database, isolation_level=None) as connection:
        await connection.executescript(SCHEMA)
        await connection.execute("PRAGMA synchronous = FULL")
        daemon = NaiveDaemon(connection)
        server = await asyncio.start_unix_server(daemon.serve, socket)
        await terminated.wait()
        server.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
