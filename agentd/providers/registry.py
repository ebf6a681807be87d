"""The agents that this installation can start, by name: built in, and as `config.toml` has them.

A provider's module is imported when its agent is asked for, so that no command waits for it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from typing import Final, NoReturn

from agentd.errors import DependencyFailed, InvalidParams, Unsupported
from agentd.providers.adapter import Adapter, Agent
from agentd.providers.agents_file import AgentEntry, canonical_name, read_agents
from agentd.settings import Settings

BUILT_IN: Final[Mapping[str, str]] = {
    "codex": "agentd.providers.codex:ADAPTER",
    "claude_code": "agentd.providers.claude_code:ADAPTER",
    "gemini": "agentd.providers.gemini:ADAPTER",
    "antigravity": "agentd.providers.antigravity:ADAPTER",
    "qwen": "agentd.providers.qwen:ADAPTER",
    "opencode": "agentd.providers.opencode:ADAPTER",
    "deepseek": "agentd.providers.deepseek_adapter:ADAPTER",
    "command": "agentd.providers.command:ADAPTER",
}
"""Where each provider's adapter is."""


def agents(settings: Settings) -> tuple[Agent, ...]:
    """Every agent that can be named, in the order of the table; the user's own ones follow."""
    entries = read_agents(settings.home_layout.config_file, tuple(BUILT_IN))
    return tuple(
        _agent(name, entries.get(name, AgentEntry()))
        for name in dict.fromkeys((*BUILT_IN, *entries))
    )


def agent(name: str, settings: Settings) -> Agent:
    """The agent of a name.

    Raises `provider_unknown` for a name that nobody has, and `invalid_field` or `unknown_field`
    for what is wrong in `config.toml`.
    """
    entries = read_agents(settings.home_layout.config_file, tuple(BUILT_IN))
    wanted = canonical_name(name)
    if wanted not in BUILT_IN and wanted not in entries:
        _unknown(name, [*BUILT_IN, *entries])
    found = _agent(wanted, entries.get(wanted, AgentEntry()))
    if not found.command:
        raise InvalidParams(
            "invalid_field",
            f"{wanted} needs a program, and none is configured",
            hint=f'Add [agents.{wanted}] with command = "…" to {settings.home_layout.config_file}.',
            path=f"agents.{wanted}.command",
            rule="must be given",
        )
    return found


def installed_program(agent: Agent, search_path: str | None) -> str | None:
    """Where the agent's program is, or None where it is not installed."""
    return shutil.which(agent.command[0], path=search_path) if agent.command else None


def required_program(agent: Agent, search_path: str | None) -> str:
    """Where the agent's program is. Raises `program_missing`."""
    found = installed_program(agent, search_path)
    if found is None:
        raise DependencyFailed(
            "program_missing",
            f"{agent.adapter.title} is not installed: there is no program {agent.command[0]!r}",
            hint=f"Install it, or say where it is: [agents.{agent.name}] command in config.toml.",
            program=agent.command[0],
        )
    return found


def _agent(name: str, entry: AgentEntry) -> Agent:
    adapter = _adapter(name, entry)
    program = entry.command or adapter.program
    return Agent(
        adapter=adapter if adapter.name == name else replace(adapter, name=name),
        name=name,
        command=(program, *entry.args) if program else (),
        environment=entry.env,
        stall_secs=entry.stall_secs,
    )


def _adapter(name: str, entry: AgentEntry) -> Adapter:
    """A built-in adapter, or the one that an entry names, as `package.module:NAME`."""
    wanted = entry.adapter or name
    where = BUILT_IN.get(canonical_name(wanted), wanted)
    module_name, _, attribute = where.partition(":")
    try:
        found = getattr(import_module(module_name), attribute, None) if attribute else None
    except ImportError as error:
        raise _no_adapter(name, wanted, str(error)) from None
    except Exception as error:  # It is the user's own module, which may fail in any way.
        raise _no_adapter(name, wanted, f"{type(error).__name__}: {error}") from error
    if not isinstance(found, Adapter):
        raise _no_adapter(name, wanted, "there is no adapter")
    return found


def _no_adapter(name: str, wanted: str, why: str) -> InvalidParams:
    return InvalidParams(
        "invalid_field",
        f"agents.{name}.adapter: {wanted!r} cannot be used ({why})",
        hint=f"Use one of {', '.join(BUILT_IN)}, or package.module:NAME of an Adapter.",
        path=f"agents.{name}.adapter",
        rule="must be a known adapter, or package.module:NAME",
    )


def _unknown(name: str, known: list[str]) -> NoReturn:
    close = get_close_matches(canonical_name(name), known, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise Unsupported(
        "provider_unknown",
        f"no agent is known as {name!r}{meant}",
        hint=f"There are {', '.join(known)}. Another one gets an [agents.NAME] in config.toml.",
        known=known,
    )
