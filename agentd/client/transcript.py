"""What was asked and what was answered on one connection: correlation without any I/O.

A transcript gives each request its id and its line, takes received bytes, and tells whose answer
they complete, in whatever order answers come. It knows neither sockets nor time, nor what a
method's result looks like; and it imports no pydantic, so that a short-lived program that only
passes JSON on starts quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from agentd.errors import AgentdError, InternalError, InvalidParams, error_from_wire
from agentd.protocol.framing import LineDecoder, LineTooLong

RESPONSE_BYTES_MAX: Final = 1 << 30
"""Longer response lines are taken for garbage. A page of the largest events is far below."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request ended: with a result (any JSON value, null included) or with an error."""

    request_id: int
    method: str
    result: Any = None
    error: AgentdError | None = None

    def unwrap(self) -> Any:
        """The result. Raises the error if there is one."""
        if self.error is not None:
            raise self.error
        return self.result


@dataclass(frozen=True, slots=True)
class _Pending:
    method: str
    line_bytes: int


class Transcript:
    """The requests of one connection that have no answer yet."""

    def __init__(self, response_bytes_max: int = RESPONSE_BYTES_MAX) -> None:
        self._decoder = LineDecoder(response_bytes_max)
        self._pending: dict[int, _Pending] = {}
        self._last_id = 0

    @property
    def pending(self) -> frozenset[int]:
        """Ids of the requests without an answer."""
        return frozenset(self._pending)

    def request(self, method: str, params: Mapping[str, Any]) -> tuple[int, bytes]:
        """A new request's id and its line.

        A param that is None is left out, which the daemon takes for the same. Raises `TypeError`
        for params that are no JSON, and `InvalidParams` for text that is not UTF-8, as a name from
        the file system or the command line may be.
        """
        self._last_id += 1
        request_id = self._last_id
        given = {name: value for name, value in params.items() if value is not None}
        try:
            line = orjson.dumps(
                {"id": request_id, "method": method, "params": given},
                default=_model_as_json,
                option=orjson.OPT_APPEND_NEWLINE,
            )
        except TypeError as error:
            if "surrogates" not in str(error):
                raise
            raise _not_utf8(given) from None
        self._pending[request_id] = _Pending(method, len(line))
        return request_id, line

    def forget(self, request_id: int) -> None:
        """Drops the answer of a request that nobody waits for any more, should it still come."""
        self._pending.pop(request_id, None)

    def receive(self, data: bytes) -> list[Answer]:
        """The answers that `data` completes.

        Raises an `AgentdError` when the connection is of no use from here on: the daemon refused
        the connection itself, or what came is not a response.
        """
        answers = []
        for line in self._decoder.feed(data):
            if isinstance(line, LineTooLong):
                raise _not_a_response(f"a line of more than {line.limit_bytes} bytes")
            answer = self._answer(line)
            if answer is not None:
                answers.append(answer)
        return answers

    def _answer(self, line: bytes) -> Answer | None:
        try:
            response = orjson.loads(line)
        except orjson.JSONDecodeError as not_json:
            raise _not_a_response(f"a line that is not JSON ({not_json})") from None
        if not isinstance(response, dict) or not ("result" in response or "error" in response):
            raise _not_a_response("a line that is no response")
        sent = response.get("error")
        error = error_from_wire(sent) if isinstance(sent, dict) else None
        request_id = response.get("id")
        if request_id is None and error is not None:
            request_id = self._unread_request(error)
        if not isinstance(request_id, int):
            raise _not_a_response(f"an answer to {request_id!r}, which nobody asked")
        pending = self._pending.pop(request_id, None)
        if pending is None:
            return None  # The caller gave up on it earlier.
        return Answer(request_id, pending.method, response.get("result"), error)

    def _unread_request(self, error: AgentdError) -> int:
        """The request of an error without an id: the daemon refused to read its line.

        The answers to unread lines come in request order, so it is the oldest that is too long.
        Any other error without an id is about the connection.
        """
        limit = error.data.get("limit")
        if error.reason == "line_too_long" and isinstance(limit, int):
            for request_id, pending in self._pending.items():
                if pending.line_bytes > limit:
                    return request_id
        raise error


def _not_utf8(params: Mapping[str, Any]) -> InvalidParams:
    name = next(name for name, value in params.items() if not _is_utf8(value))
    return InvalidParams(
        "invalid_field",
        f"`{name}` is not UTF-8",
        hint="agentd knows names in UTF-8 alone; rename the file, or leave it out.",
        path=name,
        rule="must be UTF-8",
    )


def _is_utf8(value: Any) -> bool:
    try:
        orjson.dumps(value, default=_model_as_json)
    except TypeError:
        return False
    return True


def _model_as_json(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} is no JSON value")
    return dump(mode="json", exclude_unset=True)


def _not_a_response(what: str) -> AgentdError:
    return InternalError("unexpected_answer", f"the daemon sent {what}")
