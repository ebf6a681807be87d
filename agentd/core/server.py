"""The socket: bytes to requests, answers to bytes, and what a connection may ask of the daemon.

Keeps the order of a connection's answers, and of its calls where order shows: one that reads sees
what the connection wrote before it. Holds back who sends faster than it is answered or does not
read its answers. Knows no method.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from agentd.core import limits
from agentd.core.dispatch import Call, Dispatcher
from agentd.core.metrics import Metrics
from agentd.errors import AgentdError, PermissionDenied, RequestTooLarge, ResourceExhausted
from agentd.protocol.envelope import encode_error
from agentd.protocol.framing import LineDecoder, LineTooLong

logger = logging.getLogger(__name__)

_ROOT_UID: Final = 0
REFUSED_SECS: Final = 1.0
"""How long a client that was refused may take to read why."""
_REFUSED_AT_ONCE: Final = 32
"""How many of them are given that time; there are as many files to spare."""
_HANG_UP_POLL_SECS: Final = 0.5
"""How soon the end of a client is noticed that had closed its sending side before."""


class _Slot:
    """The place of one answer on its connection; the `Caller` that the dispatcher sees."""

    __slots__ = ("aside", "connection", "in_lane", "line")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.line: bytes | None = None
        self.in_lane = False
        self.aside = False

    def answer(self, line: bytes) -> None:
        """Takes the response."""
        self.line = line
        self.connection.answered(self)

    def step_aside(self, give_up: Callable[[], None]) -> None:
        """Lets later answers overtake this one."""
        self.aside = True
        self.connection.stepped_aside(self, give_up)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._decoder = LineDecoder(server.line_bytes_max)
        self._backlog: deque[bytes | LineTooLong] = deque()
        """Lines that came and are not looked at yet, because too many others are in flight."""
        self._slots: deque[_Slot] = deque()
        """Answers that are due, in the order in which they go out."""
        self._queued: deque[tuple[Call, _Slot]] = deque()
        """Calls that wait for those before them, which are in another lane."""
        self._running = 0
        self._running_lane: object = None
        self._waiting: dict[_Slot, Callable[[], None]] = {}
        """Calls that wait, and how to tell them to give up."""
        self._out: list[bytes] = []
        self._touched = False
        self._reading = True
        self._writable = True
        self._ended = False
        """The client sends nothing more."""
        self._closing = False
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Lets the client in, or says why not."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is none of its subclasses.
        self._transport = transport
        transport.set_write_buffer_limits(high=limits.RESPONSE_BUFFER_BYTES)
        refusal = self._server.admit(self, transport)
        if refusal is not None:
            self._refused = True
            transport.write(encode_error(None, refusal))
            # Closed at once, a client that sends before it reads would not come to read why.
            transport.write_eof()
            self._server.close_soon(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: its waits end; what it had sent is still done."""
        self._transport = None
        self._writable = True
        self._server.forget(self)
        self.give_up_waits()
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Takes what the client sent."""
        if self._refused:
            return
        self._backlog.extend(self._decoder.feed(data))
        self._pump()

    def eof_received(self) -> bool:
        """The client sends nothing more; the connection stays open for its answers."""
        if self._refused:
            return False
        self._ended = True
        self._backlog.extend(self._decoder.finish())
        self._pump()
        if self._waiting and self.hung_up():
            self.give_up_waits()
        self.touch()
        return True

    def pause_writing(self) -> None:
        """The client does not read its answers, so nothing more is read from it."""
        self._writable = False
        self._regulate()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writable = True
        self._pump()

    def answered(self, slot: _Slot) -> None:
        """An answer has come."""
        if slot.aside:
            self._waiting.pop(slot, None)
            assert slot.line is not None
            self._out.append(slot.line)
        self._leave_lane(slot)
        self.touch()

    def stepped_aside(self, slot: _Slot, give_up: Callable[[], None]) -> None:
        """A call has begun to wait."""
        self._slots.remove(slot)
        self._waiting[slot] = give_up
        self._leave_lane(slot)
        if self._transport is None or (self._ended and self.hung_up()):
            give_up()
        else:
            self.touch()

    def flush(self) -> None:
        """Sends the answers whose turn it is, and takes up what they held back."""
        self._touched = False
        slots, out = self._slots, self._out
        while slots and (line := slots[0].line) is not None:
            out.append(line)
            slots.popleft()
        if out:
            if self._transport is not None:
                self._transport.write(out[0] if len(out) == 1 else b"".join(out))
            out.clear()
        if self._backlog:
            self._pump()
        if self._ended and self._waiting and self._transport is not None:
            self._server.watch_for_hang_up(self)
        if (self._ended or self._closing) and self.is_idle and self._transport is not None:
            self._transport.close()

    @property
    def is_idle(self) -> bool:
        """Whether no answer is due."""
        return not (self._slots or self._backlog or self._waiting or self._out)

    def close_when_idle(self) -> None:
        """Ends the connection as soon as everything is answered."""
        self._closing = True
        self.touch()

    def abort(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def hung_up(self) -> bool:
        """Whether the client has closed the connection, not only its sending side."""
        if self._transport is None:
            return True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        return bool(poll.poll(0))

    def give_up_waits(self) -> None:
        """Nobody is left to hear the answers of calls that wait."""
        for give_up in list(self._waiting.values()):
            give_up()

    def touch(self) -> None:
        """Has the connection flushed after everything else that happens in this turn."""
        if not self._touched:
            self._touched = True
            self._server.flush_soon(self)

    def _pump(self) -> None:
        backlog, slots = self._backlog, self._slots
        in_flight_max = limits.REQUESTS_IN_FLIGHT_PER_CONNECTION
        while backlog and self._writable and len(slots) < in_flight_max:
            line = backlog.popleft()
            slot = _Slot(self)
            slots.append(slot)
            if isinstance(line, bytes):
                call = self._server.dispatcher.receive(line, slot)
                if call is not None:
                    self._schedule(call, slot)
            else:
                slot.answer(encode_error(None, _too_long(line)))
        self._regulate()

    def _regulate(self) -> None:
        wanted = self._writable and not self._backlog
        transport = self._transport
        if wanted is self._reading or transport is None or self._ended or transport.is_closing():
            return
        if wanted:
            transport.resume_reading()
        else:
            transport.pause_reading()
        self._reading = wanted

    def _schedule(self, call: Call, slot: _Slot) -> None:
        if self._queued or (self._running and self._running_lane is not call.lane):
            self._queued.append((call, slot))
        else:
            self._run(call, slot)

    def _run(self, call: Call, slot: _Slot) -> None:
        self._running += 1
        self._running_lane = call.lane
        slot.in_lane = True
        call.start()

    def _leave_lane(self, slot: _Slot) -> None:
        if not slot.in_lane:
            return
        slot.in_lane = False
        self._running -= 1
        while self._queued and (not self._running or self._running_lane is self._queued[0][0].lane):
            self._run(*self._queued.popleft())


def _too_long(line: LineTooLong) -> RequestTooLarge:
    return RequestTooLarge(
        "line_too_long",
        f"a request line may have at most {line.limit_bytes} bytes",
        limit=line.limit_bytes,
    )


def _peer_uid(transport: asyncio.Transport) -> int | None:
    """The user at the other end; None where the system does not say (the socket's mode guards)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    credentials = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7).
    connected = transport.get_extra_info("socket")
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    uid: int = credentials.unpack(raw)[1]
    return uid


class Server:
    """All connections."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        metrics: Metrics,
        *,
        line_bytes_max: int,
        connections_max: int,
    ) -> None:
        self.dispatcher = dispatcher
        self.line_bytes_max = line_bytes_max
        self._metrics = metrics
        self._connections_max = connections_max
        self._connections: set[Connection] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._to_flush: list[Connection] = []
        self._listening: asyncio.Server | None = None
        self._half_closed: set[Connection] = set()
        """Clients that send nothing more but wait: their end would not show by itself."""
        self._refused: deque[asyncio.Transport] = deque()
        """The last clients that were refused; they may be gone."""
        self._hang_up_timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def listen(self, listening: socket.socket) -> None:
        """Accepts clients on a bound socket."""
        self._listening = await self._loop.create_unix_server(
            lambda: Connection(self), sock=listening, backlog=self._connections_max
        )

    async def drain(self, secs: float) -> None:
        """Accepts nobody any more, finishes what is in flight and closes all connections.

        Those that are not finished in time are cut off.
        """
        if self._listening is not None:
            self._listening.close()
        for connection in list(self._connections):
            connection.close_when_idle()
        try:
            async with asyncio.timeout(secs):
                await self._all_gone.wait()
        except TimeoutError:
            logger.warning("cut off", extra={"fields": {"connections": len(self._connections)}})
            for connection in list(self._connections):
                connection.abort()
            await self._all_gone.wait()
        if self._hang_up_timer is not None:
            self._hang_up_timer.cancel()

    def admit(self, connection: Connection, transport: asyncio.Transport) -> AgentdError | None:
        """Counts a new connection in, or says why it may not stay."""
        uid = _peer_uid(transport)
        if uid not in (None, os.getuid(), _ROOT_UID):
            logger.warning("refused another user", extra={"fields": {"uid": uid}})
            return PermissionDenied("peer_uid_mismatch", f"this daemon does not serve user {uid}")
        if len(self._connections) >= self._connections_max:
            return ResourceExhausted(
                "too_many_connections",
                f"{self._connections_max} clients are connected already",
                limit=self._connections_max,
            )
        self._connections.add(connection)
        self._all_gone.clear()
        self._metrics.connections = len(self._connections)
        return None

    def close_soon(self, transport: asyncio.Transport) -> None:
        """Closes a connection that was refused, if the client has not done so by then."""
        if len(self._refused) >= _REFUSED_AT_ONCE:
            self._refused.popleft().close()
        self._refused.append(transport)
        self._loop.call_later(REFUSED_SECS, transport.close)

    def forget(self, connection: Connection) -> None:
        """A connection is closed."""
        self._connections.discard(connection)
        self._half_closed.discard(connection)
        self._metrics.connections = len(self._connections)
        if not self._connections:
            self._all_gone.set()

    def flush_soon(self, connection: Connection) -> None:
        """Flushes the connection once, however many of its answers come in this turn."""
        self._to_flush.append(connection)
        if len(self._to_flush) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        to_flush, self._to_flush = self._to_flush, []
        for connection in to_flush:
            connection.flush()

    def watch_for_hang_up(self, connection: Connection) -> None:
        """Looks from time to time whether a client that waits is still there."""
        self._half_closed.add(connection)
        if self._hang_up_timer is None:
            self._hang_up_timer = self._loop.call_later(_HANG_UP_POLL_SECS, self._look_around)

    def _look_around(self) -> None:
        self._hang_up_timer = None
        half_closed, self._half_closed = self._half_closed, set()
        for connection in half_closed:
            if connection.hung_up():
                connection.give_up_waits()
            else:
                connection.touch()
