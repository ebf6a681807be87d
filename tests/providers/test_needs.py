"""What a person is needed for is read off a program's own words, and told once."""

from __future__ import annotations

import pytest

from agentd.providers.agent_events import (
    SHELL_WANTED,
    AgentEvent,
    Attention,
    AttentionLevel,
    Events,
    Failure,
    Need,
    Progress,
)
from agentd.providers.needs import Needs, need_of
from tests.providers.streams import STREAMS, Stream, read_stream

WORDS = (
    ("unexpected status 401 Unauthorized: bad key", Need.LOG_IN),
    ("tries again: authentication_failed", Need.LOG_IN),
    ("Invalid API key · Please run /login", Need.LOG_IN),
    ("exceeded retry limit, last status: 429 Too Many Requests", Need.RATE_LIMIT),
    ("tries again: rate_limit", Need.RATE_LIMIT),
    ("tries again after status 429", Need.RATE_LIMIT),
    ("Quota exceeded. Check your plan and billing details.", Need.QUOTA),
    ("429: you have exceeded your quota", Need.QUOTA),
    ("deepseek does not take the key (status 402: Insufficient Balance)", Need.QUOTA),
    ("We're currently experiencing high demand", Need.SERVICE),
    ("Reconnecting... waiting for network", Need.SERVICE),
    ("tries again: overloaded", Need.SERVICE),
    ("Model metadata for `x` not found", None),
    ("the author said it took 4290 tokens", None),
    ("its turn ended as interrupted", None),
)

NEEDED = {
    "codex_exec_error_401": [Need.LOG_IN],
    "codex_exec_error_429": [Need.RATE_LIMIT],
    "codex_exec_429_then_recovered": [Need.RATE_LIMIT],
    "codex_exec_error_500": [Need.SERVICE],
    "codex_exec_error_quota": [Need.QUOTA],
    "codex_exec_missing_api_key_env": [Need.LOG_IN],
    "codex_exec_server_down_retries_forever": [Need.SERVICE],
    "gemini_error_400_streamjson": [Need.LOG_IN],
    "gemini_missing_key": [Need.LOG_IN],
    "gemini_429_endless_backoff": [Need.RATE_LIMIT],
    "claude_code_documented": [Need.SERVICE],
}
"""Of the recorded runs; the others need nobody."""


def attentions(needs: Needs, *events: AgentEvent) -> list[Attention]:
    """What a person is told because of some events."""
    taken: list[AgentEvent] = []
    for event in events:
        taken += needs.taken_in(event)
    return [event for event in taken if isinstance(event, Attention)]


@pytest.mark.parametrize(("text", "need"), WORDS)
def test_the_words_of_a_failure_say_what_for(text: str, need: Need | None) -> None:
    assert need_of(Failure(text, final=True)) is need


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_recorded_runs(stream: Stream) -> None:
    needs = Needs("log in")
    told = attentions(needs, *read_stream(stream)[0])
    wanted = NEEDED.get(stream.name, [])
    assert list(dict.fromkeys(each.need for each in told)) == wanted
    assert [each.need for each in needs.told] == wanted
    assert all(each.advice for each in needs.told)


def test_it_is_told_once_and_again_only_when_it_gets_serious() -> None:
    trouble, end = Failure("status 429", final=False), Failure("status 429", final=True)
    needs = Needs("log in")
    told = attentions(needs, trouble, trouble, end, end, trouble)
    assert [each.level for each in told] == [AttentionLevel.NOTICE, AttentionLevel.ACTION]
    assert [each.level for each in needs.told] == [AttentionLevel.ACTION]


def test_who_is_not_logged_in_is_told_the_programs_own_way() -> None:
    (told,) = attentions(Needs("run `x login`"), Failure("401 Unauthorized", final=False))
    assert (told.level, told.advice) == (AttentionLevel.ACTION, "run `x login`")


def test_what_is_told_of_something_else_stays_as_it_is() -> None:
    events: Events = (Progress("401"), Attention(AttentionLevel.INFO, "lost the lock"))
    needs = Needs("")
    for event in (*events, *events):
        assert needs.taken_in(event) == (event,)
    assert needs.told == ()


def test_after_a_good_end_only_what_was_left_out_counts() -> None:
    needs = Needs("")
    attentions(needs, Failure("status 429", final=False), SHELL_WANTED, SHELL_WANTED)
    needs.ended_well()
    assert needs.told == (SHELL_WANTED,)
