"""A repository, a daemon in the test's own loop, and runs of stand-in programs in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentd.client.async_client import AsyncClient
from agentd.providers.adapter import Adapter, Agent, Assignment, Transport
from agentd.providers.agent_events import AgentEvent, Refusal
from agentd.providers.agent_run import Run, RunEnd, run_agent
from agentd.providers.chronicle import Chronicle
from agentd.providers.hook_settings.hook_command import HookCommand
from agentd.providers.lock_gate import LockGate, Policy, Session
from agentd.providers.outcome import Outcome, Tally

STAND_INS = Path(__file__).parent / "stand_ins"
NOW = 1_790_000_000.0


@dataclass
class Ran:
    """What came of a run of a stand-in."""

    end: RunEnd
    events: list[AgentEvent]
    outcome: Outcome
    answers: list[list[Any]] = field(default_factory=list)
    log: str = ""

    @property
    def refusals(self) -> list[str]:
        """The reasons of what was refused."""
        return [event.text for event in self.events if isinstance(event, Refusal)]

    def answers_to(self, what: str) -> list[Any]:
        """What the stand-in was answered, or told, of one kind."""
        return [value for kind, value in self.answers if kind == what]


@dataclass
class Stage:
    """Where stand-ins run."""

    top: Path
    home: Path
    socket: Path

    async def play(
        self,
        adapter: Adapter,
        transport: Transport,
        script: str,
        steps: Sequence[Mapping[str, Any]],
        *,
        owner: str = "codex-1",
        policy: Policy = Policy.GUARDED,
        allow_shell: bool = False,
        timeout_secs: float | None = 30.0,
        stall_secs: float = 0.0,
        hook: HookCommand | None = None,
        listen: Callable[[AgentEvent], None] = lambda _: None,
    ) -> Ran:
        """Runs a stand-in as an adapter's program."""
        steps_path = self.home / f"{owner}.json"
        steps_path.write_text(json.dumps(steps))
        command = (sys.executable, str(STAND_INS / script), str(steps_path))
        agent = Agent(adapter=adapter, name=adapter.name, command=command)
        client = AsyncClient(self.socket)
        events: list[AgentEvent] = []
        tally = Tally()

        def tell(event: AgentEvent) -> None:
            events.append(event)
            tally.add(event)
            listen(event)

        assignment = Assignment(
            prompt="edit the greeting",
            worktree=self.top,
            session=owner,
            socket=self.socket,
            workspace=self.top,
            allow_shell=allow_shell,
            hook=hook,
        )
        session = Session(
            owner=owner,
            provider=adapter.name,
            worktree=self.top,
            namespace=str(self.top),
            intent="edit the greeting",
            policy=policy,
        )
        way = next(way for way in adapter.ways if way.transport is transport)
        log_path = self.home / "logs" / f"{owner}.log"
        try:
            with Chronicle(log_path, tell) as chronicle:
                run = Run(
                    agent=agent,
                    way=way,
                    assignment=assignment,
                    environment=dict(os.environ),
                    gate=LockGate(client, session, now=lambda: NOW, tell=tell),
                    chronicle=chronicle,
                    timeout_secs=timeout_secs,
                    stall_secs=stall_secs,
                )
                end = await run_agent(run)
        finally:
            await client.close()
        outcome = tally.outcome(end.exit_code, says_result=adapter.says_result)
        answers = steps_path.with_suffix(".answers")
        lines = answers.read_text().splitlines() if answers.exists() else []
        return Ran(
            end,
            events,
            outcome,
            [json.loads(line) for line in lines],
            log_path.read_text(errors="replace"),
        )


@pytest.fixture
def top(home: Path) -> Path:
    """A repository with a file."""
    path = (home / "repository").resolve()
    (path / "src").mkdir(parents=True)
    (path / "src" / "app.py").write_text('print("hello")\n')
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "."],
        ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "commit", "-qm", "start"],
    ):
        subprocess.run(["git", *command], cwd=path, check=True)
    return path
