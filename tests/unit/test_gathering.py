"""When the next transaction begins: the rule alone, told how long everything takes."""

from __future__ import annotations

import pytest

from agentd.core.gathering import (
    LEFT_OUT_MAX,
    PAUSE_SECS_MAX,
    PAUSE_SECS_MIN,
    Gathering,
    Verdict,
)

FAST, SLOW = 0.0002, 0.008
REQUESTS_MAX = 1024


def after_commits(count: int, *, answered: int, gathered: int, secs: float) -> Gathering:
    """The rule once it knows how long commits take."""
    gathering = Gathering(REQUESTS_MAX)
    for _ in range(count):
        gathering.committed(answered=answered, gathered=gathered, commit_secs=secs)
        gathering.verdict(answered + gathered)
    return gathering


def test_the_first_request_of_all_begins_at_once() -> None:
    assert Gathering(REQUESTS_MAX).verdict(1) is Verdict.BEGIN


@pytest.mark.parametrize("secs", [FAST, SLOW, 1.0])
def test_a_client_that_is_alone_never_waits(secs: float) -> None:
    gathering = Gathering(REQUESTS_MAX)
    for _ in range(100):
        assert gathering.committed(answered=1, gathered=0, commit_secs=secs) == 0
        assert gathering.verdict(1) is Verdict.BEGIN


@pytest.mark.parametrize("secs", [FAST, SLOW])
def test_begins_as_soon_as_all_clients_have_spoken(secs: float) -> None:
    gathering = after_commits(20, answered=32, gathered=32, secs=secs)
    gathering.committed(answered=32, gathered=32, commit_secs=secs)
    assert gathering.verdict(32) is Verdict.LOOK_AGAIN
    assert gathering.verdict(50) is Verdict.LOOK_AGAIN
    assert gathering.verdict(64) is Verdict.BEGIN


def test_begins_after_a_turn_that_brought_nothing_where_commits_are_fast() -> None:
    gathering = after_commits(20, answered=32, gathered=32, secs=FAST)
    assert gathering.committed(answered=32, gathered=32, commit_secs=FAST) == 0
    assert gathering.verdict(32) is Verdict.LOOK_AGAIN  # The answers go out in this turn.
    assert gathering.verdict(40) is Verdict.LOOK_AGAIN
    assert gathering.verdict(40) is Verdict.BEGIN


def test_after_everybody_went_silent_nobody_is_expected() -> None:
    gathering = after_commits(20, answered=4, gathered=0, secs=FAST)
    gathering.committed(answered=4, gathered=0, commit_secs=FAST)
    assert gathering.verdict(1) is Verdict.LOOK_AGAIN
    assert gathering.verdict(1) is Verdict.BEGIN
    assert gathering.verdict(1) is Verdict.BEGIN


def test_pauses_for_those_who_are_missing_where_commits_are_slow() -> None:
    gathering = after_commits(20, answered=4, gathered=4, secs=SLOW)
    pause = gathering.committed(answered=4, gathered=4, commit_secs=SLOW)
    assert PAUSE_SECS_MIN <= pause <= SLOW / 4
    assert gathering.verdict(4) is Verdict.LOOK_AGAIN
    assert gathering.verdict(4) is Verdict.WAIT
    assert gathering.verdict(6) is Verdict.LOOK_AGAIN
    assert gathering.verdict(6) is Verdict.WAIT
    gathering.tire(6)
    assert gathering.verdict(6) is Verdict.BEGIN


def test_the_longest_pause_is_short_however_slow_the_disk() -> None:
    gathering = after_commits(50, answered=4, gathered=4, secs=10.0)
    assert gathering.committed(answered=4, gathered=4, commit_secs=10.0) == PAUSE_SECS_MAX


def test_one_slow_commit_among_fast_ones_makes_no_pause() -> None:
    gathering = after_commits(20, answered=4, gathered=4, secs=FAST)
    assert gathering.committed(answered=4, gathered=4, commit_secs=SLOW) == 0


def paused(gathering: Gathering, *, back: int) -> bool:
    """Whether there is a pause after a commit, in which so many of four clients come back."""
    pause = gathering.committed(answered=4, gathered=0, commit_secs=SLOW)
    if pause:
        gathering.tire(back)
    gathering.verdict(back)
    gathering.verdict(back)
    return bool(pause)


def test_pauses_in_vain_become_rare() -> None:
    gathering = after_commits(20, answered=4, gathered=0, secs=SLOW)
    pauses = [paused(gathering, back=1) for _ in range(200)]
    assert [at for at, there in enumerate(pauses) if there] == [0, 2, 6, 14, 30, 62, 126, 190]
    assert LEFT_OUT_MAX == 190 - 126 - 1


def test_a_pause_that_brought_half_of_them_is_repeated() -> None:
    gathering = after_commits(20, answered=4, gathered=0, secs=SLOW)
    assert all(paused(gathering, back=2) for _ in range(20))


def test_a_pause_that_brought_all_makes_the_next_one_in_vain_the_first() -> None:
    gathering = after_commits(20, answered=4, gathered=0, secs=SLOW)
    for _ in range(7):
        paused(gathering, back=1)
    while not gathering.committed(answered=4, gathered=0, commit_secs=SLOW):
        gathering.verdict(4)
    assert gathering.verdict(4) is Verdict.BEGIN
    assert [paused(gathering, back=1) for _ in range(3)] == [True, False, True]


def test_a_full_transaction_is_worth_no_pause() -> None:
    gathering = after_commits(20, answered=REQUESTS_MAX, gathered=0, secs=FAST)
    gathering.committed(answered=REQUESTS_MAX, gathered=REQUESTS_MAX, commit_secs=FAST)
    assert gathering.verdict(REQUESTS_MAX) is Verdict.BEGIN
