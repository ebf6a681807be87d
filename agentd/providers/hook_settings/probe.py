"""Runs an installed hook as the vendor's program would, and says what it answered.

The line from the settings file is run, with a payload in the vendor's dialect, once for a file that
somebody holds and once for one that is nobody's: a hook that refuses everything guards nothing
either.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TIMEOUT_SECS: Final = 10.0
"""As installed."""
_SESSION_VARIABLES: Final = ("SESSION_ID", "WORKTREE", "BRANCH", "TASK", "INTENT")
_OUTPUT_CHARS_MAX: Final = 600
_BEFORE_TOOL: Final = ("PreToolUse", "BeforeTool")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a hook said to one payload."""

    refused: bool
    text: str
    """The reason, or whatever else it wrote."""
    seconds: float


def lines_before_tools(groups: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """The command lines that our groups run before a tool, each once."""
    return tuple(
        dict.fromkeys(
            hook["command"]
            for event in _BEFORE_TOOL
            for group in groups.get(event, ())
            for hook in group.get("hooks", (group,))
        )
    )


def edit_payload(provider: str, session: str, directory: Path, path: Path) -> dict[str, Any]:
    """What a vendor's program says before it edits a file."""
    if provider == "antigravity":
        call = {"name": "replace_file_content", "args": {"TargetFile": str(path)}}
        return {
            "conversationId": session,
            "workspacePaths": [str(directory)],
            "toolCall": call,
            "stepIdx": 0,
        }
    patch = f"*** Begin Patch\n*** Update File: {path}\n@@\n-a\n+b\n*** End Patch\n"
    event, tool, arguments = {
        "codex": ("PreToolUse", "apply_patch", {"command": patch}),
        "claude_code": ("PreToolUse", "Edit", {"file_path": str(path)}),
        "gemini": ("BeforeTool", "replace", {"file_path": str(path)}),
        "qwen": ("PreToolUse", "edit", {"file_path": str(path)}),
    }[provider]
    return {
        "session_id": session,
        "cwd": str(directory),
        "hook_event_name": event,
        "tool_name": tool,
        "tool_input": arguments,
    }


def unsupervised(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of an agent that its user starts by hand."""
    gone = {f"AGENTD_{name}" for name in _SESSION_VARIABLES}
    return {name: value for name, value in environment.items() if name not in gone}


def ask(
    line: str, payload: Mapping[str, Any], directory: Path, environment: Mapping[str, str]
) -> Answered:
    """Runs a command line by a shell with a payload, in a directory."""
    started = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", line],
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(json.dumps(payload).encode(), timeout=TIMEOUT_SECS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Answered(
            refused=False, text=f"no answer within {TIMEOUT_SECS:.0f} s", seconds=TIMEOUT_SECS
        )
    seconds = time.monotonic() - started
    texts = (out.decode(errors="replace"), err.decode(errors="replace"))
    return _answer(process.returncode, *texts, seconds)


def _answer(status: int, out: str, err: str, seconds: float) -> Answered:
    if status == 2:
        return Answered(refused=True, text=err.strip()[:_OUTPUT_CHARS_MAX], seconds=seconds)
    try:
        said = dict(_flat(json.loads(out))) if out.strip() else {}
    except ValueError:
        said = {}
    decision = said.get("permissionDecision") or said.get("decision")
    reason = said.get("permissionDecisionReason") or said.get("reason") or said.get("systemMessage")
    refused = status == 0 and decision == "deny" and bool(reason)
    text = str(reason or err.strip() or out.strip() or f"exit code {status}, no output")
    return Answered(refused, text[:_OUTPUT_CHARS_MAX], seconds)


def _flat(value: Any) -> Iterator[tuple[str, Any]]:
    """The members of an object and of the objects in it."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key, each
            yield from _flat(each)
