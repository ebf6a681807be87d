"""Antigravity's `agy`: how it is started, and what it writes. From what others report of 1.2.12.

It was never run. Without a terminal it cannot ask: what it is not allowed to do it leaves out, says
`SUCCESS` and ends with exit code 0; only `denied_actions` has it.
"""

from __future__ import annotations

from typing import Final

from agentd.providers.adapter import Adapter, Assignment, Enforcement, Launch, Transport, Way
from agentd.providers.agent_events import (
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

_PATH_KEYS: Final = ("TargetFile", "AbsolutePath", "file_path", "path")
_DENIED_MAX: Final = 200


def read(message: Message) -> Events | None:
    """What a line of `--output-format stream-json` means."""
    match message.get("event"):
        case "init":
            conversation = text_of(message.get("conversation_id"))
            return (Began(conversation, text_of(object_of(message, "init").get("model"))),)
        case "step_update":
            return _step(object_of(message, "step_update"))
        case "result":
            return _result(object_of(message, "result"))
        case "error":
            error = object_of(message, "error")
            text = text_of(error.get("message")) or text_of(message.get("error"))
            return (Failure(text or "it gives no reason", final=True),)
        case _:
            return None


def _step(step: Message) -> Events:
    tool = text_of(step.get("tool_name"))
    if tool and step.get("state") in ("STARTED", "started", "RUNNING", "running", None):
        values = object_of(step, "tool_info", "args") or object_of(step, "tool_info")
        paths = paths_of(*(values.get(key) for key in _PATH_KEYS))
        what = text_of(values.get("CommandLine")) or ", ".join(paths)
        return (Intent(f"{tool}: {what}" if what else tool, paths),)
    text = text_of(step.get("text_delta"))
    return (Progress(text),) if text else ()


def _result(result: Message) -> Events:
    usage = object_of(result, "usage")
    thinking = count_of(usage.get("thinking_tokens"))
    spending = Spending(
        Usage(
            prompt_tokens=count_of(usage.get("input_tokens")),
            cached_tokens=count_of(usage.get("cache_read_tokens")),
            completion_tokens=count_of(usage.get("output_tokens")) + thinking,
            reasoning_tokens=thinking,
        )
    )
    denied = result.get("denied_actions")
    actions = denied[:_DENIED_MAX] if isinstance(denied, list) else [denied] if denied else []
    refusals = [Refusal(f"was not allowed {_action(action)}") for action in actions]
    ok = result.get("status") == "SUCCESS"
    text = text_of(result.get("response"))
    return [spending, *refusals, Result(ok, text if ok else text_of(result.get("status")) or text)]


def _action(action: object) -> str:
    """An action as a text; what shape it has is not documented."""
    named = object_of(action)
    for key in ("action", "tool_name", "name"):
        if text := text_of(named.get(key)):
            return text
    return text_of(action) or "an action"


def _headless(assignment: Assignment) -> Launch:
    return Launch(
        arguments=(
            *("-p", assignment.prompt, "--output-format", "stream-json"),
            *("--print-timeout", "60m", "--mode", "accept-edits"),
        )
    )


ADAPTER: Final = Adapter(
    name="antigravity",
    title="Antigravity CLI",
    program="agy",
    ways=(
        Way(
            transport=Transport.LINES,
            launch=_headless,
            enforcement=Enforcement.ADVISORY,
            why="never run here; guarded only where `agentd-coord hooks install antigravity` has "
            "put our hook beside its settings, and its versions differ in whether they run it",
        ),
    ),
    read=read,
    log_in="run `agy` and log in",
)
