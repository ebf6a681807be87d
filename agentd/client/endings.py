"""How a call ends that the daemon does not answer, and how long it may take: for both clients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agentd.errors import Unavailable

TIMEOUT_SECS_DEFAULT: Final = 30.0
_TOO_LONG: Final = "AF_UNIX path too long"
"""What Python says of it; no system call fails, so there is no errno."""


def seconds_allowed(params: Mapping[str, Any], timeout_secs: float) -> float:
    """How long an answer may take: a call that waits gets its `wait_secs` on top."""
    wait_secs = params.get("wait_secs")
    if isinstance(wait_secs, int | float) and wait_secs > 0:
        return timeout_secs + wait_secs
    return timeout_secs


def daemon_unreachable(socket_path: Path, why: OSError) -> Unavailable:
    """Nobody could be connected to."""
    reason = why.strerror or str(why)
    if reason == _TOO_LONG:
        return Unavailable(
            "daemon_unreachable",
            f"no daemon can listen on {socket_path}: the path is longer than the system takes",
            hint="Set AGENTD_SOCKET_PATH, or AGENTD_HOME, to a shorter path.",
            path=str(socket_path),
        )
    return Unavailable(
        "daemon_unreachable",
        f"no daemon answers on {socket_path}: {reason[:1].lower()}{reason[1:]}",
        path=str(socket_path),
    )


def connection_lost(method: str, why: str) -> Unavailable:
    """The connection ended with the call unanswered."""
    return Unavailable("connection_lost", f"the connection ended during {method}: {why}")


def no_answer(method: str, allowed_secs: float) -> Unavailable:
    """The answer took too long."""
    return Unavailable("no_answer", f"no answer to {method} within {allowed_secs:g} seconds")
