"""`agentd-coord hooks`: installs the hook, takes it out, and says where it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentd.cli.connect import fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.terminal import console, print_json, printable, say, styled

if TYPE_CHECKING:
    from agentd.providers.hook_settings.changes import Change
    from agentd.providers.hook_settings.entries import Scope
    from agentd.providers.hook_settings.hook_command import HookCommand
    from agentd.providers.hook_settings.installation import Place

_AFTER: dict[tuple[str, bool], str] = {
    ("codex", True): "Codex reads a repository's hooks only after you have said in it that you "
    "trust the folder.",
    **dict.fromkeys(
        (("antigravity", False), ("antigravity", True)),
        "Not every version of Antigravity runs its hooks: see docs/hooks.md.",
    ),
}
"""What to know after an installation, by provider and whether it is for a project."""


def run_install(name: str, *, project: bool, dry_run: bool, repository: Path) -> None:
    """Installs a hook."""
    from agentd.providers.hook_settings.installation import plan_install

    provider, scope = _provider(name), scope_of(project=project)
    place, command = place_of(repository, scope), hook_command()
    if carried_out(
        lambda: plan_install(provider, scope, place, command),
        dry_run=dry_run,
        nothing="the hook is installed already",
    ):
        if remark := _AFTER.get((provider, project)):
            say(remark)
        say("Sessions that run already may have to be started anew. Check: agentd-coord doctor")


def run_uninstall(name: str, *, project: bool, dry_run: bool, repository: Path) -> None:
    """Takes a hook out."""
    from agentd.providers.hook_settings.installation import plan_removal

    provider, scope = _provider(name), scope_of(project=project)
    place = place_of(repository, scope)
    carried_out(
        lambda: plan_removal(provider, scope, place),
        dry_run=dry_run,
        nothing="the hook is not installed there",
    )


def run_status(name: str | None, *, repository: Path, as_json: bool) -> None:
    """Says where the hook is."""
    from agentd.providers.hook_settings.entries import VENDORS, Scope
    from agentd.providers.hook_settings.installation import look

    providers = list(VENDORS) if name is None else [_provider(name)]
    project = worktree_around(repository)
    place = user_place(project or repository.resolve())
    scopes = list(Scope) if project is not None else [Scope.USER]
    found = [
        look(provider, scope, place, hook_command()) for provider in providers for scope in scopes
    ]
    if as_json:
        print_json(
            [
                {
                    "provider": each.provider,
                    "scope": each.scope.value,
                    "state": each.state.value,
                    "path": str(each.path),
                    "detail": each.detail,
                }
                for each in found
            ]
        )
        return
    from rich.table import Column, Table

    # A path that is cut short is of no use.
    long = (Column(name, overflow="fold") for name in ("STATE", "FILE"))
    table = Table("PROVIDER", "SCOPE", *long, box=None, pad_edge=False)
    for each in found:
        state = f"{each.state.value}: {each.detail}" if each.detail else each.state.value
        table.add_row(each.provider, each.scope.value, styled(state), styled(str(each.path)))
    console().print(table)


def hook_command() -> HookCommand:
    """The hook as it would be installed today."""
    from agentd.providers.hook_settings.hook_command import HookCommand, installed_program

    current = settings()
    return HookCommand(
        installed_program(sys.executable),
        current.hook_policy,
        home=current.home,
        socket=current.socket_path,
        lock_secs=current.hook_lock_secs,
    )


def _provider(name: str) -> str:
    from agentd.providers.hook_settings.entries import VENDORS

    hint = f"There are hooks for {', '.join(VENDORS)}."
    return vendor_named(name, VENDORS, f"there is no hook for {name!r}", hint)


def vendor_named(name: str, known: Collection[str], unknown: str, hint: str) -> str:
    """A provider by any of its names; ends the command with a message where it is not known."""
    from agentd.providers.agents_file import canonical_name

    provider = canonical_name(name)
    if provider not in known:
        fail(unknown, hint=hint, code=ExitCode.USAGE)
    return provider


def scope_of(*, project: bool) -> Scope:
    """For whom a command's settings are."""
    from agentd.providers.hook_settings.entries import Scope

    return Scope.PROJECT if project else Scope.USER


def place_of(repository: Path, scope: Scope) -> Place:
    """Where settings are; ends the command where a project is meant and there is none."""
    from agentd.providers.hook_settings.entries import Scope as Scopes

    project = worktree_around(repository)
    if project is None and scope is Scopes.PROJECT:
        fail(
            f"{repository.absolute()} is in no git repository",
            hint="Name one with --repo, or install the hook with --user.",
            code=ExitCode.USAGE,
        )
    return user_place(project or repository.resolve())


def worktree_around(directory: Path) -> Path | None:
    """The top of the worktree that a directory is in."""
    from agentd.conflicts.bundles.whereabouts import find_worktree

    found = find_worktree(directory) if directory.is_dir() else None
    return found.worktree if found is not None else None


def user_place(project: Path) -> Place:
    """Where the user's settings are, and a project's."""
    from agentd.providers.hook_settings.installation import Place
    from agentd.settings import process_environment

    return Place(Path.home(), project, process_environment())


def carried_out(plan: Callable[[], Sequence[Change]], *, dry_run: bool, nothing: str) -> bool:
    """Carries out what is planned, or shows it; whether files were changed.

    `nothing` is said where there is nothing to do.
    """
    from agentd.providers.hook_settings.changes import apply
    from agentd.providers.hook_settings.turns import turn

    if dry_run:
        changes = plan()
        for change in changes:
            sys.stdout.write(printable(change.diff(), keep_newlines=True))
    else:
        with turn(settings().home_layout):
            changes = plan()
            for change in changes:
                apply(change)
                done = "removed" if change.after is None else "wrote"
                say(f"{done} {change.path}")
    if not changes:
        say(nothing)
    return bool(changes) and not dry_run
