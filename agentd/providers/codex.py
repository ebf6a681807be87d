"""Codex CLI: how it is started, and what `codex exec --json` writes.

Measured with 0.169.0. Its JSON says nothing of an edit that was refused or that failed: that stands
on its standard error alone. An `error` is not always final, and an exit code of 0 says little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from agentd.providers.adapter import (
    Adapter,
    Agent,
    Assignment,
    Enforcement,
    Launch,
    Transport,
    Way,
)
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
from agentd.providers.codex_hooks import hook_options
from agentd.providers.completion import Usage
from agentd.providers.json_values import (
    Message,
    count_of,
    object_of,
    objects_of,
    paths_of,
    text_of,
    valid,
)

# The agent's shell would have the whole environment, keys included.
_SHELL_OPTIONS: Final = ("-c", 'shell_environment_policy.exclude=["*_API_KEY","AGENTD_LEASE*"]')
_ROUTER: Final = re.compile(r"\bERROR codex_core::tools::router: error=(.+)")
_NOT_ALLOWED: Final = re.compile(r"\bblocked by\b|\brejected\b|\bapproval\b")
"""Anything else that a tool complains of (a patch that does not fit) is its model's to mend."""
_RETRYING: Final = "Reconnecting..."


def read(message: Message) -> Events | None:
    """What a line of `codex exec --json` means."""
    match message.get("type"):
        case "thread.started":
            return (Began(text_of(message.get("thread_id"))),)
        case "turn.started" | "item.updated":
            return ()
        case "item.started":
            return _started(object_of(message, "item"))
        case "item.completed":
            return _completed(object_of(message, "item"))
        case "turn.completed":
            return (_spending(object_of(message, "usage")), Result(ok=True))
        case "turn.failed":
            return (Failure(_failure(object_of(message, "error")), final=True),)
        case "error":
            text = _failure(message)
            return (Failure(text, final=not text.startswith(_RETRYING)),)
        case _:
            return None


def _started(item: Message) -> Events | None:
    match item.get("type"):
        case "file_change":
            paths = _paths(item)
            return (Intent(f"changes {', '.join(paths)}", paths),)
        case "command_execution":
            return (Intent(f"runs {text_of(item.get('command'))}"),)
        case "mcp_tool_call":
            return (Intent(f"calls {_tool(item)}"),)
        case "todo_list" | "plan" | "web_search" | "collab_tool_call" | "agent_message":
            return ()
        case "reasoning" | "error":
            return ()
        case _:
            return None


def _completed(item: Message) -> Events | None:
    status = text_of(item.get("status"))
    match item.get("type"):
        case "agent_message":
            return (Progress(text_of(item.get("text"))),)
        case "file_change":
            paths = _paths(item)
            if status == "completed":
                return (Progress(f"changed {', '.join(paths)}", paths),)
            return (Refusal(f"did not change {', '.join(paths)} ({status})", paths),)
        case "command_execution":
            code = item.get("exit_code")
            return (Progress(f"ran {text_of(item.get('command'))} (exit code {code})"),)
        case "mcp_tool_call":
            return _called(item, status)
        case "error":
            return (Failure(_failure(item), final=False),)
        case "reasoning" | "todo_list" | "plan" | "web_search" | "collab_tool_call":
            return ()
        case _:
            return None


def _called(item: Message, status: str) -> Events:
    why = text_of(object_of(item, "error").get("message"))
    if status != "failed":
        return (Progress(f"called {_tool(item)}"),)
    text = f"{_tool(item)}: {why}" if why else f"{_tool(item)} failed"
    return (Refusal(text) if _NOT_ALLOWED.search(why) else Progress(text),)


def _tool(item: Message) -> str:
    return f"{text_of(item.get('server'))}/{text_of(item.get('tool'))}"


def _paths(item: Message) -> tuple[str, ...]:
    return paths_of(*(change.get("path") for change in objects_of(item.get("changes"))))


def _failure(said: Message) -> str:
    return text_of(said.get("message")) or "it gives no reason"


def _spending(usage: Message) -> Spending:
    return Spending(
        Usage(
            prompt_tokens=count_of(usage.get("input_tokens")),
            cached_tokens=count_of(usage.get("cached_input_tokens")),
            completion_tokens=count_of(usage.get("output_tokens")),
            reasoning_tokens=count_of(usage.get("reasoning_output_tokens")),
        )
    )


def read_error(line: str) -> Events:
    """What a line on its standard error says about a tool that was not allowed, or failed."""
    found = _ROUTER.search(line)
    if found is None:
        return ()
    # After the reason follows the command, which is as long as the patch.
    text = text_of(valid(found[1]).partition(" Command: ")[0].strip())
    return (Refusal(text) if _NOT_ALLOWED.search(text) else Progress(f"a tool failed: {text}"),)


def _exec(assignment: Assignment) -> Launch:
    """The prompt comes on standard input, where no text of it can be taken for an option."""
    sandbox = "danger-full-access" if assignment.allow_shell else "workspace-write"
    return Launch(
        arguments=(
            *("exec", "--json", "--sandbox", sandbox, "--cd", str(assignment.worktree)),
            # Without it, a server that is not there is waited for for ever.
            *("--disable", "unbounded_connection_retries"),
            *_SHELL_OPTIONS,
            *hook_options(assignment.hook),
            "-",
        ),
        stdin=assignment.prompt.encode("utf-8", "replace"),
    )


def _hook_out_of_force(agent: Agent, assignment: Assignment, environment: Mapping[str, str]) -> str:
    """Codex skips a hook that it does not trust without a word, so it is asked beforehand."""
    from agentd.providers.hook_settings.codex_says import CodexSilent, trust_of_our_hooks

    if assignment.hook is None:
        return "it is given no hook"
    command = [*agent.command, *hook_options(assignment.hook)]
    try:
        runs = trust_of_our_hooks(command, assignment.worktree, environment)
    except CodexSilent as error:
        return f"Codex does not say whether it runs the hook: {error}"
    if any(runs.values()):
        return ""
    return (
        "Codex would skip the hook: it does not trust it" if runs else "Codex has no hook of ours"
    )


def _app_server(_: Assignment) -> Launch:
    return Launch(arguments=("app-server", *_SHELL_OPTIONS))


def _interactive(assignment: Assignment) -> Launch:
    """Without `--no-daemon` it would leave a server behind that outlives its session."""
    return Launch(
        arguments=(
            *("--no-daemon", "--cd", str(assignment.worktree)),
            *("-c", "tui.notifications=true", "-c", 'tui.notification_method="osc9"'),
            *("-c", 'tui.notification_condition="always"'),
            *_SHELL_OPTIONS,
            *hook_options(assignment.hook),
            *(("--", assignment.prompt) if assignment.prompt else ()),
        )
    )


ADAPTER: Final = Adapter(
    name="codex",
    title="Codex CLI",
    program="codex",
    ways=(
        Way(
            transport=Transport.APP_SERVER,
            launch=_app_server,
            enforcement=Enforcement.GUARDED,
            why="its sandbox is read-only, and every change of a file waits for our approval",
        ),
        Way(
            transport=Transport.LINES,
            launch=_exec,
            enforcement=Enforcement.GUARDED,
            why="a hook for this session alone answers before every patch; shell commands that "
            "write are not seen",
            out_of_force=_hook_out_of_force,
        ),
    ),
    interactive=_interactive,
    takes_hook=True,
    read=read,
    read_error=read_error,
    log_in="run `codex login`, or set the key that its configuration names",
)
