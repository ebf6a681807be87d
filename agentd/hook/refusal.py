"""What the hook says to an agent that may not write, and what it says when it cannot tell. Pure.

Names and intents are other agents' words: they are quoted, cut short and made harmless, so that
what one agent wrote is not an instruction to the next.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from agentd.plain_text import printable

_QUOTED_CHARS_MAX: Final = 200
_PATH_CHARS_MAX: Final = 300

INSTEAD: Final = (
    "Do not write this file by another tool either. Go on with work that does not need it. If the "
    "change cannot wait, hand it in as a patch bundle: by agentd's MCP tool `submit_bundle` (with "
    "`patch`) where you have it, else from a worktree and branch of your own with git "
    "(`agentd-coord bundle --help`); `agentd-coord review` decides on both."
)
"""The advice to whoever is refused."""

WELCOME: Final = (
    "agentd coordinates the agents that work on this repository. Writing a file locks it for your "
    "session; a write to a file that another agent holds is refused with the holder's name. Then "
    "do other work, or hand your change in as a patch bundle (by agentd's MCP tool `submit_bundle` "
    "where you have it, else `agentd-coord bundle --help`). "
    "`agentd-coord locks` lists who holds what."
)
"""What the agent is told when its session starts."""


def quoted(text: object, chars_max: int = _QUOTED_CHARS_MAX) -> str:
    """Somebody else's words as one quoted stretch of one line."""
    said = printable(text if isinstance(text, str) else str(text)).strip().replace('"', "'")
    return f'"{said[:chars_max]}…"' if len(said) > chars_max else f'"{said}"'


def held(resource_key: str, holder: Mapping[str, Any], now: float) -> str:
    """That somebody holds a file; `holder` is the wire's `LockInfo`, `now` in Unix seconds."""
    return f"agentd: {whose(resource_key, holder, now)} {INSTEAD}"


def whose(resource_key: str, holder: Mapping[str, Any], now: float) -> str:
    """Who holds a file, until when and what for."""
    path = quoted(resource_key.partition(":")[2], _PATH_CHARS_MAX)
    key = holder.get("resource_key")
    through = "" if key == resource_key else f" through its lock {quoted(key, _PATH_CHARS_MAX)}"
    metadata = holder.get("metadata")
    intent = metadata.get("intent") if isinstance(metadata, dict) else None
    stated = f"Its intent, quoted: {quoted(intent)}." if intent else "It stated no intent."
    return (
        f"{path} is held by {quoted(holder.get('owner'))} "
        f"(provider {quoted(holder.get('provider'))}){through} {_until(holder, now)}. "
        f"{stated}"
    )


def awaited(resource_key: str) -> str:
    """That somebody who came first waits for a file."""
    path = quoted(resource_key.partition(":")[2], _PATH_CHARS_MAX)
    return f"agentd: another agent came first and waits for {path}. {INSTEAD}"


def unanswered(why: str) -> str:
    """That the write is refused because nobody could say who holds the file."""
    return (
        f"agentd: {printable(why)[:500]}. The write was refused, because nobody could say whether "
        "another agent holds the file. Run `agentd-coord doctor` to see what is wrong."
    )


def unguarded(why: str) -> str:
    """That the write is not refused although nobody could say who holds the file."""
    return f"agentd: {printable(why)[:500]}. Writes are NOT guarded by locks."


def _until(holder: Mapping[str, Any], now: float) -> str:
    expires_at = holder.get("expires_at")
    if not isinstance(expires_at, int):
        return "for now"
    left = max(0, round(expires_at - now))
    minutes, seconds = divmod(left, 60)
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(expires_at))
    return f"until {clock} ({minutes} min {seconds} s from now, unless it is renewed)"
