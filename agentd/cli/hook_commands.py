"""The commands `hooks` and `doctor` of `agentd-coord`: their options and their help.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli.connect import errors_explained
from agentd.cli.options import JsonOption
from agentd.cli.settings_options import (
    DryRunOption,
    ProjectOption,
    ProviderArgument,
    RepositoryOption,
)

_app = typer.Typer(
    name="hooks",
    help="Have an agent's program ask for a lock before it writes a file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def add_hook_commands(app: typer.Typer) -> None:
    """Adds the commands to `agentd-coord`."""
    app.add_typer(_app)
    app.command("doctor")(_doctor)


def _doctor(
    repo: Annotated[
        Path, typer.Option("--repo", help="Look at this repository's settings, too.")
    ] = Path(),
    json: JsonOption = False,
) -> None:
    """Say which agents another's lock on a file holds back.

    Each agent's program that is installed is guarded, advisory or none. What its settings would run
    before a write is run, for a file that is locked: only a refusal counts as guarded.

    \b
    Exit codes: 0 all that are installed are guarded, 10 one is not,
                1 failed, 2 wrong usage, 3 no daemon.
    \b
    Examples:
      agentd-coord doctor
      agentd-coord doctor --json
    """
    from agentd.cli.doctor_command import run_doctor

    with errors_explained():
        raise typer.Exit(run_doctor(repository=repo, as_json=json))


@_app.command()
def install(
    provider: ProviderArgument,
    project: ProjectOption = False,
    dry_run: DryRunOption = False,
    repo: RepositoryOption = Path(),
) -> None:
    """Install the hook in an agent's settings file.

    Everything else in the file stays as it is. The hook gets today's settings: install it again
    after you changed AGENTD_HOME, AGENTD_SOCKET_PATH or an AGENTD_HOOK variable.

    \b
    Exit codes: 0 it is installed, 1 failed, 2 wrong usage.
    \b
    Examples:
      agentd-coord hooks install claude_code
      agentd-coord hooks install codex --project --dry-run
    """
    from agentd.cli.hooks_command import run_install

    with errors_explained():
        run_install(provider, project=project, dry_run=dry_run, repository=repo)


@_app.command()
def uninstall(
    provider: ProviderArgument,
    project: ProjectOption = False,
    dry_run: DryRunOption = False,
    repo: RepositoryOption = Path(),
) -> None:
    """Take the hook out of an agent's settings file: what `install` wrote, and nothing else.

    \b
    Exit codes: 0 it is not there any more, 1 failed, 2 wrong usage.
    \b
    Examples:
      agentd-coord hooks uninstall claude_code
    """
    from agentd.cli.hooks_command import run_uninstall

    with errors_explained():
        run_uninstall(provider, project=project, dry_run=dry_run, repository=repo)


@_app.command()
def status(
    provider: Annotated[
        str | None,
        typer.Argument(metavar="PROVIDER", help="Only this one's. Default: all."),
    ] = None,
    repo: RepositoryOption = Path(),
    json: JsonOption = False,
) -> None:
    """List where the hook is installed, for you and for this repository.

    \b
    Examples:
      agentd-coord hooks status
      agentd-coord hooks status codex --json
    """
    from agentd.cli.hooks_command import run_status

    with errors_explained():
        run_status(provider, repository=repo, as_json=json)
