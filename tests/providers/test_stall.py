"""How long one waits for a program that gets nowhere, in time that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agentd.providers.adapter import Transport
from agentd.providers.agent_events import (
    AgentEvent,
    Attention,
    AttentionLevel,
    Failure,
    Intent,
    Progress,
)
from agentd.providers.outcome import Ended
from agentd.providers.stall import Patience, Stalled
from tests.fakes.jumping_loop import run_in_jumps
from tests.fakes.patience import PATIENCE_SECS
from tests.providers.conftest import Stage
from tests.providers.test_agent_process import alive, asking

LIMIT = 900.0
RETRY = Failure("Reconnecting... 3/5", final=False)

Work = Callable[[Patience], Awaitable[str]]


def played(work: Work, limit_secs: float = LIMIT) -> tuple[str, float, list[AgentEvent]]:
    """What came of it, when (seconds), and what was told."""
    told: list[AgentEvent] = []

    async def play() -> tuple[str, float]:
        patience = Patience(limit_secs, told.append)
        try:
            brought = await patience.wait_for(work(patience))
        except Stalled as stalled:
            brought = str(stalled)
        return brought, asyncio.get_running_loop().time()

    brought, after_secs = run_in_jumps(play())
    return brought, after_secs, told


async def says_nothing(_: Patience) -> str:
    await asyncio.sleep(10 * LIMIT)
    return "done"


async def tries_again_for_ever(patience: Patience) -> str:
    patience.heard(Intent("edit a.py"))
    while True:
        await asyncio.sleep(10)
        patience.heard(RETRY)


async def works_slowly(patience: Patience) -> str:
    for number in range(20):
        await asyncio.sleep(0.3 * LIMIT)
        patience.heard(RETRY)
        patience.heard(Progress(f"step {number}"))
    return "done"


def test_one_that_says_nothing_is_ended() -> None:
    brought, after_secs, told = played(says_nothing)
    assert brought == "it was ended because it made no progress for 900 s"
    assert after_secs == LIMIT
    assert told == [
        Attention(AttentionLevel.NOTICE, "no progress for 300 s; it is ended after 900 s")
    ]


def test_one_that_only_tries_again_is_ended_and_its_reason_is_told() -> None:
    brought, after_secs, told = played(tries_again_for_ever)
    assert brought.endswith("no progress for 900 s; it said: Reconnecting... 3/5")
    assert after_secs == LIMIT
    assert [type(event) for event in told] == [Attention]


def test_one_that_works_slowly_is_waited_for() -> None:
    assert played(works_slowly) == ("done", 20 * 0.3 * LIMIT, [])


def test_without_a_limit_it_takes_as_long_as_it_takes() -> None:
    assert played(says_nothing, limit_secs=0) == ("done", 10 * LIMIT, [])


def test_another_time_that_is_over_is_none_of_ours() -> None:
    async def impatient(patience: Patience) -> str:
        async with asyncio.timeout(5):
            await asyncio.sleep(10)
        return "done"

    with pytest.raises(TimeoutError):
        played(impatient)


async def test_a_program_that_hangs_is_ended_with_its_children(top: Path, home: Path) -> None:
    stage = Stage(top, home, home / "nobody.sock")
    has_begun, secs = False, 1.0
    while not has_begun:  # A busy machine may take longer to start it.
        secs *= 2
        assert secs < PATIENCE_SECS
        ran = await stage.play(
            asking(b"wait"), Transport.TEXT, "family.py", [], owner="hangs", stall_secs=secs
        )
        assert ran.outcome.ended is Ended.FAILED
        assert f"made no progress for {secs:g} s" in ran.outcome.why
        has_begun = Progress("started 3 children") in ran.events
    assert any(isinstance(event, Attention) for event in ran.events)
    assert alive(stage.home / "hangs.pids") == []
