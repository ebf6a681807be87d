"""Gemini CLI: how it is started, and what `--output-format stream-json` writes.

Measured with 0.61.0. It ends with exit code 0 after a signal, too, then without a `result`.
"""

from __future__ import annotations

import re
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
from agentd.providers.json_values import Message, count_of, object_of, paths_of, text_of, valid

# With the second process that it would start, a signal to the first does nothing.
_ENVIRONMENT: Final = {"GEMINI_CLI_NO_RELAUNCH": "true", "TERM": "xterm-256color"}
_NOT_ALLOWED: Final = frozenset({"policy_violation", "tool_not_registered"})
_ATTEMPT: Final = re.compile(r"Attempt \d+ failed with status (\d+)")
_MESSAGE: Final = re.compile(r'^\s*"message": "(.+)",?$')
_PATH_KEYS: Final = ("file_path", "path")


def read(message: Message) -> Events | None:
    """What a line of its output means."""
    match message.get("type"):
        case "init":
            conversation = text_of(message.get("session_id"))
            return (Began(conversation, text_of(message.get("model"))),)
        case "message":
            text = text_of(message.get("content"))
            return (Progress(text),) if text and message.get("role") == "assistant" else ()
        case "tool_use":
            return (_intent(message),)
        case "tool_result":
            return _tool_result(message)
        case "error":
            final = message.get("severity") != "warning"
            return (Failure(text_of(message.get("message")) or "it gives no reason", final),)
        case "result":
            return _result(message)
        case _:
            return None


def _intent(message: Message) -> Intent:
    values = object_of(message, "parameters")
    paths = paths_of(*(values.get(key) for key in _PATH_KEYS))
    what = text_of(values.get("command")) or ", ".join(paths)
    tool = text_of(message.get("tool_name"))
    return Intent(f"{tool}: {what}" if what else tool, paths)


def _tool_result(message: Message) -> Events:
    if message.get("status") != "error":
        return ()
    error = object_of(message, "error")
    text = text_of(error.get("message")) or text_of(message.get("output"))
    if error.get("type") in _NOT_ALLOWED:
        return (Refusal(text),)
    return (Progress(f"a tool failed: {text}"),)


def _result(message: Message) -> Events:
    spending = _spending(object_of(message, "stats"))
    if message.get("status") == "success":
        return (spending, Result(ok=True))
    error = text_of(object_of(message, "error").get("message")) or "it gives no reason"
    return (spending, Failure(error, final=True))


def _spending(stats: Message) -> Spending:
    usage = Usage(
        prompt_tokens=count_of(stats.get("input_tokens")),
        cached_tokens=count_of(stats.get("cached")),
        completion_tokens=count_of(stats.get("output_tokens")),
    )
    models = [text_of(name, 200) for name in object_of(stats, "models")]
    return Spending(usage, model=models[0] if len(models) == 1 else "")


def read_error(line: str) -> Events:
    """What it says on its standard error alone: that it waits, and why it did not start."""
    line = valid(line)
    if found := _ATTEMPT.search(line):
        return (Failure(f"tries again after status {found[1]}", final=False),)
    if found := _MESSAGE.match(line):
        return (Failure(text_of(found[1]), final=False),)
    return ()


def _headless(assignment: Assignment) -> Launch:
    mode = "yolo" if assignment.allow_shell else "auto_edit"
    return Launch(
        arguments=(
            f"--prompt={assignment.prompt}",
            *("--output-format", "stream-json", "--approval-mode", mode, "--skip-trust"),
        ),
        environment=_ENVIRONMENT,
    )


def _acp(_: Assignment) -> Launch:
    return Launch(arguments=("--acp", "--skip-trust"), environment=_ENVIRONMENT)


def _interactive(assignment: Assignment) -> Launch:
    prompt = (f"--prompt-interactive={assignment.prompt}",) if assignment.prompt else ()
    return Launch(arguments=prompt, environment={"GEMINI_CLI_NO_RELAUNCH": "true"})


ADAPTER: Final = Adapter(
    name="gemini",
    title="Gemini CLI",
    program="gemini",
    ways=(
        Way(
            transport=Transport.ACP,
            launch=_acp,
            enforcement=Enforcement.GUARDED,
            why="it asks before every edit, and has us write its files",
        ),
        Way(
            transport=Transport.LINES,
            launch=_headless,
            enforcement=Enforcement.ADVISORY,
            why="guarded only where `agentd-coord hooks install gemini` has put our hook into its "
            "settings",
        ),
    ),
    interactive=_interactive,
    read=read,
    read_error=read_error,
    log_in="run `gemini` and choose how to log in, or set GEMINI_API_KEY",
)
