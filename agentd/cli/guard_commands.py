"""The commands `guard` of `agentd-coord`: git's own hooks refuse what somebody else has locked.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentd.cli.connect import errors_explained, fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.options import JsonOption, WorktreeOption
from agentd.cli.terminal import print_json, printable

if TYPE_CHECKING:
    from agentd.guard.installation import Hook

_app = typer.Typer(
    name="guard",
    help="Have git refuse what somebody else has locked.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SharedOption = Annotated[
    bool,
    typer.Option(
        "--shared", help="Also where core.hooksPath leads all your repositories to one place."
    ),
]


def add_guard_commands(app: typer.Typer) -> None:
    """Adds the commands to `agentd-coord`."""
    app.add_typer(_app)


@_app.command("install")
def _install(
    repo: WorktreeOption = Path(),
    shared: SharedOption = False,
    json: JsonOption = False,
) -> None:
    """Put the guard into the hooks pre-commit and pre-push of a repository and its worktrees.

    Hooks that are there stay and still run. Installing again brings it up to date.

    \b
    Examples:
      agentd-coord guard install
      AGENTD_GUARD_POLICY=strict agentd-coord guard install
    """
    from agentd.guard import installation

    with errors_explained(), _trouble_explained():
        directory = _directory(repo, shared=shared)
        _show(installation.install(directory, _command()), as_json=json)


@_app.command("uninstall")
def _uninstall(
    repo: WorktreeOption = Path(),
    shared: SharedOption = False,
    json: JsonOption = False,
) -> None:
    """Take the guard out again; the hooks are as they were before.

    \b
    Example:
      agentd-coord guard uninstall
    """
    from agentd.guard import installation

    with errors_explained(), _trouble_explained():
        directory = _directory(repo, shared=shared)
        _show(installation.uninstall(directory, _command()), as_json=json)


@_app.command("status")
def _status(repo: WorktreeOption = Path(), json: JsonOption = False) -> None:
    """Say whether the guard is there.

    \b
    Exit codes: 0 in both hooks, 10 not, or not as it would be installed now.

    \b
    Example:
      agentd-coord guard status --json
    """
    from agentd.guard import installation

    with errors_explained(), _trouble_explained():
        hooks = installation.look(_directory(repo, shared=True), _command())
        _show(hooks, as_json=json)
        is_whole = all(hook.state is installation.State.GUARDED for hook in hooks)
        raise typer.Exit(ExitCode.OK if is_whole else ExitCode.NOT_ALL_GUARDED)


@contextmanager
def _trouble_explained() -> Iterator[None]:
    """Turns what stops an installation into a message and an exit code."""
    from agentd.hook.ending import HookTrouble

    try:
        yield
    except HookTrouble as error:
        fail(str(error))
    except OSError as error:
        fail(
            f"{error.filename}: {error.strerror}",
            hint="The hooks are files where git looks for them: see that you may write there.",
        )


def _command() -> tuple[str, ...]:
    """The guard's command line, without the hook's name."""
    from agentd import guard

    configured = settings()
    return (
        *(sys.executable, "-I", "-S", "-X", "utf8"),
        str(Path(guard.__file__).with_name("__main__.py")),
        *("--policy", configured.guard_policy),
        *("--home", str(configured.home)),
        *("--socket", str(configured.socket_path)),
    )


def _directory(repo: Path, *, shared: bool) -> Path:
    """Where git looks for the repository's hooks, if they are the repository's alone."""
    from agentd.guard.hooks_place import Whose, hooks_place
    from agentd.hook.ending import HookTrouble

    try:
        place = hooks_place(repo)
    except HookTrouble as error:
        fail(str(error), hint="Name a repository with --repo, or run this inside one.")
    if place.whose is Whose.COMMITTED:
        fail(
            f"the hooks in {place.directory} are files of the repository itself",
            hint="Add a line to each yourself, and commit it: "
            'agentd-guard pre-commit -- "$@" || exit 1',
        )
    if place.whose is Whose.SHARED and not shared:
        fail(
            f"core.hooksPath leads to {place.directory}, where other repositories' hooks are, too",
            hint="With --shared the guard goes there, and asks in each of them.",
            code=ExitCode.USAGE,
        )
    return place.directory


def _show(hooks: list[Hook], *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "hook": hook.name,
                    "path": str(hook.path),
                    "state": hook.state.value,
                    "beside": hook.beside,
                }
                for hook in hooks
            ]
        )
        return
    for hook in hooks:
        beside = f" (beside {hook.beside})" if hook.beside else ""
        line = f"{hook.name:<10}  {hook.state.value:<8}  {hook.path}{beside}"
        sys.stdout.write(f"{printable(line)}\n")
