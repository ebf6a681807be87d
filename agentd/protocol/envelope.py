"""Requests and responses around the methods' own params and results, without any I/O."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar

import orjson
from pydantic import ValidationError

from agentd.core.limits import JSON_DEPTH_MAX
from agentd.errors import AgentdError, InvalidParams, InvalidRequest, ParseError
from agentd.protocol.fields import Params

ParamsT = TypeVar("ParamsT", bound=Params)

RequestId = str | int | float | None
_ID_TYPES = frozenset({str, int, float, type(None)})


class Request(NamedTuple):
    """A well-formed request; whether its method exists is not yet known. One for each line."""

    id: RequestId
    method: str
    params: dict[str, Any]


class BadRequest(Exception):
    """A line that is no request, with the id to answer under if one could be read."""

    def __init__(self, request_id: RequestId, error: AgentdError) -> None:
        super().__init__(error.message)
        self.request_id = request_id
        self.error = error


def parse_request(line: bytes) -> Request:
    """The request on a line. Raises `BadRequest`."""
    value = _parse_json(line)
    if not isinstance(value, dict):
        raise BadRequest(None, InvalidRequest("not_an_object", "a request is a JSON object"))
    request_id = value.get("id")
    if type(request_id) not in _ID_TYPES:  # Not isinstance: a bool is an int.
        error = InvalidRequest("bad_id", "`id` must be a string, a number or null")
        raise BadRequest(None, error)
    method = value.get("method")
    if not isinstance(method, str):
        error = InvalidRequest("missing_method", "`method` must be a string")
        raise BadRequest(request_id, error)
    params = value.get("params")
    if params is None:
        params = {}
    elif not isinstance(params, dict):
        wrong = InvalidParams(
            "invalid_field", "`params` must be an object", path="params", rule="object"
        )
        raise BadRequest(request_id, wrong)
    if _too_deep(line, params):
        deep = ParseError(
            "invalid_json", f"nested more than {JSON_DEPTH_MAX} levels deep", hint="Nest it less."
        )
        raise BadRequest(request_id, deep)
    return Request(request_id, method, params)


def _too_deep(line: bytes, params: dict[str, Any]) -> bool:
    """Whether values are nested deeper than they could be written again."""
    if len(line) <= 2 * JSON_DEPTH_MAX:  # Each level is opened and closed.
        return False
    if line.count(b"{") + line.count(b"[") <= JSON_DEPTH_MAX:
        return False
    level: list[Any] = [params]
    for _ in range(JSON_DEPTH_MAX):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
        if not level:
            return False
    return True


def _parse_json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            line.decode()
        except UnicodeDecodeError as not_utf8:
            message = f"byte {not_utf8.start} of the line is not UTF-8"
            raise BadRequest(None, ParseError("invalid_utf8", message)) from None
        raise BadRequest(None, ParseError("invalid_json", f"not JSON: {error}")) from None


def validate_params(model: type[ParamsT], params: dict[str, Any]) -> ParamsT:
    """The params as the method's model. An explicit null counts as left out.

    Raises `InvalidParams`.
    """
    if None in params.values():
        params = {name: value for name, value in params.items() if value is not None}
    try:
        # What `model_validate` ends in; the way there costs as much as the check of a small model.
        checked: ParamsT = model.__pydantic_validator__.validate_python(params)
    except ValidationError as error:
        raise params_error(model, error) from None
    return checked


_OWN_REASONS = frozenset({"bad_resource_key", "ttl_out_of_range"})


def params_error(model: type[Params], error: ValidationError) -> InvalidParams:
    """The wire's error for what pydantic found first; its own wording stays out of the wire.

    `path` names the field (`initial_nodes[2].key`), `rule` says what it must satisfy.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    path = _dotted(first["loc"])
    kind = first["type"]
    context = first.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(first["loc"][-1])
        close = get_close_matches(name, _known_fields(model), n=1)
        hint = f"Did you mean `{close[0]}`?" if close else None
        return InvalidParams(
            "unknown_field",
            f"unknown field `{path}`",
            hint=hint,
            path=path,
            did_you_mean=close[0] if close else None,
        )
    rule = "is required" if kind == "missing" else _rule(first["msg"])
    message = f"`{path}` {rule}"
    if kind == "bad_resource_key":
        return InvalidParams("bad_resource_key", f"`{path}`: {rule}", path=path, rule=rule)
    if kind == "ttl_out_of_range":
        return InvalidParams(kind, message, path=path, min=context["min"], max=context["max"])
    return InvalidParams("invalid_field", message, path=path, rule=rule)


def _known_fields(model: type[Params]) -> list[str]:
    return list(model.model_fields)


def _rule(message: str) -> str:
    text = message.removeprefix("Input ").removeprefix("Value ")
    return text[:1].lower() + text[1:]


def _dotted(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "params"


def encode_result(request_id: RequestId, result: Any) -> bytes:
    """The line of a success."""
    return orjson.dumps({"id": request_id, "result": result}, option=orjson.OPT_APPEND_NEWLINE)


def encode_error(request_id: RequestId, error: AgentdError) -> bytes:
    """The line of a failure."""
    return orjson.dumps(
        {"id": request_id, "error": error.to_wire()}, option=orjson.OPT_APPEND_NEWLINE
    )


def encode_request(request_id: RequestId, method: str, params: dict[str, Any]) -> bytes:
    """The line of a request."""
    return orjson.dumps(
        {"id": request_id, "method": method, "params": params}, option=orjson.OPT_APPEND_NEWLINE
    )
