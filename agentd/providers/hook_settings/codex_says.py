"""Asks Codex itself which hooks it would run: how it comes to trust one is its own affair."""

from __future__ import annotations

import json
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from agentd.providers.hook_settings.hook_command import is_ours

_PATIENCE_SECS: Final = 15.0
_ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
_ID: Final = 2


class CodexSilent(Exception):
    """Codex did not say. The message says why."""


def trust_of_our_hooks(
    command: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> dict[str, bool]:
    """Of each of our hooks that Codex has before a tool in a directory, whether it runs it.

    By Codex's key. Raises `CodexSilent`.
    """
    answer = _hooks_list([*command, "app-server"], directory, environment)
    try:
        hooks = [hook for place in answer["result"]["data"] for hook in place["hooks"]]
        return {
            str(hook["key"]): hook["trustStatus"] in ("trusted", "managed") and hook["enabled"]
            for hook in hooks
            if is_ours(hook.get("command")) and hook["eventName"] == "preToolUse"
        }
    except (KeyError, TypeError):
        raise CodexSilent("it answers hooks/list in another form") from None


def _hooks_list(
    command: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> dict[str, Any]:
    client = {"name": "agentd", "title": None, "version": "0"}
    messages = [
        {"id": 1, "method": "initialize", "params": {"clientInfo": client, "capabilities": None}},
        {"method": "initialized"},
        {"id": _ID, "method": "hooks/list", "params": {"cwds": [str(directory)]}},
    ]
    try:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise CodexSilent(f"it cannot be started ({error.strerror})") from None
    try:
        return _conversation(process, "".join(f"{json.dumps(each)}\n" for each in messages))
    finally:
        process.kill()
        process.communicate()


def _conversation(process: subprocess.Popen[bytes], said: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    deadline = time.monotonic() + _PATIENCE_SECS
    received = bytearray()
    try:
        process.stdin.write(said.encode())
        process.stdin.flush()
    except OSError:
        raise CodexSilent("its app-server ends at once") from None
    while len(received) < _ANSWER_BYTES_MAX:
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        data = process.stdout.read1(65_536) if ready else b""  # type: ignore[attr-defined]
        if not data:
            raise CodexSilent("its app-server does not answer hooks/list")
        received += data
        *lines, rest = bytes(received).split(b"\n")
        received = bytearray(rest)
        for line in lines:
            if (answer := _message(line)).get("id") == _ID:
                return answer
    raise CodexSilent("its app-server says too much")


def _message(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
