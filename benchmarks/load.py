"""The load: connections that acquire and release locks in a closed loop, in a process of their own.

Servers that speak lines (agentd, the naive daemon, Redis) are driven by the same lean protocol
with requests made beforehand, so that the generator costs them all the same; PostgreSQL is driven
by asyncpg with prepared statements. Run as `python -m benchmarks.load`, with a `Load` as JSON on
standard input; prints a `Measured` as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Protocol, cast

import uvloop

KEYS_PER_CONNECTION = 16
TTL_SECS = 300
ANSWER_SECS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Load:
    """What to drive, how and how long."""

    dialect: str
    """A key of `DRIVERS`."""
    address: str
    """The path of the server's socket; for PostgreSQL the directory that it lies in."""
    connections: int
    warm_up_secs: float
    measured_secs: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One round. An operation is one acquire or one release, answered."""

    operations_per_sec: float
    p50_ms: float
    p99_ms: float
    generator_cpu: float
    """Share of one core that this process used: near 1, the generator was the limit."""


class Tally:
    """The window that is measured, and the latencies of the operations that end in it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._latencies: list[float] = []
        self._cpu = 0.0
        self.begin = time.perf_counter() + load.warm_up_secs
        self.end = self.begin + load.measured_secs

    def count(self, sent: float, answered: float) -> bool:
        """Notes an operation; whether to go on."""
        if answered < self.begin:
            self._cpu = time.process_time()
            return True
        if answered >= self.end:
            return False
        self._latencies.append(answered - sent)
        return True

    def measured(self) -> Measured:
        """The round's figures, to be asked for when the load has ended."""
        cpu = (time.process_time() - self._cpu) / self._load.measured_secs
        latencies = sorted(self._latencies)
        if not latencies:
            raise RuntimeError("not one operation was answered in time")
        return Measured(
            operations_per_sec=len(latencies) / self._load.measured_secs,
            p50_ms=latencies[len(latencies) // 2] * 1000,
            p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
            generator_cpu=min(cpu, 1.0),
        )


class Dialect(Protocol):
    """How a server that speaks lines is asked; every answer is one line."""

    def acquire(self, connection: int, number: int) -> bytes:
        """A request for a lock."""

    def release(self, connection: int, number: int) -> bytes:
        """The matching release, with `LEASE` where the lease goes."""

    def lease(self, answer: bytes) -> bytes:
        """The lease in the answer to an acquire. Raises ValueError when it was not granted."""

    def released(self, answer: bytes) -> bool:
        """Whether the answer to a release says that it was done."""


LEASE = b"<lease>"


class JsonLines:
    """agentd's protocol."""

    def acquire(self, connection: int, number: int) -> bytes:
        """`AcquireResourceLock`."""
        params = {
            "resource_key": _key(connection, number),
            "owner": f"worker-{connection}",
            "provider": "codex",
            "ttl_secs": TTL_SECS,
            "metadata": {"intent": "tidy the module", "base_revision": "git:main"},
        }
        return _line({"id": 1, "method": "AcquireResourceLock", "params": params})

    def release(self, connection: int, number: int) -> bytes:
        """`ReleaseResourceLock`."""
        params = {"resource_key": _key(connection, number), "lease_id": LEASE.decode()}
        return _line({"id": 2, "method": "ReleaseResourceLock", "params": params})

    def lease(self, answer: bytes) -> bytes:
        """The value of `lease_id`."""
        start = answer.index(b'"', answer.index(b'"lease_id"') + 10) + 1
        return answer[start : answer.index(b'"', start)]

    def released(self, answer: bytes) -> bool:
        """`ok`."""
        return b'"ok":true' in answer


class Resp:
    """Redis: a key that is set if absent with a time to live, deleted by whoever set it."""

    _DELETE_OWN = (
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end "
        "return 0"
    )

    def acquire(self, connection: int, number: int) -> bytes:
        """`SET key token NX PX ttl`."""
        key, token = _key(connection, number), f"token-{connection}"
        return _command("SET", key, token, "NX", "PX", str(TTL_SECS * 1000))

    def release(self, connection: int, number: int) -> bytes:
        """Compare and delete."""
        key, token = _key(connection, number), f"token-{connection}"
        return _command("EVAL", self._DELETE_OWN, "1", key, token)

    def lease(self, answer: bytes) -> bytes:
        """Nothing: the token is the client's own."""
        if answer != b"+OK\r\n":
            raise ValueError
        return b""

    def released(self, answer: bytes) -> bool:
        """One key was deleted."""
        return answer == b":1\r\n"


class Connection(asyncio.Protocol):
    """One client: acquire, release, acquire the next key, and so on."""

    def __init__(self, dialect: Dialect, number: int, tally: Tally) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._dialect = dialect
        self._tally = tally
        self._pairs = cycle(
            [
                (dialect.acquire(number, key), *_around_lease(dialect.release(number, key)))
                for key in range(KEYS_PER_CONNECTION)
            ]
        )
        self._holds = False
        self._received = b""
        self._release = (b"", b"")
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._acquire()

    def data_received(self, data: bytes) -> None:
        """An answer, or a part of one."""
        if self._received:
            data = self._received + data
        if not data.endswith(b"\n"):
            self._received = data
            return
        self._received = b""
        going_on = self._tally.count(self._sent, time.perf_counter())
        if not self._holds:
            try:
                lease = self._dialect.lease(data)
            except ValueError:
                self._fail(data)
                return
            self._holds = True
            before, after = self._release
            self._send(before + lease + after)
        elif not self._dialect.released(data):
            self._fail(data)
        elif going_on:
            self._holds = False
            self._acquire()
        else:  # Only now, so that nothing stays held for the next round.
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Ends the load."""
        if not self.ended.done():
            if error is None and time.perf_counter() >= self._tally.end:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error or RuntimeError("the server closed the connection"))

    def _acquire(self) -> None:
        request, before, after = next(self._pairs)
        self._release = (before, after)
        self._send(request)

    def _send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        self._transport.write(request)

    def _fail(self, answer: bytes) -> None:
        request = "release" if self._holds else "acquire"
        if not self.ended.done():
            self.ended.set_exception(
                RuntimeError(f"the {request} was answered: {answer.decode(errors='replace')}")
            )
        self._transport.abort()


async def drive_lines(load: Load, dialect: Dialect) -> Measured:
    """Loads a server that speaks lines."""
    loop = asyncio.get_running_loop()
    tally = Tally(load)
    clients = []
    for number in range(load.connections):
        _, client = await loop.create_unix_connection(
            lambda number=number: Connection(dialect, number, tally),  # type: ignore[misc]
            load.address,
        )
        clients.append(client)
    async with asyncio.timeout(load.warm_up_secs + load.measured_secs + ANSWER_SECS_MAX):
        await asyncio.gather(*(client.ended for client in clients))
    return tally.measured()


async def drive_postgresql(load: Load) -> Measured:
    """Loads the lock table of `benchmarks.postgresql`."""
    from benchmarks import postgresql

    connections = [await postgresql.connect(load.address) for _ in range(load.connections)]
    tally = Tally(load)

    async def client(number: int) -> None:
        acquire, release = await postgresql.prepare(connections[number])
        for key in cycle(_key(number, key) for key in range(KEYS_PER_CONNECTION)):
            sent = time.perf_counter()
            lease = await acquire(key, f"worker-{number}", TTL_SECS)
            if lease is None:
                raise RuntimeError("the lock was not granted")
            tally.count(sent, time.perf_counter())
            sent = time.perf_counter()
            if await release(key, lease) is None:
                raise RuntimeError("the lock was not released")
            if not tally.count(sent, time.perf_counter()):
                break

    async with asyncio.timeout(load.warm_up_secs + load.measured_secs + ANSWER_SECS_MAX):
        await asyncio.gather(*(client(number) for number in range(load.connections)))
    measured = tally.measured()
    for connection in connections:
        await connection.close()
    return measured


DRIVERS: dict[str, Callable[[Load], Awaitable[Measured]]] = {
    "json-lines": lambda load: drive_lines(load, JsonLines()),
    "resp": lambda load: drive_lines(load, Resp()),
    "postgresql": drive_postgresql,
}


def _key(connection: int, number: int) -> str:
    return f"file:src/package_{connection}/module_{number}.py"


def _line(request: object) -> bytes:
    return json.dumps(request, separators=(",", ":")).encode() + b"\n"


def _command(*words: str) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in encoded)


def _around_lease(request: bytes) -> tuple[bytes, bytes]:
    before, _, after = request.partition(LEASE)
    return before, after


async def _main(load: Load) -> None:
    gc.collect()
    gc.freeze()
    gc.disable()
    json.dump(asdict(await DRIVERS[load.dialect](load)), sys.stdout)


if __name__ == "__main__":
    uvloop.run(_main(Load(**json.load(sys.stdin))))
