"""A whole adapter for an agent of your own, whose program writes a JSON object a line.

Put this where Python finds it, and name it in `~/.agentd/config.toml`:

    [agents.mine]
    adapter = "custom_adapter:ADAPTER"

Then `agentd-coord run mine "fix the tests"` starts `my-agent`, follows it, and hands in what it
changed. Run by itself, this file stands in for `my-agent`, too:

    command = "python3"
    args = ["examples/custom_adapter.py"]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from agentd.client.sync_client import Client
from agentd.providers.adapter import Adapter, Assignment, Enforcement, Launch, Transport, Way
from agentd.providers.agent_events import Events, Failure, Intent, Progress, Refusal, Result
from agentd.providers.json_values import Message, paths_of, text_of


def headless(assignment: Assignment) -> Launch:
    """How it is started; it runs in the worktree, with AGENTD_* in its environment."""
    return Launch(stdin=assignment.prompt.encode())


def read(message: Message) -> Events | None:
    """What a line of its output means. The message may be anything: `text_of` and its like never
    fail. None says that the kind is not known; agentd counts such lines and keeps them."""
    text = text_of(message.get("text"))
    match message.get("kind"):
        case "plan":
            return (Intent(text, paths_of(message.get("path"))),)
        case "step":
            return (Progress(text),)
        case "locked":
            return (Refusal(text, paths_of(message.get("path"))),)
        case "error":
            return (Failure(text, final=True),)
        case "done":
            return (Result(ok=True, text=text),)
        case _:
            return None


ADAPTER = Adapter(
    name="mine",
    title="My agent",
    program="my-agent",
    ways=(
        Way(
            transport=Transport.LINES,
            launch=headless,
            enforcement=Enforcement.ADVISORY,
            why="it asks for locks by itself, and nothing makes it",
        ),
    ),
    read=read,
    log_in="set MY_AGENT_KEY",
)


def main() -> None:
    """The agent: it asks for a lock, writes a file, and says so."""
    path, owner = "NOTES.md", os.environ["AGENTD_SESSION_ID"]
    say("plan", f"write {path}", path)
    with Client(os.environ["AGENTD_SOCKET"]) as client:
        lock = client.acquire_resource_lock(
            resource_key=f"file:{path}",
            owner=owner,
            provider=os.environ["AGENTD_PROVIDER"],
            namespace=os.environ["AGENTD_WORKSPACE"],
            metadata={"intent": "take notes"},
        )
    if lock is None:
        say("locked", f"somebody else holds {path}", path)
    else:
        Path(path).write_text(sys.stdin.read() + "\n")
        say("step", f"wrote {path}")
    say("done", "that is all")


def say(kind: str, text: str, path: str = "") -> None:
    """Writes a line of its output."""
    print(json.dumps({"kind": kind, "text": text, "path": path}), flush=True)


if __name__ == "__main__":
    main()
