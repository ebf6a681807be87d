"""`agentd-coord mcp install`: puts the server into a vendor's settings, and takes it out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentd.cli.connect import fail, settings
from agentd.cli.hooks_command import carried_out, place_of, scope_of, vendor_named
from agentd.cli.terminal import printable, say
from agentd.errors import DependencyFailed
from agentd.providers.mcp_settings import (
    VENDORS,
    ServerCommand,
    is_installed,
    plan_install,
    plan_removal,
    settings_file,
)
from agentd.settings import read_settings

if TYPE_CHECKING:
    from agentd.providers.hook_settings.entries import Scope

_PROGRAM = "agentd-coord"


def run_install(name: str, *, project: bool, dry_run: bool, repository: Path) -> None:
    """Installs the server."""
    provider, scope = _provider(name), scope_of(project=project)
    place = place_of(repository, scope)
    command = _command(scope)
    if carried_out(
        lambda: plan_install(provider, scope, place, command),
        dry_run=dry_run,
        nothing="the server is installed already",
    ):
        say("Sessions that run already have to be started anew.")


def run_uninstall(name: str, *, project: bool, dry_run: bool, repository: Path) -> None:
    """Takes the server out."""
    provider, scope = _provider(name), scope_of(project=project)
    place = place_of(repository, scope)
    carried_out(
        lambda: plan_removal(provider, scope, place),
        dry_run=dry_run,
        nothing="the server is not installed there",
    )


def run_status(*, repository: Path) -> None:
    """Says where the server is."""
    from agentd.cli.hooks_command import user_place, worktree_around
    from agentd.providers.hook_settings.entries import Scope

    project = worktree_around(repository)
    place = user_place(project or repository.resolve())
    for provider in VENDORS:
        for scope in list(Scope) if project is not None else [Scope.USER]:
            try:
                state = "installed" if is_installed(provider, scope, place) else "absent"
            except DependencyFailed as error:
                state = "unreadable"
                sys.stderr.write(f"{printable(error.message)}\n")
            path = settings_file(provider, scope, place)
            sys.stdout.write(f"{provider:<12} {scope.value:<8} {state:<10} {path}\n")


def _command(scope: Scope) -> ServerCommand:
    """How the server is started: in a file that others may share, by the program's name alone."""
    from agentd.providers.hook_settings.entries import Scope as Scopes

    if scope is Scopes.PROJECT:
        return ServerCommand(_PROGRAM)
    own = Path(sys.executable).with_name(_PROGRAM)
    program = str(own) if own.exists() else shutil.which(_PROGRAM)
    if program is None:
        fail(
            f"{_PROGRAM} is not installed as a program",
            hint="Run: pip install 'agentd-coord[mcp]'",
        )
    configured, usual = settings(), read_settings({})
    moved = {}
    if configured.home != usual.home:
        moved["AGENTD_HOME"] = str(configured.home)
    if configured.socket_path != configured.home_layout.socket:
        moved["AGENTD_SOCKET_PATH"] = str(configured.socket_path)
    return ServerCommand(program, moved)


def _provider(name: str) -> str:
    return vendor_named(
        name,
        VENDORS,
        f"it is not known where {name!r} has its MCP servers",
        f"It is known of {', '.join(VENDORS)}. For others: agentd-coord mcp --help",
    )
