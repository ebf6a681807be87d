"""Whatever a line holds, it is a request or a documented refusal under the id that it names."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.core.limits import JSON_DEPTH_MAX
from agentd.errors import REASONS, AgentdError, InvalidParams, MethodNotFound
from agentd.protocol.envelope import (
    BadRequest,
    Request,
    RequestId,
    encode_error,
    encode_result,
    parse_request,
    validate_params,
)
from agentd.protocol.methods import METHODS, Method, find_method

Json = Any

numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.none() | texts | numbers
values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from([*METHODS, "taskstatus", "Nope", ""]) | texts


def line_of(value: Json) -> bytes:
    return json.dumps(value).encode()


def request_line(request_id: RequestId, method: str, params: dict[str, Json]) -> bytes:
    return orjson.dumps({"id": request_id, "method": method, "params": params})


def refusal_of(line: bytes) -> BadRequest | None:
    try:
        parse_request(line)
    except BadRequest as bad:
        return bad
    return None


def params_refusal(method: Method, params: dict[str, Json]) -> InvalidParams | None:
    try:
        validate_params(method.params, params)
    except InvalidParams as error:
        return error
    return None


def encoded(request_id: RequestId) -> str:
    """The id as it stands in a response."""
    line = encode_result(request_id, None).decode()
    text = line.removeprefix('{"id":').removesuffix(',"result":null}\n')
    return json.dumps(json.loads(text)) if text.startswith('"') else text


def assert_documented(request_id: RequestId, error: AgentdError) -> None:
    """The error stands in the table and can be sent under the id."""
    response = json.loads(encode_error(request_id, error))
    assert "id" in response
    assert response["error"]["code"] == type(error).code
    assert response["error"]["data"]["reason"] in REASONS
    assert response["error"]["data"]["hint"]


@given(st.binary(max_size=200))
def test_garbage_is_refused_in_the_contracts_words(line: bytes) -> None:
    bad = refusal_of(line)
    if bad is not None:
        assert_documented(bad.request_id, bad.error)
    else:  # Hypothesis may well find a request.
        assert isinstance(json.loads(line)["method"], str)


@given(st.text(max_size=60), st.integers(0, 60), st.binary(min_size=1, max_size=3))
def test_a_damaged_request_is_refused_or_still_one(text: str, at: int, damage: bytes) -> None:
    line = request_line(7, "CommitEvent", {"payload": text.encode(errors="ignore").decode()})
    bad = refusal_of(line[:at] + damage + line[at:])
    if bad is not None:
        assert_documented(bad.request_id, bad.error)


@given(values)
def test_any_json_is_a_request_or_is_told_why_not(value: Json) -> None:
    bad = refusal_of(line_of(value))
    if not isinstance(value, dict):
        assert bad is not None
        assert bad.error.reason == "not_an_object"
    elif bad is not None:
        assert_documented(bad.request_id, bad.error)


@given(ids, names, st.none() | st.dictionaries(texts, values, max_size=4))
def test_a_request_is_read_as_it_was_written(
    request_id: RequestId, method: str, params: dict[str, Json] | None
) -> None:
    line = line_of({"id": request_id, "method": method, "params": params})
    request = parse_request(line)
    assert encoded(request.id) == json.dumps(request_id)
    assert request == Request(request.id, method, params or {})


@given(ids, st.none() | st.booleans() | numbers | st.lists(values, max_size=2))
def test_a_refusal_names_the_id_of_the_request(request_id: RequestId, method: Json) -> None:
    bad = refusal_of(line_of({"id": request_id, "method": method}))
    assert bad is not None
    assert encoded(bad.request_id) == json.dumps(request_id)
    assert bad.error.reason == "missing_method"


@given(st.booleans() | st.lists(values, max_size=2) | st.dictionaries(texts, values, max_size=2))
def test_what_cannot_be_an_id_is_refused(request_id: Json) -> None:
    bad = refusal_of(line_of({"id": request_id, "method": "Health"}))
    assert bad is not None
    assert (bad.request_id, bad.error.reason) == (None, "bad_id")


@given(ids, values)
def test_a_result_arrives_as_it_was_sent_under_its_id(request_id: RequestId, result: Json) -> None:
    line = encode_result(request_id, result)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == {"id": request_id, "result": result}


@given(st.integers(1, 1100), st.booleans())
def test_json_is_read_up_to_its_depth_and_can_be_written_again(depth: int, objects: bool) -> None:
    opening, closing = ('{"a":', "}") if objects else ("[", "]")
    payload = opening * depth + "1" + closing * depth
    line = f'{{"id":1,"method":"CommitEvent","params":{{"payload":{payload}}}}}'.encode()
    bad = refusal_of(line)
    assert (bad is None) == (depth < JSON_DEPTH_MAX)
    if bad is None:
        request = parse_request(line)
        assert request_line(request.id, request.method, request.params).rstrip() == line
    else:
        assert bad.error.reason == "invalid_json"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "01", "+1", ".5"])
def test_what_is_no_json_number_is_no_json(number: str) -> None:
    bad = refusal_of(f'{{"id": 1, "method": "CommitEvent", "params": {{"x": {number}}}}}'.encode())
    assert bad is not None
    assert bad.error.reason == "invalid_json"


@pytest.mark.parametrize(
    "number",
    [
        "1e2",
        "1.0",
        "-0",
        "-0.0",
        "0.10000000000000000555",
        f"{2**64}",
        f"{-(2**63) - 1}",
        "9" * 300,
    ],
)
def test_a_number_comes_back_as_an_id_as_it_was_written(number: str) -> None:
    request = parse_request(f'{{"id": 1, "method": "Health", "id": {number}}}'.encode())
    assert encoded(request.id) == number


def test_what_only_one_of_the_parsers_can_read_is_no_request() -> None:
    nested = "[" * 1000 + "]" * 1000
    bad = refusal_of(f'{{"id": 1.5, "method": "Health", "x": {nested}}}'.encode())
    assert bad is None or bad.error.reason == "invalid_json"


method_strategy = st.sampled_from(list(METHODS.values()))


@given(method_strategy, st.dictionaries(texts, values, max_size=3))
def test_odd_params_are_refused_by_the_name_of_a_field(
    method: Method, params: dict[str, Json]
) -> None:
    error = params_refusal(method, params)
    if error is not None:
        assert_documented(None, error)
        assert error.data["path"]


@given(method_strategy, st.data())
def test_known_fields_with_odd_values_never_crash(method: Method, data: st.DataObject) -> None:
    fields = sorted(method.params.model_fields)
    given_names = st.sampled_from(fields) if fields else st.just("x")
    params = data.draw(st.dictionaries(given_names, values, max_size=5))
    error = params_refusal(method, params)
    if error is not None:
        assert_documented(None, error)
        return
    # What passes can be written and read again, which is what the database does with it.
    valid = validate_params(method.params, params)
    assert orjson.loads(orjson.dumps(valid.model_dump(mode="json"))) is not None


@given(texts)
def test_an_unknown_method_is_called_so(name: str) -> None:
    if name in METHODS:
        return
    with pytest.raises(MethodNotFound) as caught:
        find_method(name)
    assert caught.value.reason == "unknown_method"
    assert_documented(None, caught.value)


@given(st.floats())
def test_a_number_that_json_has_not_is_never_written(number: float) -> None:
    written = json.loads(encode_result(1, {"value": number}))["result"]["value"]
    assert written is None if not math.isfinite(number) else written == number
