"""The commands `mcp` of `agentd-coord`: their options and their help.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from agentd.cli.connect import errors_explained, fail, settings
from agentd.cli.settings_options import (
    DryRunOption,
    ProjectOption,
    ProviderArgument,
    RepositoryOption,
)

_app = typer.Typer(
    name="mcp",
    help="Serve agentd's verbs to an agent as tools over MCP.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


def add_mcp_commands(app: typer.Typer) -> None:
    """Adds the commands to `agentd-coord`."""
    app.add_typer(_app)


@_app.callback()
def _serve(
    context: typer.Context,
    repo: Annotated[
        Path | None,
        typer.Option(
            "--repo", help="Where the agent works. Default: AGENTD_WORKTREE, else the directory."
        ),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(help="The session's name. Default: AGENTD_SESSION_ID, else one of its own."),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(help="Whose agent it is. Default: AGENTD_PROVIDER, else the client's name."),
    ] = None,
) -> None:
    """Serve one agent on standard input and output; its program starts this.

    \b
    Tools: lock_acquire, lock_release, locks_list, who_holds, submit_bundle, review,
           next_node, commit_event, complete_node, fail_node, task_status.
    \b
    Examples:
      agentd-coord mcp --provider codex
    """
    if context.invoked_subcommand is not None:
        return
    from dataclasses import replace

    from agentd.settings import process_environment

    try:
        from agentd.mcp.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("mcp", "mcp_types"):
            raise
        fail(
            "the MCP server needs the package `mcp`, which is not installed",
            hint="Run: pip install 'agentd-coord[mcp]'",
        )
    with errors_explained():
        configured = settings()
        environment = _without_unset(process_environment())
        if leads_to := environment.get("AGENTD_SOCKET"):
            # A supervised session is led to its daemon by this one.
            configured = replace(configured, socket_path=Path(leads_to))
        directory = repo or Path(environment.get("AGENTD_WORKTREE") or ".")
        serve(configured, environment, directory.absolute(), owner=owner, provider=provider)


def _without_unset(environment: Mapping[str, str]) -> dict[str, str]:
    """Without variables that were to have another one's value, which is not set: some programs hand
    the other one's name on then.
    """
    return {
        name: value
        for name, value in environment.items()
        if not (name.startswith("AGENTD_") and value.startswith("$"))
    }


@_app.command("install")
def _install(
    provider: ProviderArgument,
    project: ProjectOption = False,
    dry_run: DryRunOption = False,
    repo: RepositoryOption = Path(),
) -> None:
    """Put the server into the settings of an agent's program, and change nothing else there.

    With --project it is started by its name, `agentd-coord`, so that the file can be shared.

    \b
    Examples:
      agentd-coord mcp install codex
      agentd-coord mcp install claude_code --project --dry-run
    """
    from agentd.cli.mcp_install import run_install

    with errors_explained():
        run_install(provider, project=project, dry_run=dry_run, repository=repo)


@_app.command("uninstall")
def _uninstall(
    provider: ProviderArgument,
    project: ProjectOption = False,
    dry_run: DryRunOption = False,
    repo: RepositoryOption = Path(),
) -> None:
    """Take the server out of the settings again: what `install` wrote, and nothing else.

    \b
    Examples:
      agentd-coord mcp uninstall codex
    """
    from agentd.cli.mcp_install import run_uninstall

    with errors_explained():
        run_uninstall(provider, project=project, dry_run=dry_run, repository=repo)


@_app.command("status")
def _status(repo: RepositoryOption = Path()) -> None:
    """List where the server is installed, for you and for this repository.

    \b
    Examples:
      agentd-coord mcp status
    """
    from agentd.cli.mcp_install import run_status

    with errors_explained():
        run_status(repository=repo)
