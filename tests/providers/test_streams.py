"""What real programs wrote is read as it should be, and judged by more than an exit code."""

from __future__ import annotations

import pytest

from agentd.providers.adapter import Adapter
from agentd.providers.agent_events import (
    AgentEvent,
    Began,
    Failure,
    Intent,
    Progress,
    Refusal,
    Result,
    Spending,
)
from agentd.providers.completion import Usage
from agentd.providers.outcome import Ended, Tally
from tests.providers.streams import STREAMS, Stream, lines_of, read_stream, tally_of

each_stream = pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)


@each_stream
def test_its_events(stream: Stream) -> None:
    events, _ = read_stream(stream)
    assert lines_of(events).decode() == stream.expected.read_text()


@each_stream
def test_nothing_in_it_is_unknown(stream: Stream) -> None:
    _, reader = read_stream(stream)
    assert reader.warnings() == ()
    assert reader.understood == len(stream.output.splitlines())


@each_stream
def test_how_it_ended(stream: Stream) -> None:
    events, _ = read_stream(stream)
    outcome = tally_of(events).outcome(stream.exit_code)
    assert outcome.ended is stream.ended
    assert outcome.why or outcome.ended is Ended.DONE


@each_stream
def test_a_signal_is_no_success(stream: Stream) -> None:
    events, _ = read_stream(stream)
    assert tally_of(events).outcome(-15).ended is Ended.FAILED


@each_stream
def test_cut_off_before_its_end_it_is_no_success(stream: Stream) -> None:
    """Several programs end with exit code 0 after a signal."""
    events, _ = read_stream(stream)
    if stream.ended is Ended.FAILED:
        return
    before = [event for event in events if not isinstance(event, Result)]
    assert tally_of(before).outcome(0).ended is Ended.FAILED


def outcome_of(*events: AgentEvent, exit_code: int = 0, says_result: bool = True) -> str:
    """How a run with these events ended."""
    tally = tally_of(list(events))
    outcome = tally.outcome(exit_code, says_result=says_result)
    return f"{outcome.ended.value}: {outcome.why}"


def test_the_rule() -> None:
    good, gave_up = Result(ok=True, text="finished"), Failure("no network", final=True)
    assert outcome_of(good) == "done: finished"
    assert outcome_of() == "failed: it ended without saying that it was done"
    assert outcome_of(says_result=False) == "done: "
    assert outcome_of(exit_code=3, says_result=False) == "failed: it ended with exit code 3"
    assert outcome_of(good, exit_code=1) == "failed: it ended with exit code 1"
    assert outcome_of(good, exit_code=-9) == "failed: it was ended by signal 9"
    assert outcome_of(good, gave_up) == "failed: no network"
    assert outcome_of(gave_up, good) == "done: finished"
    assert outcome_of(Result(ok=False)) == "failed: it says that it did not succeed"
    assert outcome_of(Refusal("locked"), good) == "refused: locked"
    assert outcome_of(Refusal("locked"), Result(False, "gave up")) == "failed: gave up"
    retried = Failure("status 429", final=False)
    assert outcome_of(retried, good) == "done: finished"
    assert outcome_of(retried, exit_code=-15).endswith("before that: status 429")


def test_what_it_adds_up_to() -> None:
    tally = Tally()
    step = Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=2, reasoning_tokens=1)
    for event in (
        Began("c-1", "auto"),
        Spending(step, 0.5, is_total=False),
        Spending(step, None, is_total=False),
        Intent("edits"),
        Progress("edited"),
    ):
        tally.add(event)
    assert (tally.conversation, tally.model, tally.cost_usd) == ("c-1", "auto", 0.5)
    assert tally.usage == Usage(20, 8, 4, 2)
    tally.add(Spending(step, 0.25, model="gpt-5.5"))
    assert (tally.usage, tally.cost_usd, tally.model) == (step, 0.25, "gpt-5.5")


@pytest.mark.parametrize("adapter", {s.adapter.name: s.adapter for s in STREAMS}.values())
def test_a_kind_that_nobody_knows_is_told_apart_from_one_without_news(adapter: Adapter) -> None:
    assert adapter.read({"type": "a.new.thing", "event": "a_new_thing"}) is None
