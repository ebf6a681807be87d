"""Claude Code: how it is started. From its documentation; the program itself was never run."""

from __future__ import annotations

import json
from typing import Final

from agentd.providers.adapter import Adapter, Assignment, Enforcement, Launch, Transport, Way
from agentd.providers.claude_stream import read

_EDITING: Final = "Edit|MultiEdit|Write|NotebookEdit"
_HOOK_TIMEOUT_SECS: Final = 10


def _settings(assignment: Assignment) -> tuple[str, ...]:
    """The option that installs our hook for this session alone."""
    if assignment.hook is None:
        return ()
    command = assignment.hook.line("claude_code", before_tool=True)
    hook = {"type": "command", "command": command, "timeout": _HOOK_TIMEOUT_SECS}
    settings = {"hooks": {"PreToolUse": [{"matcher": _EDITING, "hooks": [hook]}]}}
    return ("--settings", json.dumps(settings, separators=(",", ":")))


def _headless(assignment: Assignment) -> Launch:
    """The prompt comes on standard input, where no text of it can be taken for an option."""
    allowed = ("--allowedTools", "Bash") if assignment.allow_shell else ()
    return Launch(
        arguments=(
            *("--print", "--output-format", "stream-json", "--verbose"),
            *("--permission-mode", "acceptEdits", *allowed),
            *_settings(assignment),
        ),
        stdin=assignment.prompt.encode("utf-8", "replace"),
    )


def _interactive(assignment: Assignment) -> Launch:
    prompt = ("--", assignment.prompt) if assignment.prompt else ()
    return Launch(arguments=(*_settings(assignment), *prompt))


ADAPTER: Final = Adapter(
    name="claude_code",
    title="Claude Code",
    program="claude",
    ways=(
        Way(
            transport=Transport.LINES,
            launch=_headless,
            enforcement=Enforcement.GUARDED,
            why="a hook for this session alone answers before every edit; shell commands that "
            "write are not seen",
        ),
    ),
    interactive=_interactive,
    takes_hook=True,
    read=read,
    log_in="run `claude` and type /login, or set ANTHROPIC_API_KEY",
)
