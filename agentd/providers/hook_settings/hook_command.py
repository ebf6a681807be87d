"""The command line that a vendor's settings run, and how it is known again. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OURS: Final = re.compile(
    r"(?:agentd-hook|agentd/hook/__main__\.py)['\"]?\s+['\"]?"
    r"(codex|claude_code|gemini|qwen|antigravity)\b"
)
_CLOSED: Final = " || exit 2"
"""Stops the tool also where the hook itself could not run: these programs let the write through
then. Every shell that people have understands it."""


@dataclass(frozen=True, slots=True)
class HookCommand:
    """How the hook is to be run."""

    program: tuple[str, ...]
    """The words before the provider."""
    policy: str
    home: Path
    socket: Path
    lock_secs: int

    def words(self, provider: str) -> tuple[str, ...]:
        """The command line of a provider's hook."""
        return (
            *self.program,
            provider,
            f"--policy={self.policy}",
            f"--home={self.home}",
            f"--socket={self.socket}",
            f"--lock-secs={self.lock_secs}",
        )

    def line(self, provider: str, *, before_tool: bool) -> str:
        """The same for a shell. Before a tool, whatever else happens stops the tool."""
        closed = before_tool and self.policy != "advisory"
        return shlex.join(self.words(provider)) + (_CLOSED if closed else "")


def installed_program(python: str) -> tuple[str, ...]:
    """The hook of this installation: its own interpreter, past everything that could stand in for
    the standard library."""
    script = Path(__file__).parents[2] / "hook" / "__main__.py"
    return (python, "-I", "-S", "-X", "utf8", str(script))


def is_ours(command: object) -> bool:
    """Whether a command of somebody's settings runs our hook."""
    return isinstance(command, str) and _OURS.search(command) is not None
