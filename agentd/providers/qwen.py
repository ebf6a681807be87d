"""Qwen Code: how it is started. It writes Claude Code's dialect. Measured with 0.15.10."""

from __future__ import annotations

from typing import Final

from agentd.providers.adapter import Adapter, Assignment, Enforcement, Launch, Transport, Way
from agentd.providers.claude_stream import read


def _headless(assignment: Assignment) -> Launch:
    mode = "yolo" if assignment.allow_shell else "auto-edit"
    return Launch(
        arguments=(
            f"--prompt={assignment.prompt}",
            *("--output-format", "stream-json", "--approval-mode", mode),
        )
    )


def _interactive(assignment: Assignment) -> Launch:
    prompt = (f"--prompt-interactive={assignment.prompt}",) if assignment.prompt else ()
    return Launch(arguments=prompt)


def _acp(_: Assignment) -> Launch:
    return Launch(arguments=("--acp",))


ADAPTER: Final = Adapter(
    name="qwen",
    title="Qwen Code",
    program="qwen",
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
            why="guarded only where `agentd-coord hooks install qwen` has put our hook into its "
            "settings",
        ),
    ),
    interactive=_interactive,
    read=read,
    log_in="run `qwen` and choose how to log in, or add --auth-type to its `args`",
)
