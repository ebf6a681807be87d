"""`agentd-coord agents`: what can be run here, and what keeps each of them from others' files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentd.cli.connect import settings
from agentd.cli.terminal import console, print_json, styled, styled_level

if TYPE_CHECKING:
    from agentd.providers.adapter import Agent


@dataclass(frozen=True, slots=True)
class _Found:
    """An agent as it is on this machine."""

    agent: Agent
    path: str | None
    version: str
    """What it says; empty where it does not."""


def show_agents(*, as_json: bool) -> None:
    """Lists them all."""
    from agentd.providers.registry import agents
    from agentd.settings import process_environment

    environment = process_environment()
    with ThreadPoolExecutor() as pool:  # Some take seconds to say their version.
        found = list(pool.map(lambda each: _look(each, environment), agents(settings())))
    if as_json:
        print_json({"agents": [_to_json(each) for each in found]})
        return
    _print(found)


def _look(agent: Agent, environment: dict[str, str]) -> _Found:
    from agentd.providers.program_version import version_of
    from agentd.providers.registry import installed_program

    path = installed_program(agent, environment.get("PATH"))
    if path is None:
        return _Found(agent, None, "")
    return _Found(agent, path, version_of(agent, [path], environment))


def _to_json(found: _Found) -> dict[str, Any]:
    adapter = found.agent.adapter
    return {
        "name": found.agent.name,
        "title": adapter.title,
        "command": list(found.agent.command),
        "installed": found.path is not None,
        "program": found.path,
        "version": found.version or None,
        "ways": [
            {
                "transport": way.transport.value,
                "enforcement": way.enforcement.value,
                "why": way.why,
            }
            for way in adapter.ways
        ],
    }


def _print(found: list[_Found]) -> None:
    """A line for each agent, and below it one for each way to run it, as `doctor` has them."""
    out = console()
    for each in found:
        program = each.agent.command[0] if each.agent.command else "as configured"
        version = each.version or ("installed" if each.path is not None else "not installed")
        line = styled(f"{each.agent.name:<12} ", "bold")
        out.print(line.append_text(styled(f"{program}  {version}")), soft_wrap=True)
        for way in each.agent.adapter.ways:
            line = styled(f"  {way.transport.value:<11}")
            line.append_text(styled_level(way.enforcement.value))
            out.print(line.append_text(styled(way.why)), soft_wrap=True)
