"""The asyncio client: one connection, any number of calls in flight.

Calls are pipelined: each is written at once and its answer is matched when it comes, so calls that
wait hold nothing up. It decides how long a call may take and what a broken connection means, and
never repeats a request by itself. A client belongs to the event loop in which it connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from agentd.client.async_methods import AsyncMethods
from agentd.client.endings import (
    TIMEOUT_SECS_DEFAULT,
    connection_lost,
    daemon_unreachable,
    no_answer,
    seconds_allowed,
)
from agentd.client.transcript import Answer, Transcript
from agentd.errors import AgentdError

_RECEIVE_BYTES: Final = 256 * 1024


class AsyncClient(AsyncMethods):
    """A connection to the daemon, made at the first call and made anew after it was lost.

    `timeout_secs` bounds connecting and each answer; a call that waits gets its `wait_secs` on top.
    A call that is cancelled is forgotten here; the daemon may still carry it out.
    """

    def __init__(
        self, socket_path: Path | str, *, timeout_secs: float = TIMEOUT_SECS_DEFAULT
    ) -> None:
        self.socket_path = Path(socket_path)
        self._timeout_secs = timeout_secs
        self._connecting = asyncio.Lock()
        self._connection: _Connection | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connects if there is no connection. Raises `Unavailable` (`daemon_unreachable`)."""
        await self._connected()

    async def close(self) -> None:
        """Ends the connection; leases live on until they expire. A later call connects anew.

        Calls in flight end with `connection_lost`.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout_secs: float | None = None,
    ) -> Any:
        """Calls a method by its name and returns its result as plain JSON values.

        Raises the `AgentdError` that the daemon answered with, or `Unavailable`:
        `daemon_unreachable`, `connection_lost` or `no_answer`.
        """
        params = params or {}
        allowed = seconds_allowed(params, timeout_secs or self._timeout_secs)
        connection = await self._connected()
        try:
            async with asyncio.timeout(allowed):
                answer = await connection.call(method, params)
        except TimeoutError:
            raise no_answer(method, allowed) from None
        return answer.unwrap()

    async def _connected(self) -> _Connection:
        async with self._connecting:
            if self._connection is not None and self._connection.lost:
                refusal = self._connection.take_refusal()
                self._connection = None
                if refusal is not None:
                    raise refusal
            if self._connection is None:
                self._connection = await self._open()
            return self._connection

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_secs):
                _, connection = await loop.create_unix_connection(
                    _Connection, str(self.socket_path)
                )
        except OSError as error:  # TimeoutError is one.
            raise daemon_unreachable(self.socket_path, error) from error
        return connection


class _Connection(asyncio.Protocol):
    """One socket with its transcript, and a future for each request without an answer."""

    def __init__(self) -> None:
        self._transcript = Transcript()
        self._futures: dict[int, tuple[str, asyncio.Future[Answer]]] = {}
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._closed = asyncio.Event()
        self._refusal: AgentdError | None = None
        self._ended_by = "the daemon"

    @property
    def lost(self) -> bool:
        """Whether nothing can be asked here any more."""
        return self._transport is None or self._transport.is_closing()

    def take_refusal(self) -> AgentdError | None:
        """Why the daemon ended the connection, if it said so and nobody was told yet."""
        refusal, self._refusal = self._refusal, None
        return refusal

    async def call(self, method: str, params: Mapping[str, Any]) -> Answer:
        await self._writable.wait()
        if self._transport is None or self._transport.is_closing():
            raise self.take_refusal() or connection_lost(method, f"{self._ended_by} closed it")
        request_id, line = self._transcript.request(method, params)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._futures[request_id] = (method, future)
        self._transport.write(line)
        try:
            return await future
        finally:
            self._futures.pop(request_id, None)
            self._transcript.forget(request_id)

    async def close(self) -> None:
        if self._transport is not None:
            self._ended_by = "this client"
            self._transport.close()
            await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do what asyncio's do without being instances of them.
        self._transport = cast("asyncio.Transport", transport)
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        try:
            answers = self._transcript.receive(data)
        except AgentdError as error:
            self._refusal = error
            if self._transport is not None:
                self._transport.abort()
            return
        for answer in answers:
            _, future = self._futures[answer.request_id]
            if not future.done():
                future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._read_last_words()
        why = f"{self._ended_by} closed it" if exc is None else str(exc)
        unanswered = [each for each in self._futures.values() if not each[1].done()]
        refusal = self.take_refusal() if unanswered else None
        for method, future in unanswered:
            future.set_exception(refusal or connection_lost(method, why))
        self._transport = None
        self._writable.set()
        self._closed.set()

    def _read_last_words(self) -> None:
        """Reads what the daemon sent before it closed, which a failed write leaves unread."""
        assert self._transport is not None
        descriptor = self._transport.get_extra_info("socket").fileno()
        with (
            contextlib.suppress(OSError),  # Also when there is nothing more.
            socket.socket(fileno=os.dup(descriptor)) as rest,
        ):
            while data := rest.recv(_RECEIVE_BYTES):
                self.data_received(data)
