"""What a vendor's program says on standard input, as one value. Pure.

Whoever reads it must not trust it: it holds what a model wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from agentd.hook.dialects import Dialect, Moment, Tongue

PAYLOAD_BYTES_MAX: Final = 64 * 1024 * 1024
_SESSION_CHARS_MAX: Final = 200


class BadPayload(Exception):
    """The payload cannot be understood. The message says what is wrong."""


class Payload(NamedTuple):
    """One call of the hook."""

    moment: Moment
    event: str
    """The vendor's name of the moment; the answer repeats it."""
    session: str
    """The vendor's id of the session; empty where it names none."""
    directory: str
    """Where the agent works: what relative paths start from; empty where it does not say."""
    tool: str
    arguments: Mapping[str, object]


def read_payload(dialect: Dialect, data: bytes) -> Payload:
    """Reads a payload. Raises `BadPayload`."""
    if len(data) > PAYLOAD_BYTES_MAX:
        raise BadPayload(f"the hook's input has more than {PAYLOAD_BYTES_MAX >> 20} MiB")
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise BadPayload("the hook's input is no JSON") from None
    if not isinstance(raw, dict):
        raise BadPayload("the hook's input is no JSON object")
    if dialect.tongue is Tongue.ANTIGRAVITY:
        return _antigravity(raw)
    event = _text(raw, "hook_event_name")
    moment = dialect.moments.get(event, Moment.OTHER)
    tool = _text(raw, "tool_name")
    if not event:
        raise BadPayload("the hook's input has no hook_event_name")
    if moment is Moment.TOOL_STARTS and not tool:
        raise BadPayload("the hook's input has no tool_name")
    return Payload(
        moment,
        event,
        _text(raw, "session_id")[:_SESSION_CHARS_MAX],
        _text(raw, "cwd"),
        tool,
        _object(raw, "tool_input"),
    )


def _antigravity(raw: Mapping[str, object]) -> Payload:
    """Names no event: what has a `toolCall` is the call before a tool."""
    call = _object(raw, "toolCall")
    tool = _text(call, "name")
    if "toolCall" in raw and not tool:
        raise BadPayload("the hook's input has a toolCall without a name")
    places = raw.get("workspacePaths")
    first = places[0] if isinstance(places, list) and places else ""
    return Payload(
        Moment.TOOL_STARTS if tool else Moment.OTHER,
        "PreToolUse" if tool else "",
        _text(raw, "conversationId")[:_SESSION_CHARS_MAX],
        first if isinstance(first, str) else "",
        tool,
        _object(call, "args"),
    )


def _text(raw: Mapping[str, object], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _object(raw: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}
