"""Runs an agent's program once, from its start to the end of everything that it started.

It picks who talks to the program by the transport, and sees to time and end; what the program says
is the driver's business, what becomes of it the chronicle's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, TypeAlias

from agentd.errors import AgentdError
from agentd.providers.adapter import (
    Agent,
    Assignment,
    Transport,
    Way,
    assigned_environment,
    started,
)
from agentd.providers.agent_events import Attention, AttentionLevel, Failure
from agentd.providers.agent_process import AgentProcess, drained, while_reading
from agentd.providers.chronicle import Chronicle
from agentd.providers.lock_gate import LockGate
from agentd.providers.stall import Patience, Stalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start of an agent."""

    agent: Agent
    way: Way
    assignment: Assignment
    environment: Mapping[str, str]
    """Of whoever starts it."""
    gate: LockGate
    chronicle: Chronicle
    timeout_secs: float | None = None
    stall_secs: float = 0.0
    """How long the program may make no progress; 0: as long as it likes."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a program ended."""

    exit_code: int
    """Negative where a signal ended it."""
    warnings: tuple[str, ...]
    """What of its output could not be read."""


Driver: TypeAlias = Callable[[Run, AgentProcess, bytes], Awaitable["DriverEnd"]]
"""Talks to a program that runs, which gets some input, until there is nothing more to say."""


@dataclass(frozen=True, slots=True)
class DriverEnd:
    """What a driver leaves."""

    warnings: tuple[str, ...] = ()
    said_goodbye: bool = False
    """Whether it is we who ended the program, so that how it ended says nothing."""


_NOT_STARTED: Final = 127
_DRIVERS: Final[Mapping[Transport, str]] = {
    Transport.LINES: "agentd.providers.lines_driver:follow_lines",
    Transport.TEXT: "agentd.providers.lines_driver:follow_text",
    Transport.APP_SERVER: "agentd.providers.codex_app_server:follow_app_server",
    Transport.ACP: "agentd.providers.acp_driver:follow_acp",
}


async def run_agent(run: Run) -> RunEnd:
    """Runs it to its end, however it ends.

    A program that cannot be started or breaks its protocol ends with a final failure. When this is
    cancelled, too, nothing of the program's is left.
    """
    launch = run.way.launch(run.assignment)
    arguments, stdin = started(run.agent, run.assignment, launch)
    environment = {
        **run.environment,
        **launch.environment,
        **run.agent.environment,
        **assigned_environment(run.agent, run.assignment),
    }
    if not await _may_start(run, environment):
        return RunEnd(_NOT_STARTED, ())
    try:
        process = await AgentProcess.start(
            arguments,
            directory=run.assignment.worktree,
            environment=environment,
            session=run.assignment.session,
            chronicle=run.chronicle,
        )
    except AgentdError as error:
        run.chronicle.tell(Failure(error.message, final=True))
        return RunEnd(_NOT_STARTED, ())
    patience = Patience(run.stall_secs, run.chronicle.tell)
    run.chronicle.listen(patience.heard)
    errors = asyncio.create_task(process.read_errors(lambda line: _error_line(run, line)))
    end = DriverEnd()
    try:
        async with asyncio.timeout(run.timeout_secs):
            following = _driver(run.way.transport)(run, process, stdin)
            end = await patience.wait_for(while_reading(errors, following))
    except Stalled as stalled:
        run.chronicle.tell(Failure(str(stalled), final=True))
    except TimeoutError:
        seconds = run.timeout_secs or 0.0
        run.chronicle.tell(Failure(f"it was ended because {seconds:g} s were over", final=True))
    except AgentdError as error:
        run.chronicle.tell(Failure(error.message, final=True))
    finally:
        code = await process.end()
        await drained(errors)
    return RunEnd(0 if end.said_goodbye else code, end.warnings)


async def _may_start(run: Run, environment: Mapping[str, str]) -> bool:
    """Whether the program would be held back by locks, or need not be by the policy."""
    way = run.way
    why = await asyncio.to_thread(way.out_of_force, run.agent, run.assignment, environment)
    if not why:
        return True
    if run.gate.is_advisory:
        run.chronicle.tell(Attention(AttentionLevel.NOTICE, f"not guarded by locks: {why}"))
        return True
    others = [each for each in run.agent.adapter.ways if each is not way]
    instead = f"use --via {others[0].transport.value}, or " if others else ""
    told = (
        f"it was not started: {why}; {instead}set AGENTD_HOOK_POLICY=advisory to run it unguarded"
    )
    run.chronicle.tell(Failure(told, final=True))
    return False


def _driver(transport: Transport) -> Driver:
    module, _, name = _DRIVERS[transport].partition(":")
    driver: Driver = getattr(import_module(module), name)
    return driver


def _error_line(run: Run, line: str) -> None:
    for event in run.agent.adapter.read_error(line):
        run.chronicle.tell(event)
