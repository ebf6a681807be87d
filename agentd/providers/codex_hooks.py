"""Hooks for one Codex process alone, given on its command line.

No file of the user's is touched. Codex runs a hook only if it is trusted, and skips one that is
not without a word; for hooks of the command line the trust is a digest of the hook, given beside
it. How the digest is made is an internal detail of Codex, measured with 0.169.0: `hooks/list` of
its app server says for any version whether it still holds.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from agentd.providers.hook_settings.hook_command import HookCommand

_EVENTS: Final = {"SessionStart": "session_start", "PreToolUse": "pre_tool_use"}
"""Events of Codex, and what they are called in keys and digests."""
_TIMEOUT_SECS: Final = 10


def hook_options(command: HookCommand | None) -> tuple[str, ...]:
    """The options that have Codex run a command at each tool call, and trust it; none for none."""
    if command is None:
        return ()
    options: list[str] = []
    trusted: list[str] = []
    for event, label in _EVENTS.items():
        line = command.line("codex", before_tool=event == "PreToolUse")
        hook = f'{{type="command",command={_quoted(line)},timeout={_TIMEOUT_SECS}}}'
        options += ["-c", f"hooks.{event}=[{{hooks=[{hook}]}}]"]
        key = f"/<session-flags>/config.toml:{label}:0:0"
        trusted.append(f"{_quoted(key)}={{trusted_hash={_quoted(trust_hash(label, line))}}}")
    return (*options, "-c", f"hooks.state={{{','.join(trusted)}}}")


def trust_hash(label: str, line: str, timeout_secs: int = _TIMEOUT_SECS) -> str:
    """What Codex compares a hook of an event with before it runs it."""
    hook = {"async": False, "command": line, "timeout": timeout_secs, "type": "command"}
    identity = {"event_name": label, "hooks": [hook]}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _quoted(text: str) -> str:
    """A basic string of TOML, which takes what JSON takes in one."""
    return json.dumps(text, ensure_ascii=False)
