"""One end of a JSON-RPC conversation over a program's standard input and output, a message a line.

Both ends ask and answer. What comes is taken as it is: an answer to nothing, an id of any kind, a
request that nobody knows; none of it breaks the conversation. It must not know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import orjson

from agentd.errors import DependencyFailed
from agentd.providers.agent_events import Events
from agentd.providers.json_values import Message, object_of, text_of

_NO_SUCH_METHOD: Final = -32601
_WAITING_REQUESTS_MAX: Final = 1_000

Answer: TypeAlias = "dict[str, Any] | None"
"""The result of a request of theirs; None where we know no such request."""


class Declined(Exception):
    """A request of theirs that is answered with an error, which says why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Conversation:
    """Asks, answers and listens. Feed it messages with `read`."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        asked: Callable[[str, Message], Awaitable[Answer]],
        told: Callable[[str, Message], Events | None],
        version: str | None = "2.0",
    ) -> None:
        """`asked` answers a request of theirs, or raises `Declined`; `told` says what a
        notification means, None for one of an unknown kind. `version` stands in every message of
        ours."""
        self._write = write
        self._asked = asked
        self._told = told
        self._head = {} if version is None else {"jsonrpc": version}
        self._next_id = 1
        self._waiting: dict[int, tuple[str, asyncio.Future[Message]]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    def read(self, message: Message) -> Events | None:
        """Takes in a message; the events of a notification."""
        method = message.get("method")
        if isinstance(method, str):
            if "id" not in message:
                return self._told(method, object_of(message, "params"))
            if len(self._answering) < _WAITING_REQUESTS_MAX:
                answering = asyncio.ensure_future(self._answer(message["id"], method, message))
                self._answering.add(answering)
                answering.add_done_callback(self._answering.discard)
            return ()
        return self._answered(message)

    async def call(
        self, method: str, params: dict[str, Any], timeout_secs: float | None
    ) -> Message:
        """The result of a request of ours.

        Raises `provider_failed` where it is answered with an error, not at all, or not in time.
        """
        request_id, self._next_id = self._next_id, self._next_id + 1
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = (method, future)
        self._send({"id": request_id, "method": method, "params": params})
        try:
            async with asyncio.timeout(timeout_secs):
                return await future
        except TimeoutError:
            raise _failed(f"gave no answer to {method} within {timeout_secs or 0:g} s") from None
        finally:
            self._waiting.pop(request_id, None)

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Tells them something."""
        self._send({"method": method} if params is None else {"method": method, "params": params})

    def close(self) -> None:
        """Ends the waiting for answers that cannot come any more."""
        for method, future in self._waiting.values():
            if not future.done():
                future.set_exception(_failed(f"ended without an answer to {method}"))
        for answering in self._answering:
            answering.cancel()

    async def _answer(self, request_id: object, method: str, message: Message) -> None:
        try:
            result = await self._asked(method, object_of(message, "params"))
        except Declined as declined:
            self._refuse(request_id, declined.code, str(declined))
            return
        if result is None:
            self._refuse(request_id, _NO_SUCH_METHOD, f"agentd knows no {method[:100]}")
            return
        self._send({"id": request_id, "result": result})

    def _refuse(self, request_id: object, code: int, why: str) -> None:
        self._send({"id": request_id, "error": {"code": code, "message": why}})

    def _answered(self, message: Message) -> Events | None:
        request_id = message.get("id")
        waiting = self._waiting.get(request_id) if isinstance(request_id, int) else None
        if waiting is None or ("result" not in message and "error" not in message):
            return None
        method, future = waiting
        if not future.done():
            if "error" in message:
                why = text_of(object_of(message, "error").get("message")) or "it gives no reason"
                future.set_exception(_failed(f"refused {method}: {why}"))
            else:
                future.set_result(object_of(message, "result"))
        return ()

    def _send(self, message: dict[str, Any]) -> None:
        self._write(orjson.dumps({**self._head, **message}) + b"\n")


def _failed(what: str) -> DependencyFailed:
    return DependencyFailed("provider_failed", f"the agent's program {what}")
