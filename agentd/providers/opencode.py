"""OpenCode: how it is started, and what `opencode run --format json` writes.

Measured with 1.18.33.
"""

from __future__ import annotations

from typing import Final

from agentd.providers.adapter import Adapter, Assignment, Enforcement, Launch, Transport, Way
from agentd.providers.agent_events import Events, Failure, Intent, Progress, Result, Spending
from agentd.providers.completion import Usage
from agentd.providers.json_values import (
    Message,
    count_of,
    money_of,
    object_of,
    paths_of,
    text_of,
)

_ASKING: Final = '{"permission":{"edit":"ask","bash":"ask"}}'
_PATH_KEYS: Final = ("filePath", "path")


def read(message: Message) -> Events | None:
    """What a line of its output means."""
    part = object_of(message, "part")
    match message.get("type"):
        case "step_start" | "reasoning":
            return ()
        case "text":
            text = text_of(part.get("text"))
            return (Progress(text),) if text else ()
        case "tool_use":
            return (_used(part),)
        case "step_finish":
            return _step_finished(part)
        case "error":
            error = object_of(message, "error")
            text = text_of(object_of(error, "data").get("message")) or text_of(error.get("name"))
            return (Failure(text or "it gives no reason", final=True),)
        case _:
            return None


def _used(part: Message) -> Intent | Progress:
    """A tool, of which one hears when it has run."""
    state = object_of(part, "state")
    values = object_of(state, "input")
    paths = paths_of(*(values.get(key) for key in _PATH_KEYS))
    what = text_of(values.get("command")) or ", ".join(paths)
    tool = text_of(part.get("tool"))
    if state.get("status") == "error":
        return Progress(f"a tool failed: {text_of(state.get('error')) or tool}", paths)
    return Progress(f"{tool}: {what}" if what else tool, paths)


def _step_finished(part: Message) -> Events:
    tokens = object_of(part, "tokens")
    reasoning = count_of(tokens.get("reasoning"))
    cached = count_of(object_of(tokens, "cache").get("read"))
    spending = Spending(
        Usage(
            prompt_tokens=count_of(tokens.get("input")) + cached,
            cached_tokens=cached,
            completion_tokens=count_of(tokens.get("output")) + reasoning,
            reasoning_tokens=reasoning,
        ),
        money_of(part.get("cost")),
        is_total=False,
    )
    return (spending, Result(ok=True)) if part.get("reason") == "stop" else (spending,)


def _headless(assignment: Assignment) -> Launch:
    return Launch(arguments=("run", "--format", "json", "--", assignment.prompt))


def _acp(_: Assignment) -> Launch:
    """It asks only where it is configured to; this counts before every file of its user's."""
    return Launch(arguments=("acp",), environment={"OPENCODE_CONFIG_CONTENT": _ASKING})


ADAPTER: Final = Adapter(
    name="opencode",
    title="OpenCode",
    program="opencode",
    ways=(
        Way(
            transport=Transport.ACP,
            launch=_acp,
            enforcement=Enforcement.GUARDED,
            why="it is configured to ask before every edit, and has us write its files",
        ),
        Way(
            transport=Transport.LINES,
            launch=_headless,
            enforcement=Enforcement.NONE,
            why="nothing asks us there",
        ),
    ),
    read=read,
    log_in="run `opencode auth login`",
)
