"""Which processes this one descends from, where the system tells without another process (Linux).

What tells two agents in one checkout apart when no supervisor has named them: each one's hook, the
git that it runs and its MCP server are children of its own program.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

MCP_CLIENT: Final = "mcp_client"
"""In the metadata of a lock that a tool of agentd's MCP server took: the program that ran it."""

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish", "env"})
_GENERATIONS_MAX: Final = 64


class _Process(NamedTuple):
    name: str
    parent: int
    started: str


def ancestors() -> list[str]:
    """This process's ancestors, the nearest first: number and time of start, which no other
    process ever has. Empty where the system does not tell.
    """
    return [identity for identity, _ in _line()]


def client() -> str:
    """The program that runs this one, past the shell that it may have started it with."""
    return next((identity for identity, name in _line() if name not in _SHELLS), "")


def _line() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    number = os.getppid()
    while number > 1 and len(found) < _GENERATIONS_MAX:
        process = _process(number)
        if process is None:
            break
        found.append((f"{number}:{process.started}", process.name))
        number = process.parent
    return found


def _process(number: int) -> _Process | None:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    # The name is in parentheses and may hold anything, parentheses and spaces too.
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    if len(fields) < 20 or not fields[1].isdecimal():
        return None
    return _Process(name, int(fields[1]), fields[19])
