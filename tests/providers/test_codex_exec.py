"""`codex exec` is started only where Codex says that it runs the hook that guards it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentd.providers.adapter import Transport
from agentd.providers.agent_events import Attention, Progress
from agentd.providers.codex import ADAPTER
from agentd.providers.hook_settings.hook_command import HookCommand, installed_program
from agentd.providers.lock_gate import Policy
from agentd.providers.outcome import Ended
from tests.providers.conftest import Ran, Stage

SAID = {"type": "item.completed", "item": {"type": "agent_message", "text": "at work"}}
DONE = {"type": "turn.completed", "usage": {"input_tokens": 1, "output_tokens": 1}}

Play = Callable[..., Any]


@pytest.fixture
def play(top: Path, home: Path) -> Play:
    """Runs the stand-in, whose app server says how far the hook is trusted."""
    stage = Stage(top, home, home / "nobody.sock")
    hook = HookCommand(
        installed_program("/usr/bin/python3"), "guarded", home, home / "a.sock", lock_secs=60
    )

    async def run(trust: str | None, policy: Policy, hook: HookCommand | None = hook) -> Ran:
        return await stage.play(
            ADAPTER,
            Transport.LINES,
            "exec_codex.py",
            [{"trust": trust}, SAID, DONE],
            policy=policy,
            hook=hook,
        )

    return run


async def test_a_hook_that_is_trusted(play: Play) -> None:
    ran = await play("trusted", Policy.GUARDED)
    assert ran.outcome.ended is Ended.DONE
    assert Progress("at work") in ran.events


@pytest.mark.parametrize("policy", [Policy.GUARDED, Policy.STRICT])
@pytest.mark.parametrize(
    ("trust", "why"),
    [("untrusted", "does not trust it"), ("modified", "does not trust it"), (None, "not answer")],
)
async def test_what_codex_would_skip_is_not_started(
    play: Play, policy: Policy, trust: str | None, why: str
) -> None:
    ran = await play(trust, policy)
    assert ran.outcome.ended is Ended.FAILED
    assert why in ran.outcome.why
    assert "--via app-server" in ran.outcome.why
    assert Progress("at work") not in ran.events


async def test_without_any_hook_it_is_not_started(play: Play) -> None:
    ran = await play("trusted", Policy.GUARDED, hook=None)
    assert "it is given no hook" in ran.outcome.why


async def test_where_locks_only_advise_it_runs_and_says_so(play: Play) -> None:
    ran = await play("untrusted", Policy.ADVISORY)
    assert ran.outcome.ended is Ended.DONE
    (told,) = [event.text for event in ran.events if isinstance(event, Attention)]
    assert told.startswith("not guarded by locks: Codex would skip the hook")
