"""Plays a transcript against a daemon and holds every reply against the file and the contract."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import orjson
from pydantic import BaseModel

from agentd.errors import REASONS, MethodNotFound
from agentd.protocol.envelope import BadRequest, parse_request
from agentd.protocol.methods import Method, find_method, reasons_of
from tests.fakes.raw_client import RawClient
from tests.protocol.stage import Stage
from tests.protocol.transcript_file import Step, TranscriptFile, Values

_ENVELOPE_REASONS = frozenset(
    name
    for name, reason in REASONS.items()
    if reason.error.kind
    in {"parse_error", "invalid_request", "request_too_large", "method_not_found"}
) | {"too_many_connections", "peer_uid_mismatch", "shutting_down", "invalid_field"}
"""Reasons that answer a line, or a connection, before it is known which method is called."""


class Unlike(AssertionError):
    """The daemon did something else than the transcript says."""


async def play(transcript: TranscriptFile, stage: Stage) -> None:
    """All steps in order. Raises `Unlike`."""
    player = _Player(stage)
    try:
        for step in transcript.steps:
            try:
                await player.take(step)
            except (Unlike, EOFError, TimeoutError) as error:
                what = str(error) or type(error).__name__
                raise Unlike(f"line {step.line_number}: {step.text}\n{what}") from error
    finally:
        await player.leave_all()


class _Player:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._values = Values()
        self._connections: dict[str, RawClient] = {}
        self._asked: dict[tuple[str, str], Method] = {}

    async def take(self, step: Step) -> None:
        match step.verb:
            case ">":
                await self._send(step.connection, self._values.fill(step.rest).encode() + b"\n")
            case "sends":
                text: str = json.loads(step.rest)
                await self._send(step.connection, text.encode("latin-1"))
            case "<":
                await self._expect(step)
            case "half-close":
                self._connections[step.connection].end()
            case "leaves":
                await self._connections.pop(step.connection).close()
            case "closed":
                await self._expect_end(step.connection)
            case "clock":
                self._stage.clock.advance(float(step.rest.removesuffix("s")))
            case "sweep":
                await self._stage.sweep()
            case "restart":
                await self.leave_all()
                await self._stage.restart()
            case "stop":
                self._stage.begin_stop()
            case "disk":
                self._stage.disk(step.rest)
            case "database":
                self._stage.database(step.rest)
            case "ids":
                self._stage.ids.broken = step.rest == "broken"

    async def leave_all(self) -> None:
        """Closes every connection."""
        while self._connections:
            _, connection = self._connections.popitem()
            await connection.close()

    async def _send(self, name: str, data: bytes) -> None:
        with contextlib.suppress(BadRequest, MethodNotFound):
            request = parse_request(data)
            self._asked[name, orjson.dumps(request.id).decode()] = find_method(request.method)
        connection = await self._connection(name)
        connection.send_bytes(data)

    async def _connection(self, name: str) -> RawClient:
        if name not in self._connections:
            self._connections[name] = await RawClient.connect(self._stage.socket_path)
        return self._connections[name]

    async def _expect(self, step: Step) -> None:
        connection = await self._connection(step.connection)
        reply = await connection.receive()
        expected = json.loads(step.rest)
        difference = self._values.difference(expected, reply, self._stage.clock.now())
        if difference:
            raise Unlike(difference)
        method = self._asked.get((step.connection, orjson.dumps(reply["id"]).decode()))
        if "result" in reply:
            _check_result(method, reply)
        else:
            _check_error(method, reply["error"])

    async def _expect_end(self, name: str) -> None:
        try:
            more = await self._connections[name].receive()
        except (EOFError, ConnectionResetError):
            await self._connections.pop(name).close()
        else:
            raise Unlike(f"not closed: {more}")


def _check_result(method: Method | None, reply: dict[str, Any]) -> None:
    """The result is what the table of methods promises, and nothing besides."""
    if reply.keys() != {"id", "result"} or method is None:
        raise Unlike(f"a success has an id and a result, and answers a known method: {reply}")
    surplus = _undocumented(method.result_adapter.validate_python(reply["result"], strict=False))
    if surplus:
        raise Unlike(f"fields that no model of {method.name} has: {surplus}")


def _undocumented(value: Any) -> list[str]:
    if isinstance(value, BaseModel):
        found = list(value.model_extra or ())
        return found + [name for inner in dict(value).values() for name in _undocumented(inner)]
    if isinstance(value, list):
        return [name for inner in value for name in _undocumented(inner)]
    return []


def _check_error(method: Method | None, error: dict[str, Any]) -> None:
    """The error is one that is documented for the method, with the code and data of its reason."""
    if error.keys() != {"code", "message", "data"}:
        raise Unlike(f"an error has code, message and data: {error}")
    data = error["data"]
    reason = REASONS.get(data["reason"])
    if reason is None or reason.local:
        raise Unlike(f"{data['reason']} is not a reason of the wire")
    if (reason.error.code, reason.retry.value) != (error["code"], data["retry"]):
        raise Unlike(f"code and retry of {data['reason']} are others: {error}")
    undocumented = data.keys() - {"reason", "retry", "hint", *reason.data}
    if undocumented or not data["hint"]:
        raise Unlike(f"data has {sorted(undocumented)} besides, or no hint: {error}")
    known = _ENVELOPE_REASONS if method is None else {*reasons_of(method), *_ENVELOPE_REASONS}
    if data["reason"] not in known:
        raise Unlike(f"{data['reason']} is not documented for {method and method.name}")
