"""A client that knows nothing but JSON lines on a Unix socket, as one in any language may be."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.fakes.patience import PATIENCE_SECS

"""How long a test waits for what must come, before it fails."""

Json = dict[str, Any]


class RawClient:
    """One asynchronous connection. Answers are matched to requests by the test, not by it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._last_id = 0

    @classmethod
    async def connect(cls, path: Path) -> RawClient:
        """Connects; reads answers of any length."""
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 28)
        return cls(reader, writer)

    async def __aenter__(self) -> RawClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection altogether."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return  # The other side was quicker.

    def send_bytes(self, data: bytes) -> None:
        """Sends what it is given."""
        self._writer.write(data)

    def send(self, method: str, **params: Any) -> int:
        """Sends a request and returns its id."""
        self._last_id += 1
        request = {"id": self._last_id, "method": method, "params": params}
        self.send_bytes(json.dumps(request).encode() + b"\n")
        return self._last_id

    def end(self) -> None:
        """Closes the sending side only."""
        self._writer.write_eof()

    async def receive(self) -> Json:
        """The next response. Raises `EOFError` when there is none any more."""
        line = await asyncio.wait_for(self._reader.readline(), PATIENCE_SECS)
        if not line:
            raise EOFError
        response: Json = json.loads(line)
        return response

    async def request(self, method: str, **params: Any) -> Json:
        """Sends a request and takes the next response, which must be its."""
        request_id = self.send(method, **params)
        response = await self.receive()
        assert response["id"] == request_id, response
        return response

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a request that must succeed."""
        response = await self.request(method, **params)
        assert "result" in response, response
        return response["result"]

    async def refusal(self, method: str, **params: Any) -> Json:
        """The error of a request that must fail, with its reason beside its code."""
        response = await self.request(method, **params)
        assert "error" in response, response
        error: Json = response["error"]
        return {**error, **error["data"]}


class BlockingRawClient:
    """One blocking connection, for tests that kill the daemon under it."""

    def __init__(self, path: Path, patience_secs: float = PATIENCE_SECS) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(patience_secs)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")
        self._last_id = 0

    def __enter__(self) -> BlockingRawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._file.close()
        self._socket.close()

    def send(self, method: str, **params: Any) -> int:
        """Sends a request and returns its id."""
        self._last_id += 1
        request = {"id": self._last_id, "method": method, "params": params}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return self._last_id

    def receive(self) -> Json:
        """The next response. Raises `EOFError` when there is none any more."""
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        response: Json = json.loads(line)
        return response

    def request(self, method: str, **params: Any) -> Json:
        """Sends a request and takes the next response."""
        request_id = self.send(method, **params)
        response = self.receive()
        assert response["id"] == request_id, response
        return response

    def call(self, method: str, **params: Any) -> Any:
        """The result of a request that must succeed."""
        response = self.request(method, **params)
        assert "result" in response, response
        return response["result"]
