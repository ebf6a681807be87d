"""DeepSeek's agent for `agentd-coord run`: our own program, and what it writes."""

from __future__ import annotations

from typing import Final

from agentd.providers.adapter import Adapter, Assignment, Enforcement, Launch, Transport, Way
from agentd.providers.agent_events import (
    Attention,
    AttentionLevel,
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
from agentd.providers.json_values import Message, count_of, object_of, paths_of, text_of


def read(message: Message) -> Events | None:
    """What a line of its output means."""
    text, paths = text_of(message.get("text")), paths_of(message.get("path"))
    match message.get("type"):
        case "began":
            return (Began(model=text_of(message.get("model"))),)
        case "said":
            return (Progress(text),) if text else ()
        case "intent":
            return (Intent(f"edit {', '.join(paths)}", paths),)
        case "edited":
            return (Progress(f"edited {', '.join(paths)}", paths),)
        case "refused":
            return (Refusal(text, paths),)
        case "notice":
            return (Attention(AttentionLevel.NOTICE, text),)
        case "usage":
            return (_spending(message),)
        case "result":
            return (Result(ok=True, text=text),)
        case "error":
            return (Failure(text or "it gives no reason", final=True),)
        case _:
            return None


def _spending(message: Message) -> Spending:
    usage = object_of(message, "usage")
    return Spending(
        Usage(
            prompt_tokens=count_of(usage.get("prompt_tokens")),
            cached_tokens=count_of(usage.get("cached_tokens")),
            completion_tokens=count_of(usage.get("completion_tokens")),
            reasoning_tokens=count_of(usage.get("reasoning_tokens")),
        ),
        model=text_of(message.get("model")),
        is_total=False,
    )


def _headless(assignment: Assignment) -> Launch:
    return Launch(stdin=assignment.prompt.encode("utf-8", "replace"))


ADAPTER: Final = Adapter(
    name="deepseek",
    title="DeepSeek (agentd's own agent)",
    program="agentd-deepseek",
    ways=(
        Way(
            transport=Transport.LINES,
            launch=_headless,
            enforcement=Enforcement.GUARDED,
            why="it locks each file before it writes it, and has no shell",
        ),
    ),
    read=read,
    locks_itself=True,
    version_arguments=(),
    log_in="set DEEPSEEK_API_KEY in the environment or in the env file",
)
