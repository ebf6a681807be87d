"""`agentd-coord run`: one agent, one prompt, from the start of its program to its bundle."""

from __future__ import annotations

import asyncio
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentd.cli.connect import fail, settings
from agentd.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from agentd.cli.run_place import RunPlace
    from agentd.providers.adapter import Agent, Assignment, Way
    from agentd.settings import Settings

_PROMPT_BYTES_MAX = 2**20
_INTENT_CHARS_MAX = 200
_SECS_MAX = 7 * 86_400


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The command line of `run`."""

    agent: str
    prompt: str
    repository: Path
    worktree: Path | None
    owner: str | None
    via: str | None
    timeout_secs: float | None
    stall_secs: float | None
    allow_shell: bool
    out: Path | None
    as_json: bool


def run_run(options: RunOptions) -> ExitCode:
    """Runs the agent, prints what it does, and hands in what it changed."""
    from agentd.cli.out_files import check_out_file
    from agentd.cli.run_place import find_place
    from agentd.cli.run_session import RunSession
    from agentd.cli.run_view import RunView
    from agentd.providers.registry import agent, required_program
    from agentd.settings import process_environment

    check_out_file(options.out, "--out")
    _check_time("--timeout", options.timeout_secs)
    _check_time("--stall-timeout", options.stall_secs)
    prompt = _prompt(options.prompt)
    configured = settings()
    chosen = agent(options.agent, configured)
    required_program(chosen, process_environment().get("PATH"))
    way = _way(chosen, options.via)
    owner = options.owner or f"{chosen.name}-{secrets.token_hex(4)}"
    place = find_place(options.repository, options.worktree, owner, configured.home)
    assignment = _assignment(options, configured, chosen, place, owner, prompt)
    session = RunSession(
        settings=configured,
        agent=chosen,
        way=way,
        place=place,
        assignment=assignment,
        view=RunView(as_json=options.as_json),
        timeout_secs=options.timeout_secs,
        stall_secs=_stall_secs(options, chosen),
        out=options.out,
    )
    return asyncio.run(session.run())


def _prompt(text: str) -> str:
    if text == "-":
        text = sys.stdin.buffer.read(_PROMPT_BYTES_MAX + 1).decode("utf-8", "replace")
    if not text.strip():
        fail("the prompt is empty", code=ExitCode.USAGE)
    if len(text) > _PROMPT_BYTES_MAX:
        fail(f"the prompt is longer than {_PROMPT_BYTES_MAX:,} characters", code=ExitCode.USAGE)
    return text


def _check_time(option: str, secs: float | None) -> None:
    if secs is not None and not secs <= _SECS_MAX:  # `nan` compares with nothing.
        fail(f"{option} must be at most {_SECS_MAX:,} seconds", code=ExitCode.USAGE)


def _way(agent: Agent, wanted: str | None) -> Way:
    """The way that is wanted, or the best one."""
    ways = agent.adapter.ways
    if wanted is None:
        return ways[0]
    found = next((way for way in ways if way.transport.value == wanted), None)
    if found is None:
        names = ", ".join(way.transport.value for way in ways)
        fail(f"{agent.name} has no way {wanted!r}; it has {names}", code=ExitCode.USAGE)
    return found


def _stall_secs(options: RunOptions, agent: Agent) -> float:
    """The command line's word, else `config.toml`'s, else the adapter's."""
    if options.stall_secs is not None:
        return options.stall_secs
    return agent.adapter.stall_secs if agent.stall_secs is None else agent.stall_secs


def _assignment(
    options: RunOptions,
    configured: Settings,
    agent: Agent,
    place: RunPlace,
    owner: str,
    prompt: str,
) -> Assignment:
    from agentd.cli.hooks_command import hook_command
    from agentd.providers.adapter import Assignment

    return Assignment(
        prompt=prompt,
        worktree=place.top,
        session=owner,
        socket=configured.socket_path,
        workspace=place.workplace.repository.root,
        intent=" ".join(prompt.split())[:_INTENT_CHARS_MAX],
        branch=place.branch if not place.is_shared else "",
        allow_shell=options.allow_shell,
        hook=hook_command() if agent.adapter.takes_hook else None,
    )
