"""Requests and responses find each other, whatever the order and the chunks they come in."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.client.transcript import Transcript
from agentd.errors import AgentdError, InternalError, LeaseLost, RequestTooLarge, ResourceExhausted
from agentd.protocol.tasks import NodeSpec


def response(request_id: object, **members: object) -> bytes:
    return orjson.dumps({"id": request_id, **members}) + b"\n"


def test_a_request_is_one_line_with_an_id_of_its_own() -> None:
    transcript = Transcript()
    first, line = transcript.request("Health", {})
    second, _ = transcript.request("Health", {})
    assert first != second
    assert line.endswith(b"\n")
    assert orjson.loads(line) == {"id": first, "method": "Health", "params": {}}


def test_params_that_are_none_are_left_out_and_models_become_objects() -> None:
    _, line = Transcript().request(
        "RegisterTask", {"goal": "g\nh", "task_id": None, "initial_nodes": [NodeSpec(key="a")]}
    )
    assert line.count(b"\n") == 1
    assert orjson.loads(line)["params"] == {"goal": "g\nh", "initial_nodes": [{"key": "a"}]}


def test_params_that_are_no_json_are_refused_and_leave_no_request_behind() -> None:
    transcript = Transcript()
    with pytest.raises(TypeError):
        transcript.request("CommitEvent", {"payload": object()})
    assert transcript.pending == frozenset()


@given(st.permutations(range(6)), st.integers(min_value=1, max_value=40))
def test_answers_match_their_requests_in_any_order_and_in_any_chunks(
    order: list[int], chunk_bytes: int
) -> None:
    transcript = Transcript()
    ids = [transcript.request(f"Method{n}", {})[0] for n in range(6)]
    stream = b"".join(response(ids[n], result={"n": n}) for n in order)
    answers = [
        answer
        for start in range(0, len(stream), chunk_bytes)
        for answer in transcript.receive(stream[start : start + chunk_bytes])
    ]
    assert [(answer.request_id, answer.method, answer.unwrap()) for answer in answers] == [
        (ids[n], f"Method{n}", {"n": n}) for n in order
    ]
    assert transcript.pending == frozenset()


def test_null_is_a_result() -> None:
    transcript = Transcript()
    request_id, _ = transcript.request("AcquireNextNode", {})
    (answer,) = transcript.receive(response(request_id, result=None))
    assert answer.error is None
    assert answer.unwrap() is None


def test_an_error_is_the_exception_of_its_code_with_everything_that_was_sent() -> None:
    transcript = Transcript()
    request_id, _ = transcript.request("CompleteNode", {})
    sent = LeaseLost("lease_expired", "too late", expired_at=5).to_wire()
    (answer,) = transcript.receive(response(request_id, error=sent))
    with pytest.raises(LeaseLost, match="too late") as caught:
        answer.unwrap()
    assert caught.value.reason == "lease_expired"
    assert caught.value.data == {"expired_at": 5}
    assert caught.value.to_wire() == sent


def test_an_error_of_a_newer_daemon_is_still_an_error() -> None:
    transcript = Transcript()
    request_id, _ = transcript.request("Health", {})
    sent = {"code": -32999, "message": "new", "data": {"reason": "unheard_of", "retry": "moon"}}
    (answer,) = transcript.receive(response(request_id, error=sent))
    assert answer.error is not None
    assert (answer.error.reason, answer.error.message) == ("unheard_of", "new")


def test_a_late_answer_to_a_forgotten_request_is_dropped() -> None:
    transcript = Transcript()
    given_up, _ = transcript.request("AcquireResourceLock", {})
    wanted, _ = transcript.request("Health", {})
    transcript.forget(given_up)
    answers = transcript.receive(response(given_up, result=None) + response(wanted, result=1))
    assert [answer.request_id for answer in answers] == [wanted]


def test_a_line_that_was_too_long_is_told_to_the_request_that_sent_it() -> None:
    transcript = Transcript()
    short, _ = transcript.request("Health", {})
    long, _ = transcript.request("CommitEvent", {"payload": "x" * 2000})
    error = RequestTooLarge("line_too_long", "too long", limit=1024).to_wire()
    (answer,) = transcript.receive(response(None, error=error))
    assert answer.request_id == long
    assert isinstance(answer.error, RequestTooLarge)
    assert transcript.pending == {short}


def test_an_error_about_the_connection_is_raised() -> None:
    transcript = Transcript()
    transcript.request("Health", {})
    error = ResourceExhausted("too_many_connections", "full", limit=1).to_wire()
    with pytest.raises(ResourceExhausted, match="full"):
        transcript.receive(response(None, error=error))


@pytest.mark.parametrize(
    "line",
    [b"HTTP/1.1 400 Bad Request\n", b"[]\n", b'{"id":1}\n', b'{"id":"other","result":1}\n'],
    ids=["not-json", "not-an-object", "neither-result-nor-error", "id-of-nobody"],
)
def test_what_is_no_response_is_refused(line: bytes) -> None:
    transcript = Transcript()
    transcript.request("Health", {})
    with pytest.raises(InternalError) as caught:
        transcript.receive(line)
    assert caught.value.reason == "unexpected_answer"


def test_an_endless_line_is_refused_before_it_fills_the_memory() -> None:
    transcript = Transcript(response_bytes_max=1000)
    with pytest.raises(AgentdError, match="1000 bytes"):
        transcript.receive(b"x" * 1001)
