"""What becomes of a write when its hook fails is what its user chose, whatever the vendor does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from agentd.providers.hook_settings.changes import apply
from agentd.providers.hook_settings.entries import Scope
from agentd.providers.hook_settings.hook_command import HookCommand, installed_program
from agentd.providers.hook_settings.installation import Place, plan_install
from tests.providers.real.clients import CODEX, GEMINI, QWEN, Client
from tests.providers.real.dialects import Step
from tests.providers.real.scripts import DONE, patch, write
from tests.providers.real.table import Table, table

CLIENTS = (CODEX, GEMINI, QWEN)
ALL = frozenset(client.provider for client in CLIENTS)
NONE: frozenset[str] = frozenset()


def one_file_each(repository: Path) -> Mapping[str, Sequence[Step]]:
    """Each client writes a file that is named after it."""
    return {
        "codex": [Step(calls=[patch("*** Add File: src/codex.py\n+X = 1\n")]), DONE],
        "gemini": [Step(calls=[write(repository, "src/gemini.py", "X = 1\n")]), DONE],
        "qwen": [Step(calls=[write(repository, "src/qwen.py", "X = 1\n")]), DONE],
    }


def interpreter(at: Table) -> Path:
    """What the installed hooks are run with, for a test to break."""
    return at.home / "python"


def install(at: Table, client: Client, policy: str) -> None:
    """Installs the hook as `agentd-coord hooks install` does, with an interpreter of the test's."""
    _, *arguments = installed_program(sys.executable)
    socket = at.daemon.socket_path
    command = HookCommand((str(interpreter(at)), *arguments), policy, socket.parent, socket, 900)
    place = Place(at.home, at.repository, at.configured(client))
    for change in plan_install(client.provider, Scope.USER, place, command):
        apply(change)


def written(at: Table) -> frozenset[str]:
    """Whose writes took place."""
    return frozenset(name for name in ALL if (at.repository / "src" / f"{name}.py").exists())


def no_daemon(at: Table) -> None:
    at.daemon.stop()


def hung_daemon(at: Table) -> None:
    os.kill(at.daemon.process.pid, signal.SIGSTOP)


def crashing_hook(at: Table) -> None:
    interpreter(at).unlink()
    interpreter(at).write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="utf-8")
    interpreter(at).chmod(0o700)


def hook_that_is_gone(at: Table) -> None:
    interpreter(at).unlink()


def nothing(at: Table) -> None:
    """All is well."""


@pytest.mark.parametrize(
    ("fails", "policy", "expected", "told"),
    [
        (nothing, "guarded", ALL, ""),
        (no_daemon, "guarded", ALL, ""),
        (no_daemon, "strict", NONE, "no daemon"),
        (hung_daemon, "guarded", NONE, "nobody could say"),
        (hung_daemon, "advisory", ALL, ""),
        (crashing_hook, "guarded", NONE, ""),
        (crashing_hook, "advisory", ALL, ""),
        (hook_that_is_gone, "guarded", NONE, ""),
    ],
)
def test_a_failing_hook(
    fails: Callable[[Table], None], policy: str, expected: frozenset[str], told: str
) -> None:
    with table(one_file_each) as at:
        interpreter(at).symlink_to(os.path.realpath(sys.executable))
        for client in CLIENTS:
            install(at, client, policy)
        fails(at)
        running = [at.start(client, f"session-{client.provider}") for client in CLIENTS]
        for each in running:
            each.ended()
        at.daemon.process.send_signal(signal.SIGCONT)
        assert written(at) == expected
        for name in ALL - expected:
            assert told in at.model.told(name)
