"""The hook's answer, in each vendor's dialect. Pure.

An answer that a vendor's program does not understand lets the write through there (Codex takes no
unknown key and no refusal without a reason, Gemini waits for ever for somebody to ask), so each
form here is one that the programs were seen to act upon.

A lock that was granted is no permission: the agent's own rules and its user decide that, so the
answer is never "allow".
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from agentd.hook.dialects import Dialect, Tongue

REFUSED_STATUS: Final = 2
"""The exit code that stops a tool call in every dialect, with standard error as the reason."""


class Answer(NamedTuple):
    """What the hook writes, and how it ends."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


def refuse(dialect: Dialect, event: str, reason: str) -> Answer:
    """Stops the tool call."""
    if dialect.tongue is Tongue.CLAUDE:
        said = {
            "hookSpecificOutput": {
                "hookEventName": event,
                "permissionDecision": "deny",
                "permissionDecisionReason": reason,
            }
        }
        return Answer(_json(said))
    return Answer(_json({"decision": "deny", "reason": reason}))


def refuse_in_trouble(dialect: Dialect, reason: str) -> Answer:
    """Stops the tool call where not even the event may be known."""
    if dialect.tongue is Tongue.ANTIGRAVITY:
        said = _json({"decision": "deny", "reason": reason})
        return Answer(said, f"{reason}\n", REFUSED_STATUS)
    return Answer("", f"{reason}\n", REFUSED_STATUS)


def no_opinion(dialect: Dialect, *, before_tool: bool, notice: str = "") -> Answer:
    """Leaves the tool call to the agent's own rules; `notice` is shown to its user."""
    stderr = f"{notice}\n" if notice else ""
    if dialect.tongue is Tongue.ANTIGRAVITY:
        if not before_tool:
            return Answer("", stderr)
        said = {"decision": "ask", "reason": notice} if notice else {"decision": "ask"}
        return Answer(_json(said), stderr)
    return Answer(_json({"systemMessage": notice}) if notice else "", stderr)


def welcome(dialect: Dialect, event: str, context: str) -> Answer:
    """Tells the model something as its session starts."""
    if dialect.tongue is Tongue.ANTIGRAVITY:
        return Answer()
    said = {"hookSpecificOutput": {"hookEventName": event, "additionalContext": context}}
    return Answer(_json(said))


def _json(value: object) -> str:
    return f"{json.dumps(value)}\n"
