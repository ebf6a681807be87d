"""Claude Code's `stream-json`, which Qwen Code writes, too.

Pure. What a run was not allowed to do stands in its last message, as `permission_denials`: a run
can end with `subtype: success` and exit code 0 and have written nothing.
"""

from __future__ import annotations

from typing import Final

from agentd.providers.agent_events import (
    AgentEvent,
    Began,
    Events,
    Failure,
    Intent,
    Progress,
    Refusal,
    Result,
    Spending,
)
from agentd.providers.completion import Usage
from agentd.providers.json_values import (
    Message,
    count_of,
    money_of,
    object_of,
    objects_of,
    paths_of,
    text_of,
    texts_of,
)

_PATH_KEYS: Final = ("file_path", "notebook_path", "path")
_QUIET_SYSTEM: Final = frozenset({"status", "compact_boundary", "hook_started", "hook_response"})


def read(message: Message) -> Events | None:
    """What a line of `--output-format stream-json` means."""
    match message.get("type"):
        case "system":
            return _system(message)
        case "assistant":
            return _said(object_of(message, "message"))
        case "user":
            return _answered(object_of(message, "message"))
        case "result":
            return _result(message)
        case "rate_limit_event":
            return _rate_limit(object_of(message, "rate_limit_info"))
        case "stream_event" | "tool_progress":
            return ()
        case _:
            return None


def _system(message: Message) -> Events | None:
    match message.get("subtype"):
        case "init":
            conversation = text_of(message.get("session_id"))
            return (Began(conversation, text_of(message.get("model"))),)
        case "api_retry":
            why = text_of(message.get("error")) or "its server did not answer"
            return (Failure(f"tries again: {why}", final=False),)
        case str(subtype) if subtype in _QUIET_SYSTEM:
            return ()
        case _:
            return None


def _rate_limit(info: Message) -> Events:
    """Not documented, but in its SDK's types. It goes on by itself where it may."""
    status = text_of(info.get("status"))
    if status not in ("rejected", "allowed_warning"):
        return ()
    kind = text_of(info.get("rateLimitType")) or "no kind given"
    return (Failure(f"rate limit: {status} ({kind})", final=False),)


def _said(message: Message) -> Events:
    events: list[AgentEvent] = []
    for part in objects_of(message.get("content")):
        if part.get("type") == "text" and (text := text_of(part.get("text"))):
            events.append(Progress(text))
        elif part.get("type") == "tool_use":
            events.append(_intent(text_of(part.get("name")), object_of(part, "input")))
    return events


def _intent(tool: str, values: Message) -> Intent:
    paths = paths_of(*(values.get(key) for key in _PATH_KEYS))
    what = text_of(values.get("command")) or ", ".join(paths)
    return Intent(f"{tool}: {what}" if what else tool, paths)


def _answered(message: Message) -> Events:
    """What tools said. A failing test is a failing tool, too, so an error here is no refusal."""
    return [
        Progress(f"a tool failed: {text_of(part.get('content'))}")
        for part in objects_of(message.get("content"))
        if part.get("type") == "tool_result" and part.get("is_error") is True
    ]


def _result(message: Message) -> Events:
    text = text_of(message.get("result"))
    ok = message.get("is_error") is False and message.get("subtype") == "success"
    denials = objects_of(message.get("permission_denials"))
    refusals = [_denial(denial) for denial in denials]
    if not ok:
        said = "; ".join(texts_of(message.get("errors")))
        text = text or said or text_of(message.get("subtype")) or "it gives no reason"
    return [_spending(message), *refusals, Result(ok, text)]


def _denial(denial: Message) -> Refusal:
    intent = _intent(text_of(denial.get("tool_name")), object_of(denial, "tool_input"))
    return Refusal(f"was not allowed {intent.text}", intent.paths)


def _spending(message: Message) -> Spending:
    usage = object_of(message, "usage")
    cached = count_of(usage.get("cache_read_input_tokens"))
    # Claude Code counts what is cached apart from the rest; with Qwen Code it is a part of it.
    fresh = count_of(usage.get("input_tokens")) + count_of(usage.get("cache_creation_input_tokens"))
    return Spending(
        Usage(
            prompt_tokens=fresh if "total_tokens" in usage else fresh + cached,
            cached_tokens=cached,
            completion_tokens=count_of(usage.get("output_tokens")),
        ),
        money_of(message.get("total_cost_usd")),
    )
