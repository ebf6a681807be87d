"""The real Codex in a terminal, started as its adapter says: our hook is in force there, too."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentd.providers.adapter import Agent, Assignment, assigned_environment, started
from agentd.providers.codex import ADAPTER
from agentd.providers.hook_settings.hook_command import HookCommand, installed_program
from tests.providers.real.clients import CODEX, programs
from tests.providers.real.dialects import Step
from tests.providers.real.scripts import codex_edit, patch
from tests.providers.real.table import APP, FILES, Table, table
from tests.providers.real.terminal import Terminal
from tests.providers.real.test_runs import HOLDER, INTENT, somebody_holds_it

SECS = 120.0


def scripts(_: Path) -> Mapping[str, Sequence[Step]]:
    """It goes for a file that is locked, and for another one."""
    own = patch("*** Add File: src/own.py\n+X = 1\n")
    return {"codex": [Step(calls=[codex_edit("mine")]), Step(calls=[own]), Step("all done")]}


def sit_down(at: Table) -> Terminal:
    """Codex in a terminal, by the adapter's interactive command and nothing else."""
    variables = at.configured(CODEX)
    # What it would ask a new user first: whether the directory is to be trusted, and the model.
    with (Path(variables["CODEX_HOME"]) / "config.toml").open("a") as settings:
        settings.write(
            f'[projects."{at.repository.resolve()}"]\ntrust_level = "trusted"\n'
            '[notice.model_migrations]\n"gpt-5.5" = "gpt-6-sol"\n'
        )
    socket = Path(at.daemon.socket_path)
    home = Path(at.environment["AGENTD_HOME"])
    hook = HookCommand(installed_program(sys.executable), "guarded", home, socket, 900)
    assignment = Assignment(
        prompt="change the greeting",
        worktree=at.repository.resolve(),
        session="session-c",
        socket=socket,
        workspace=at.repository.resolve(),
        hook=hook,
    )
    agent = Agent(adapter=ADAPTER, name="codex", command=(str(programs() / "codex"),))
    launch = ADAPTER.interactive(assignment)
    arguments, _ = started(agent, assignment, launch)
    environment = {
        **at.environment,
        **variables,
        **launch.environment,
        **assigned_environment(agent, assignment),
    }
    return Terminal(at.model.inside(arguments), at.repository, environment)


def test_the_hook_holds_it_back_in_a_terminal() -> None:
    with table(scripts) as at:
        somebody_holds_it(at)
        terminal = sit_down(at)
        try:
            came = terminal.wait_for(lambda: "done" in terminal.states(), SECS)
            assert came, terminal.output[-3000:].decode(errors="replace")
            assert terminal.states().index("working") < terminal.states().index("done")
            told = at.model.told("codex")
            assert f'is held by "{HOLDER}"' in told.replace("\\", "")
            assert INTENT in told
            assert at.text(APP) == FILES[APP]
            assert at.text("src/own.py") == "X = 1\n"
        finally:
            terminal.close()
