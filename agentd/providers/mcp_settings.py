"""The MCP server in the vendors' settings: what is put there, found again and taken out.

Codex has TOML, the others JSON with an object `mcpServers`. Everything else in a file stays as it
is. Where each vendor's file is comes from its documentation and, for Codex, Gemini CLI and Qwen
Code, from running them: see docs/mcp.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agentd.providers.hook_settings.changes import Change, read_text, unreadable
from agentd.providers.hook_settings.entries import NAME, Scope
from agentd.providers.hook_settings.installation import Place
from agentd.providers.hook_settings.json_edit import new_text, with_item, without_item
from agentd.providers.hook_settings.json_hooks import OddSettings
from agentd.providers.hook_settings.json_text import NotJson, filled, parse
from agentd.providers.hook_settings.toml_tables import (
    NotToml,
    OddToml,
    table_at,
    with_table,
    without_table,
)

_SERVERS: Final = "mcpServers"
_CODEX_TABLE: Final = ("mcp_servers", NAME)
_SPOILT = (NotJson, OddSettings, NotToml, OddToml)
_TOOL_SECS: Final = 600
"""A review runs the project's own checks."""
_SESSION: Final = ("AGENTD_SESSION_ID", "AGENTD_PROVIDER", "AGENTD_SOCKET", "AGENTD_WORKTREE")
"""What a supervised session says. Some programs hand on only what is named."""
_PLACES: Final = ("AGENTD_HOME", "AGENTD_SOCKET_PATH")


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """How the server is to be started."""

    program: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """What of this installation is not where it is by default."""

    def arguments(self, provider: str) -> list[str]:
        """Of the program."""
        return ["mcp", "--provider", provider]


@dataclass(frozen=True, slots=True)
class _Vendor:
    user_file: str
    """Below the user's home directory."""
    project_file: str
    """Below the top of the worktree."""
    variable: str | None = None
    """Names the directory of the user's file, where it is another."""
    value_of: str | None = None
    """How the file says the value of a variable. One that is not set may stay as it is written."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What the entry holds beside the command."""


VENDORS: Final[Mapping[str, _Vendor]] = {
    "codex": _Vendor(".codex/config.toml", ".codex/config.toml", "CODEX_HOME"),
    "claude_code": _Vendor(
        ".claude.json", ".mcp.json", "CLAUDE_CONFIG_DIR", value_of="${{{name}:-}}"
    ),
    "gemini": _Vendor(
        ".gemini/settings.json",
        ".gemini/settings.json",
        value_of="${name}",
        more={"timeout": _TOOL_SECS * 1000},
    ),
    "qwen": _Vendor(
        ".qwen/settings.json",
        ".qwen/settings.json",
        "QWEN_HOME",
        value_of="${name}",
        more={"timeout": _TOOL_SECS * 1000},
    ),
    "antigravity": _Vendor(".gemini/config/mcp_config.json", ".agents/mcp_config.json"),
}
"""By provider."""


def settings_file(provider: str, scope: Scope, place: Place) -> Path:
    """Where a vendor's program reads its MCP servers."""
    vendor = VENDORS[provider]
    if scope is Scope.PROJECT:
        return place.project / vendor.project_file
    if vendor.variable and (moved := place.variables.get(vendor.variable)):
        return Path(os.path.realpath(moved)) / Path(vendor.user_file).name
    home = place.home
    if provider == "gemini" and (moved := place.variables.get("GEMINI_CLI_HOME")):
        home = Path(moved)
    return home / vendor.user_file


def plan_install(
    provider: str, scope: Scope, place: Place, command: ServerCommand
) -> tuple[Change, ...]:
    """The changes that put the server in; none where it is there. Raises `settings_unreadable`."""
    path = settings_file(provider, scope, place)
    before = read_text(path)
    try:
        after = _with_server(provider, before, command)
    except _SPOILT as error:
        raise unreadable(path, str(error)) from None
    return _only_real(Change(path, before, after))


def plan_removal(provider: str, scope: Scope, place: Place) -> tuple[Change, ...]:
    """The changes that take the server out; none where it is not there.

    Raises `settings_unreadable`.
    """
    path = settings_file(provider, scope, place)
    before = read_text(path)
    try:
        after = None if before is None else _without_server(provider, before)
    except _SPOILT as error:
        raise unreadable(path, str(error)) from None
    return _only_real(Change(path, before, after))


def is_installed(provider: str, scope: Scope, place: Place) -> bool:
    """Whether the server is there. Raises `settings_unreadable`."""
    path = settings_file(provider, scope, place)
    text = read_text(path)
    try:
        return text is not None and _server(provider, text) is not None
    except _SPOILT as error:
        raise unreadable(path, str(error)) from None


def _only_real(change: Change) -> tuple[Change, ...]:
    return () if change.is_empty else (change,)


def _server(provider: str, text: str) -> Any:
    """Our entry, None where there is none. Raises `OddSettings` where it is somebody else's."""
    if provider == "codex":
        entry = table_at(text, _CODEX_TABLE)
    else:
        root = parse(filled(text))
        servers = _object(root.value, "the whole").get(_SERVERS, {})
        entry = _object(servers, _SERVERS).get(NAME)
    if entry is not None and not _is_ours(entry):
        raise OddSettings(f"there is another MCP server with the name {NAME!r} already")
    return entry


def _is_ours(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    arguments = entry.get("args")
    program = os.path.basename(str(entry.get("command")))
    return program.startswith("agentd-coord") and isinstance(arguments, list) and "mcp" in arguments


def _with_server(provider: str, text: str | None, command: ServerCommand) -> str:
    entry = _entry(provider, command)
    if text is not None and _server(provider, text) == entry:
        return text
    if provider == "codex":
        return with_table(text, _CODEX_TABLE, entry)
    cleared = None if text is None else _without_server(provider, text)
    if cleared is None:
        return new_text({_SERVERS: {NAME: entry}})
    cleared = filled(cleared)
    root = parse(cleared)
    servers = root.member(_SERVERS)
    if servers is None:
        return with_item(cleared, root, {NAME: entry}, _SERVERS)
    return with_item(cleared, servers.node, entry, NAME)


def _without_server(provider: str, text: str) -> str | None:
    if _server(provider, text) is None:
        return text
    if provider == "codex":
        return without_table(text, _CODEX_TABLE)
    root = parse(text)
    servers = root.member(_SERVERS)
    assert servers is not None
    entry = servers.node.member(NAME)
    assert entry is not None
    return without_item(text, (root, servers.node), entry)


def _entry(provider: str, command: ServerCommand) -> dict[str, Any]:
    vendor = VENDORS[provider]
    entry: dict[str, Any] = {
        "command": command.program,
        "args": command.arguments(provider),
        **vendor.more,
    }
    environment = dict(command.environment)
    if provider == "codex":
        named = [*_SESSION, *(name for name in _PLACES if name not in environment)]
        entry |= {"env_vars": named, "startup_timeout_sec": 20, "tool_timeout_sec": _TOOL_SECS}
    elif vendor.value_of is not None:
        said = {name: vendor.value_of.format(name=name) for name in _SESSION}
        environment = {**said, **environment}
    return {**entry, "env": environment} if environment else entry


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OddSettings(f"{where} is no object")
    return value
