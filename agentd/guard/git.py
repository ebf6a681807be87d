"""Asks the user's own git, with his configuration: it is he who commits."""

from __future__ import annotations

import subprocess
from typing import Final

from agentd.hook.ending import HookTrouble

_SECS_MAX: Final = 30.0


def ask(*arguments: str, at: str | None = None, may_fail: bool = False) -> bytes:
    """The output of a git command; nothing of one that failed and may. Raises `HookTrouble`."""
    try:
        done = subprocess.run(
            ("git", "-c", "core.fsmonitor=false", *arguments),
            cwd=at,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECS_MAX,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise HookTrouble(f"git cannot be asked: {error}") from None
    if done.returncode and not may_fail:
        said = done.stderr.decode(errors="replace").strip()
        raise HookTrouble(f"git does not answer: {said}")
    return b"" if done.returncode else done.stdout
