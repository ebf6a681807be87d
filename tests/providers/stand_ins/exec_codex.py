"""Codex as `codex exec --json` runs it, and its app server as far as it tells of hooks.

    exec_codex.py STEPS.json … exec …        plays the steps: lines for its standard output
    exec_codex.py STEPS.json … app-server    answers hooks/list from its `-c` options

STEPS is a list of objects to print; one {"trust": status} tells how far the hooks are trusted, and
with {"trust": null} nothing is answered.
"""

from __future__ import annotations

import json
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any


def hooks_of(arguments: list[str], status: str) -> list[dict[str, Any]]:
    """The hooks that the options give it."""
    texts = [text for flag, text in pairwise(arguments) if flag == "-c"]
    given = tomllib.loads("\n".join(text for text in texts if text.startswith("hooks.PreToolUse")))
    return [
        {
            "key": "/<session-flags>/config.toml:pre_tool_use:0:0",
            "eventName": "preToolUse",
            "command": hook["command"],
            "trustStatus": status,
            "enabled": True,
        }
        for group in given.get("hooks", {}).get("PreToolUse", [])
        for hook in group["hooks"]
    ]


def say(message: dict[str, Any]) -> None:
    """Writes a line."""
    sys.stdout.write(f"{json.dumps(message)}\n")
    sys.stdout.flush()


def main() -> None:
    """Does as its arguments say."""
    path, *arguments = sys.argv[1:]
    steps = json.loads(Path(path).read_text())
    trust = next((step["trust"] for step in steps if "trust" in step), "trusted")
    if arguments[-1] != "app-server":
        for step in steps:
            if "trust" not in step:
                say(step)
        return
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("method") == "hooks/list" and trust is not None:
            found = {"data": [{"hooks": hooks_of(arguments, trust)}]}
            say({"id": message["id"], "result": found})
        elif message.get("method") == "hooks/list":
            return


if __name__ == "__main__":
    main()
