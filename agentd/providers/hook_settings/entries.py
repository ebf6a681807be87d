"""What each vendor's settings are to hold, and where they are. One table, pure.

From the vendors' documentation and, for Codex, Gemini CLI and Qwen Code, from running them: see
docs/hooks.md.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from agentd.providers.hook_settings.hook_command import HookCommand

NAME: Final = "agentd"
_BEFORE_TOOL: Final = frozenset({"PreToolUse", "BeforeTool"})
_SECS: Final = 10
_LAST_SECS: Final = 3
"""Codex waits no longer for a hook at a session's end."""


class Scope(StrEnum):
    """For whom a hook is installed."""

    USER = "user"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's settings."""

    provider: str
    title: str
    file: str
    """Below the directory of the scope."""
    directory_variable: str | None
    """Names the user's directory."""
    user_directory: str
    """Below the user's home directory."""
    project_directory: str
    """Below the top of the worktree."""
    events: Mapping[str, tuple[str, ...]]
    """Each event with its matchers: a group of hooks each; an empty one matches everything."""
    home_variable: str | None = None
    """Names what counts as the user's home directory."""
    milliseconds: bool = False
    """In what a timeout is given; otherwise in seconds."""
    named: bool = False
    """Whether groups of events stand under a name of ours."""

    def path(
        self, scope: Scope, *, home: Path, project: Path, variables: Mapping[str, str]
    ) -> Path:
        """The settings file."""
        if scope is Scope.PROJECT:
            return project / self.project_directory / self.file
        if self.directory_variable and (moved := variables.get(self.directory_variable)):
            return Path(os.path.realpath(moved)) / self.file
        if self.home_variable and (moved := variables.get(self.home_variable)):
            home = Path(moved)
        return home / self.user_directory / self.file

    def groups(self, command: HookCommand) -> dict[str, list[dict[str, Any]]]:
        """The groups of hooks to be there, by event."""
        return {
            event: [self._group(event, matcher, command) for matcher in matchers]
            for event, matchers in self.events.items()
        }

    def _group(self, event: str, matcher: str, command: HookCommand) -> dict[str, Any]:
        secs = _LAST_SECS if event == "SessionEnd" else _SECS
        hook = {
            "type": "command",
            "command": command.line(self.provider, before_tool=event in _BEFORE_TOOL),
            "timeout": secs * 1000 if self.milliseconds else secs,
        }
        return {**({"matcher": matcher} if matcher else {}), "hooks": [hook]}


_EVERY: Final = ("",)
_SESSION: Final[Mapping[str, tuple[str, ...]]] = {
    "SessionStart": _EVERY,
    "Stop": _EVERY,
    "SessionEnd": _EVERY,
}

VENDORS: Final[Mapping[str, Vendor]] = {
    vendor.provider: vendor
    for vendor in (
        Vendor(
            "codex",
            "Codex CLI",
            "hooks.json",
            "CODEX_HOME",
            ".codex",
            ".codex",
            # Without a matcher: Codex's shell tool applies patches, too.
            {"PreToolUse": _EVERY, **_SESSION},
        ),
        Vendor(
            "claude_code",
            "Claude Code",
            "settings.json",
            "CLAUDE_CONFIG_DIR",
            ".claude",
            ".claude",
            {
                "PreToolUse": ("Edit|Write|MultiEdit|NotebookEdit",),
                "PostToolUse": _EVERY,
                **_SESSION,
            },
        ),
        Vendor(
            "gemini",
            "Gemini CLI",
            "settings.json",
            None,
            ".gemini",
            ".gemini",
            {
                "BeforeTool": ("replace|edit|write_file",),
                "AfterTool": _EVERY,
                "SessionStart": _EVERY,
                "AfterAgent": _EVERY,
                "SessionEnd": _EVERY,
            },
            home_variable="GEMINI_CLI_HOME",
            milliseconds=True,
        ),
        Vendor(
            "qwen",
            "Qwen Code",
            "settings.json",
            "QWEN_HOME",
            ".qwen",
            ".qwen",
            {
                "PreToolUse": ("edit|replace|write",),
                "PostToolUse": _EVERY,
                **_SESSION,
            },
            milliseconds=True,
        ),
        Vendor(
            "antigravity",
            "Antigravity",
            "hooks.json",
            None,
            ".gemini/config",
            ".agents",
            {
                "PreToolUse": (
                    "write_to_file",
                    "replace_file_content",
                    "multi_replace_file_content",
                )
            },
            named=True,
        ),
    )
}
"""By provider."""
