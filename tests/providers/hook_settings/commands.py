"""A hook command for tests."""

from __future__ import annotations

from pathlib import Path

from agentd.providers.hook_settings.hook_command import HookCommand, installed_program

PROGRAM = installed_program("/opt/agentd venv/bin/python")


def command(policy: str = "guarded", program: tuple[str, ...] = PROGRAM) -> HookCommand:
    """How the hook is run; the interpreter's path has a space in it."""
    return HookCommand(
        program,
        policy,
        home=Path("/home/me/.agentd"),
        socket=Path("/home/me/.agentd/agentd.sock"),
        lock_secs=900,
    )
