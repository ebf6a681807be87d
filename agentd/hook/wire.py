"""One connection to the daemon, for as long as the hook may take: JSON Lines on a Unix socket.

Knows the wire and no method's meaning.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from agentd.hook.ending import DaemonTrouble, NoDaemon

_ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
_RECEIVE_BYTES: Final = 256 * 1024


class Call(NamedTuple):
    """A method with its params."""

    method: str
    params: dict[str, Any]


class WireError(NamedTuple):
    """What the daemon says against a call."""

    reason: str
    message: str


class Wire:
    """A connection. Every call ends by the deadline."""

    def __init__(self, path: str, deadline: float) -> None:
        """`deadline` is a reading of `time.monotonic`. Raises `NoDaemon` and `DaemonTrouble`."""
        self._deadline = deadline
        self._received = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(self._seconds_left())
        try:
            self._socket.connect(path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NoDaemon(f"no daemon listens on {path}") from None
        except OSError as error:
            raise DaemonTrouble(f"cannot reach the daemon on {path}: {error}") from None

    def ask(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to some calls, in their order: the result, or a `WireError`.

        Raises `DaemonTrouble` where an answer is missing.
        """
        lines = [
            json.dumps({"id": number, "method": call.method, "params": call.params})
            for number, call in enumerate(calls)
        ]
        try:
            self._socket.settimeout(self._seconds_left())
            self._socket.sendall("".join(f"{line}\n" for line in lines).encode())
            return [self._answer(self._next_line(), number) for number in range(len(calls))]
        except TimeoutError:
            raise DaemonTrouble("the daemon does not answer in time") from None
        except OSError as error:
            raise DaemonTrouble(f"the connection to the daemon broke: {error}") from None

    def _next_line(self) -> bytes:
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > _ANSWER_BYTES_MAX:
                raise DaemonTrouble("the daemon's answer is too long")
            self._socket.settimeout(self._seconds_left())
            data = self._socket.recv(_RECEIVE_BYTES)
            if not data:
                raise DaemonTrouble("the daemon closed the connection without an answer")
            self._received += data
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _answer(self, line: bytes, number: int) -> Any:
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            answer = {}
        error = answer.get("error")
        if isinstance(error, dict) and answer.get("id", number) is None:
            raise DaemonTrouble(f"the daemon cannot read the question: {error.get('message')}")
        if answer.get("id") != number:
            raise DaemonTrouble("what answers on the daemon's socket is no agentd")
        if isinstance(error, dict):
            return _error(error)
        return answer.get("result")

    def _seconds_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DaemonTrouble("the daemon does not answer in time")
        return left


def _error(error: dict[str, Any]) -> WireError:
    data = error.get("data")
    reason = data.get("reason") if isinstance(data, dict) else None
    return WireError(str(reason), str(error.get("message")))
