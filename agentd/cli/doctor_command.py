"""`agentd-coord doctor`: which agents are held back from a locked file, with the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentd.cli.connect import daemon_if_running, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.hooks_command import hook_command, user_place, worktree_around
from agentd.cli.terminal import console, print_json, styled, styled_level

if TYPE_CHECKING:
    from rich.console import Console

    from agentd.providers.doctor import Examined


def run_doctor(*, repository: Path, as_json: bool) -> ExitCode:
    """Examines every agent and says whether all that are installed are guarded."""
    from agentd.providers.doctor import Ward
    from agentd.providers.hook_settings.entries import Scope
    from agentd.providers.registry import agents

    current = settings()
    project = worktree_around(repository)
    with daemon_if_running() as client:
        ward = Ward(
            place=user_place(project or repository.resolve()),
            scopes=list(Scope) if project is not None else [Scope.USER],
            command=hook_command(),
            daemon=client,
            no_daemon="" if client else f"no daemon answers on {current.socket_path}",
        )
        examined = [ward.examine(agent) for agent in agents(current) if agent.command]
    if as_json:
        print_json({"daemon": client is not None, "agents": [_json(each) for each in examined]})
    else:
        _print(examined, ward.no_daemon)
    if client is None:
        return ExitCode.NO_DAEMON
    levels = [each.verdict.level.value for each in examined if each.verdict is not None]
    return ExitCode.OK if set(levels) <= {"guarded"} else ExitCode.NOT_ALL_GUARDED


def _json(examined: Examined) -> dict[str, Any]:
    verdict = examined.verdict
    return {
        "name": examined.agent.name,
        "provider": examined.agent.adapter.name,
        "title": examined.agent.adapter.title,
        "program": examined.program,
        "version": examined.version,
        "enforcement": verdict.level.value if verdict else None,
        "evidence": list(verdict.evidence) if verdict else [],
        "hooks": [
            {
                "scope": found.scope.value,
                "path": str(found.path),
                "state": found.state.value,
                "detail": found.detail,
            }
            for found in examined.settings
        ],
    }


def _print(examined: list[Examined], no_daemon: str) -> None:
    out = console()
    if no_daemon:
        out.print(styled(f"{no_daemon}: nothing is guarded before it runs.", "red"))
    missing = []
    for each in examined:
        if each.verdict is None:
            missing.append(each.agent.adapter.title)
        else:
            _print_one(out, each)
    if missing:
        out.print(styled(f"Not installed: {', '.join(missing)}."))


def _print_one(out: Console, examined: Examined) -> None:
    assert examined.verdict is not None
    level = examined.verdict.level.value
    line = styled_level(level)
    line.append_text(styled(f"{examined.agent.name:<12}", "bold"))
    line.append_text(styled(f" {examined.version or 'version unknown'}  {examined.program}"))
    out.print(line, soft_wrap=True)
    for text in examined.verdict.evidence:
        out.print(styled(f"          {text}"), soft_wrap=True)
