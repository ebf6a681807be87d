"""Requests and responses around the methods' own params and results, without any I/O."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, TypeVar

import orjson
from pydantic import ValidationError

from agentd.core.limits import JSON_DEPTH_MAX
from agentd.errors import AgentdError, InvalidParams, InvalidRequest, ParseError
from agentd.protocol.field_errors import params_error
from agentd.protocol.fields import Params

ParamsT = TypeVar("ParamsT", bound=Params)

RequestId = str | int | orjson.Fragment | None
"""Any JSON string, number or null; a number that is no plain integer is kept as it was written."""
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
    if isinstance(request_id, float) or (request_id == 0 and b"-0" in line):
        request_id = _number_as_written(line)
    method = value.get("method")
    if not isinstance(method, str):
        error = InvalidRequest("missing_method", "`method` must be a string")
        raise BadRequest(request_id, error)
    params = value.get("params")
    if params is None:
        params = {}
    elif not isinstance(params, dict):
        wrong = InvalidParams(
            "invalid_field", "`params` must be an object", path="params", rule="must be an object"
        )
        raise BadRequest(request_id, wrong)
    if _too_deep(line, params):
        raise BadRequest(request_id, _nested_too_deep())
    return Request(request_id, method, params)


def _number_as_written(line: bytes) -> orjson.Fragment:
    """The line's `id`, which is a number: `1e2` is not `100.0`, `-0` not `0`, and 2**70 would lose
    digits."""
    try:
        written: str = json.loads(line, parse_int=str, parse_float=str)["id"]
    except RecursionError:  # It goes less deep than the other parser.
        raise BadRequest(None, _nested_too_deep()) from None
    return orjson.Fragment(written)


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


def _nested_too_deep() -> ParseError:
    message = f"nested more than {JSON_DEPTH_MAX} levels deep"
    return ParseError("invalid_json", message, hint="Nest it less.")


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


def encode_result(request_id: RequestId, result: Any) -> bytes:
    """The line of a success."""
    return orjson.dumps({"id": request_id, "result": result}, option=orjson.OPT_APPEND_NEWLINE)


def encode_error(request_id: RequestId, error: AgentdError) -> bytes:
    """The line of a failure."""
    return orjson.dumps(
        {"id": request_id, "error": error.to_wire()}, option=orjson.OPT_APPEND_NEWLINE
    )
