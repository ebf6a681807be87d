"""The commands `run` and `agents` of `agentd-coord`: their options and their help.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli.connect import errors_explained
from agentd.cli.options import JsonOption, WorktreeOption

AgentArgument = Annotated[
    str, typer.Argument(metavar="AGENT", help="Which one; `agentd-coord agents` lists them.")
]
PromptArgument = Annotated[str, typer.Argument(help="What it is to do; `-` reads standard input.")]
OwnWorktreeOption = Annotated[
    Path | None,
    typer.Option(
        help="Run in this worktree of its own, which is made on a new branch if it is not "
        "there. Default: in the checkout, beside others.",
        file_okay=False,
    ),
]
OwnerOption = Annotated[
    str | None,
    typer.Option(help="Its name in locks and bundles. Default: the agent's and a number."),
]
ViaOption = Annotated[
    str | None,
    typer.Option(
        metavar="WAY", help="How to talk to it: app-server, acp, lines or text. Default: best."
    ),
]
TimeoutOption = Annotated[float | None, typer.Option(help="End it after so many seconds.", min=1)]
StallTimeoutOption = Annotated[
    float | None,
    typer.Option(
        help="End it when it made no progress for so many seconds; 0: never. Default: `stall_secs` "
        "of config.toml, else 1800.",
        min=0,
    ),
]
AllowShellOption = Annotated[
    bool,
    typer.Option("--allow-shell", help="Let it run any shell command, which no lock holds back."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(help="Also write the bundle to this file.", dir_okay=False),
]
EventsOption = Annotated[
    bool, typer.Option("--json", help="Print a line of JSON for each event, the end last.")
]


def add_agent_commands(app: typer.Typer) -> None:
    """Adds the commands to `agentd-coord`."""
    app.command("run")(_run)
    app.command("agents")(_agents)


def _run(
    agent: AgentArgument,
    prompt: PromptArgument,
    repo: WorktreeOption = Path(),
    worktree: OwnWorktreeOption = None,
    owner: OwnerOption = None,
    via: ViaOption = None,
    timeout: TimeoutOption = None,
    stall_timeout: StallTimeoutOption = None,
    allow_shell: AllowShellOption = False,
    out: OutOption = None,
    json: EventsOption = False,
) -> None:
    """Run an agent on a prompt and hand in what it changed.

    What it is about to write is locked first, or refused where somebody else holds it. What it
    changed is the difference in git; it is handed in as a bundle for `agentd-coord review`.

    \b
    Exit codes: 0 done, 10 ended well but something was refused,
                1 failed, 2 wrong usage, 130 Ctrl-C.
    \b
    Examples:
      agentd-coord run codex "add a retry to the client"
      agentd-coord run claude "fix the tests" --worktree ../fix --timeout 1800
      agentd-coord run gemini - --json < task.md
    """
    from agentd.cli.run_command import RunOptions, run_run

    with errors_explained():
        options = RunOptions(
            agent=agent,
            prompt=prompt,
            repository=repo,
            worktree=worktree,
            owner=owner,
            via=via,
            timeout_secs=timeout,
            stall_secs=stall_timeout,
            allow_shell=allow_shell,
            out=out,
            as_json=json,
        )
        raise typer.Exit(run_run(options))


def _agents(
    json: JsonOption = False,
) -> None:
    """List the agents that can be run, and what keeps locks for each.

    Each program that is installed is asked for its version.

    \b
    Examples:
      agentd-coord agents
      agentd-coord agents --json
    """
    from agentd.cli.agents_command import show_agents

    with errors_explained():
        show_agents(as_json=json)
