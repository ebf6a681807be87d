"""A program that is broken, or lies about how it went, is never taken for one that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentd.providers.adapter import Transport
from agentd.providers.agent_events import Progress, Spending
from agentd.providers.completion import Usage
from agentd.providers.outcome import Ended
from agentd.providers.qwen import ADAPTER as QWEN
from tests.providers.conftest import Stage

Steps = Sequence[Mapping[str, Any]]

WELL = '{"type":"result","subtype":"success","is_error":false,"result":"ok","usage":%s}'
BADLY = '{"type":"result","subtype":"error_during_execution","is_error":true,"errors":["boom"]}'
SAID = '{"type":"assistant","message":{"content":[{"type":"text","text":"working"}]}}'
ODD_USAGE = '{"input_tokens":-5,"output_tokens":1e300,"cache_read_input_tokens":null}'
HUGE_USAGE = '{"input_tokens":99999999999999999999999,"output_tokens":"7"}'


@pytest.fixture
def stage(top: Path, home: Path) -> Stage:
    """A repository, and no daemon."""
    return Stage(top, home, home / "nobody.sock")


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([{"leave": 0}], "it ended without saying that it was done"),
        ([{"out": SAID[:-2]}], "it ended without saying that it was done"),
        ([{"out": WELL % "{}"}, {"leave": 3}], "it ended with exit code 3"),
        ([{"out": WELL % "{}"}, {"out": BADLY}], "boom"),
        ([{"ask_terminal": True}], "it ended with exit code 1"),
    ],
    ids=["nothing", "cut off", "code", "success, then an error", "asks the terminal"],
)
async def test_it_has_failed(stage: Stage, steps: Steps, why: str) -> None:
    ran = await stage.play(QWEN, Transport.LINES, "writer.py", steps)
    assert (ran.outcome.ended, ran.outcome.why) == (Ended.FAILED, why)


@pytest.mark.parametrize("usage", [ODD_USAGE, HUGE_USAGE, "null", "[]"])
async def test_odd_usage_is_none(stage: Stage, usage: str) -> None:
    steps: Steps = [{"out": WELL % usage}]
    ran = await stage.play(QWEN, Transport.LINES, "writer.py", steps)
    assert ran.outcome.ended is Ended.DONE
    assert [event.usage for event in ran.events if isinstance(event, Spending)] == [Usage()]


async def test_what_cannot_be_read_is_counted_and_the_rest_is_taken(stage: Stage) -> None:
    garbage = 'garbage\n{"type":\n[1]\n\xff\xfe\n{"type":"zap"}\n'
    steps: Steps = [{"raw": garbage}, {"flood": ["x" * 9_000_000, 1]}, {"out": WELL % "{}"}]
    ran = await stage.play(QWEN, Transport.LINES, "writer.py", steps)
    assert ran.outcome.ended is Ended.DONE
    assert ran.end.warnings == (
        "4 lines of its output skipped: no JSON object",
        "1 line of its output skipped: longer than 8,388,608 bytes",
        "1 line of its output skipped: of unknown kinds (zap)",
    )


async def test_a_flood_is_taken_whole(stage: Stage) -> None:
    steps: Steps = [{"flood": [SAID, 20_000]}, {"out": WELL % "{}"}]
    ran = await stage.play(QWEN, Transport.LINES, "writer.py", steps)
    assert ran.outcome.ended is Ended.DONE
    assert ran.events.count(Progress("working")) == 20_000


async def test_a_program_that_is_deaf_to_sigterm_is_killed(stage: Stage) -> None:
    steps: Steps = [{"deaf": True}, {"out": SAID}, {"hang": True}]
    ran = await stage.play(QWEN, Transport.LINES, "writer.py", steps, timeout_secs=3.0)
    assert ran.outcome.why == "it was ended because 3 s were over"
    assert ran.end.exit_code != 0
