"""What an agent's program says of its version."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from agentd.providers.adapter import Agent

_SECS_MAX: Final = 20.0
_CHARS_MAX: Final = 80


def version_of(agent: Agent, command: Sequence[str], variables: Mapping[str, str]) -> str:
    """The first line that the agent's program prints when it is asked; empty where it says nothing.

    `command` is where its program was found, with the arguments that it needs to be itself. It may
    take seconds.
    """
    if not agent.adapter.version_arguments:
        return ""
    try:
        done = subprocess.run(
            [*command, *agent.adapter.version_arguments],
            env={**variables, **agent.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECS_MAX,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0][:_CHARS_MAX] if lines and done.returncode == 0 else ""
