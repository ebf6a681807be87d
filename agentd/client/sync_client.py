"""The blocking client: one socket, one call at a time.

It decides how long a call may take and what a broken connection means. It never repeats a request
by itself: whether that is wise, only the caller knows (`idempotency_key` makes it so).

A client may be shared by threads, which then take turns: a call that waits (`wait_secs`) holds up
the others', so give a thread that waits a client of its own. Do not share one across `fork`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from agentd.client.endings import (
    TIMEOUT_SECS_DEFAULT,
    connection_lost,
    daemon_unreachable,
    no_answer,
    seconds_allowed,
)
from agentd.client.sync_methods import SyncMethods
from agentd.client.transcript import Transcript

_RECEIVE_BYTES: Final = 256 * 1024


class Client(SyncMethods):
    """A connection to the daemon, made at the first call and made anew after it was lost.

    `timeout_secs` bounds connecting and each answer; a call that waits gets its `wait_secs` on top.
    """

    def __init__(
        self, socket_path: Path | str, *, timeout_secs: float = TIMEOUT_SECS_DEFAULT
    ) -> None:
        self.socket_path = Path(socket_path)
        self._timeout_secs = timeout_secs
        self._turn = threading.Lock()
        self._socket: socket.socket | None = None
        self._transcript = Transcript()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Connects if there is no connection. Raises `Unavailable` (`daemon_unreachable`)."""
        with self._turn:
            self._connected()

    def close(self) -> None:
        """Ends the connection; leases live on until they expire. A later call connects anew."""
        with self._turn:
            self._disconnect()

    def call(
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
        with self._turn:
            connection = self._connected()
            deadline = time.monotonic() + allowed
            request_id, line = self._transcript.request(method, params)
            try:
                self._send(connection, line, allowed)
                return self._receive(connection, request_id, deadline)
            except TimeoutError:
                raise no_answer(method, allowed) from None
            except OSError as error:
                self._disconnect()
                raise connection_lost(method, error.strerror or str(error)) from error
            finally:
                self._transcript.forget(request_id)

    def _send(self, connection: socket.socket, line: bytes, allowed_secs: float) -> None:
        connection.settimeout(allowed_secs)
        try:
            # What the daemon said before it closed the connection is still there to be read.
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(line)
        except BaseException:
            self._disconnect()  # Half a line may be out, which would garble the next one.
            raise

    def _receive(self, connection: socket.socket, request_id: int, deadline: float) -> Any:
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            connection.settimeout(remaining)
            data = connection.recv(_RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError("the daemon closed it")
            try:
                answers = self._transcript.receive(data)
            except BaseException:
                self._disconnect()
                raise
            for answer in answers:
                if answer.request_id == request_id:
                    return answer.unwrap()

    def _connected(self) -> socket.socket:
        if self._socket is not None and _was_closed(self._socket):
            self._disconnect()
        if self._socket is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self._timeout_secs)
            try:
                connection.connect(str(self.socket_path))
            except OSError as error:
                connection.close()
                raise daemon_unreachable(self.socket_path, error) from error
            self._socket = connection
            self._transcript = Transcript()
        return self._socket

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _was_closed(connection: socket.socket) -> bool:
    """Whether the daemon closed the connection since the last call, as a restart of it does."""
    connection.settimeout(0)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
