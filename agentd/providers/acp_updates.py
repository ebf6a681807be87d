"""What an agent tells by the Agent Client Protocol, as our events. Pure.

Recorded from Gemini CLI 0.61.0, Qwen Code 0.15.10 and OpenCode 1.18.33, which differ in where they
put their usage.
"""

from __future__ import annotations

from typing import Final

from agentd.providers.agent_events import (
    AgentEvent,
    Events,
    Failure,
    Intent,
    Progress,
    Result,
    Spending,
)
from agentd.providers.completion import Usage
from agentd.providers.json_values import (
    Message,
    count_of,
    object_of,
    objects_of,
    paths_of,
    text_of,
)

_QUIET: Final = frozenset(
    {
        *("agent_thought_chunk", "user_message_chunk", "plan", "plan_content", "plan_removed"),
        *("available_commands_update", "current_mode_update", "config_option_update"),
        *("session_info_update", "usage_update"),
    }
)
_WRITING: Final = frozenset({"edit", "delete", "move"})
_READING: Final = frozenset({"read", "search", "think"})


def read(method: str, params: Message) -> Events | None:
    """What a notification means; None for one of an unknown kind."""
    if method != "session/update":
        return None
    update = object_of(params, "update")
    match update.get("sessionUpdate"):
        case "agent_message_chunk":
            return _said(update)
        case "tool_call":
            return (Intent(text_of(update.get("title")), _locations(update)),)
        case "tool_call_update":
            if update.get("status") != "failed":
                return ()
            return (Progress(f"a tool failed: {_content(update)}"),)
        case str(kind) if kind in _QUIET:
            return ()
        case _:
            return None


def _said(update: Message) -> Events:
    events: list[AgentEvent] = []
    text = text_of(object_of(update, "content").get("text"))
    if text:
        events.append(Progress(text))
    step = object_of(update, "_meta", "usage")
    if step:
        events.append(Spending(_usage(step), is_total=False))
    return events


def _content(update: Message) -> str:
    parts = (object_of(part, "content") for part in objects_of(update.get("content")))
    return next((text for part in parts if (text := text_of(part.get("text")))), "")


def _usage(usage: Message) -> Usage:
    """Some count thoughts in their output and some beside it; the total tells."""
    read_tokens = count_of(usage.get("inputTokens"))
    written = count_of(usage.get("outputTokens"))
    return Usage(
        prompt_tokens=read_tokens,
        cached_tokens=count_of(usage.get("cachedReadTokens")),
        completion_tokens=max(written, count_of(usage.get("totalTokens")) - read_tokens),
        reasoning_tokens=count_of(usage.get("thoughtTokens")),
    )


def turn_ended(answer: Message) -> Events:
    """What the answer to a prompt says: how the turn ended, and what it cost."""
    events: list[AgentEvent] = []
    usage = object_of(answer, "usage")
    counted = object_of(answer, "_meta", "quota", "token_count")
    if usage:
        events.append(Spending(_usage(usage), is_total=False))
    elif counted:
        read_tokens = count_of(counted.get("input_tokens"))
        written = count_of(counted.get("output_tokens"))
        spent = Usage(prompt_tokens=read_tokens, completion_tokens=written)
        events.append(Spending(spent, is_total=False))
    stop = text_of(answer.get("stopReason"))
    if stop == "end_turn":
        events.append(Result(ok=True))
    else:
        events.append(Failure(f"its turn ended as {stop or 'nobody knows what'}", final=True))
    return events


def written_paths(tool_call: Message) -> tuple[str, ...] | None:
    """The files that a tool is about to write; None where it writes none.

    Empty where it writes something that it does not name.
    """
    diffs = [part for part in objects_of(tool_call.get("content")) if part.get("type") == "diff"]
    if tool_call.get("kind") not in _WRITING and not diffs:
        return None
    return tuple(
        dict.fromkeys((*paths_of(*(diff.get("path") for diff in diffs)), *_locations(tool_call)))
    )


def only_reads(tool_call: Message) -> bool:
    """Whether a tool says that it changes nothing."""
    return tool_call.get("kind") in _READING


def _locations(call: Message) -> tuple[str, ...]:
    return paths_of(*(each.get("path") for each in objects_of(call.get("locations"))))
