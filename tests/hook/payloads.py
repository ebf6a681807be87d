"""Hook payloads for tests: recorded ones, documented ones, and such as are made to order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[1] / "providers" / "fixtures" / "hooks"


def recorded(name: str) -> list[dict[str, Any]]:
    """The payloads of a fixture, in the order in which they came."""
    lines = (FIXTURES / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def write_call(provider: str, session: str, directory: Path | str, *paths: str) -> dict[str, Any]:
    """The payload before a tool of a provider writes these files; only Codex takes several."""
    where = str(directory)
    if provider == "antigravity":
        call = {"name": "replace_file_content", "args": {"TargetFile": paths[0]}}
        return {"conversationId": session, "workspacePaths": [where], "toolCall": call}
    event, tool, arguments = {
        "codex": ("PreToolUse", "apply_patch", {"command": patch(*paths)}),
        "claude_code": ("PreToolUse", "Edit", {"file_path": paths[0]}),
        "gemini": ("BeforeTool", "replace", {"file_path": paths[0]}),
        "qwen": ("PreToolUse", "edit", {"file_path": paths[0]}),
    }[provider]
    return {
        "session_id": session,
        "cwd": where,
        "hook_event_name": event,
        "tool_name": tool,
        "tool_input": arguments,
    }


def moment(event: str, session: str, directory: Path | str, **more: Any) -> dict[str, Any]:
    """The payload of an event that is no tool's start."""
    return {"session_id": session, "cwd": str(directory), "hook_event_name": event, **more}


def patch(*paths: str) -> str:
    """An `apply_patch` text that updates files."""
    hunks = "".join(f"*** Update File: {path}\n@@\n-old\n+new\n" for path in paths)
    return f"*** Begin Patch\n{hunks}*** End Patch\n"
