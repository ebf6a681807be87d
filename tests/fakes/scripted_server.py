"""A listener on a Unix socket that does what a test says, where a real daemon would not do it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fakes.patience import PATIENCE_SECS


class Visitor:
    """One accepted connection, from the listener's side."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")

    def request(self) -> dict[str, Any]:
        """The next request; empty when the client has gone."""
        line = self._lines.readline()
        request: dict[str, Any] = json.loads(line) if line else {}
        return request

    def reply(self, request: dict[str, Any], result: object) -> None:
        """Answers a request."""
        self.send(json.dumps({"id": request["id"], "result": result}).encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._connection.sendall(data)

    def close(self) -> None:
        """Ends the connection."""
        self._lines.close()
        self._connection.close()


@contextlib.contextmanager
def scripted_server(path: Path, *scripts: Callable[[Visitor], None]) -> Iterator[None]:
    """Accepts a connection for each script, one after another, and closes it when the script ends.

    What goes wrong in a script is raised at the end of the block.
    """
    failures: list[BaseException] = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(PATIENCE_SECS)

    def serve() -> None:
        try:
            for script in scripts:
                connection, _ = listener.accept()
                connection.settimeout(PATIENCE_SECS)
                visitor = Visitor(connection)
                try:
                    script(visitor)
                finally:
                    visitor.close()
        except (OSError, AssertionError, ValueError, KeyError) as error:
            failures.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE_SECS)
        listener.close()
        path.unlink(missing_ok=True)
    if failures:
        raise failures[0]
