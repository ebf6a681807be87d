"""Who started a process: the first that is no shell, named for good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "from agentd.hook.kin import client; print(client())"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


def said_by(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_whoever_starts_a_program_is_its_agent_through_shells_too() -> None:
    here = said_by(sys.executable, "-c", PROGRAM)
    assert here.startswith(f"{os.getpid()}:")
    line = f"{sys.executable} -c '{PROGRAM}' || exit 2"
    assert said_by("/bin/sh", "-c", line) == here
    assert said_by("/bin/sh", "-c", f'/bin/sh -c "{line}"; true') == here


def test_another_program_between_is_another_agent() -> None:
    between = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {PROGRAM!r}])"
    assert said_by(sys.executable, "-c", between) != said_by(sys.executable, "-c", PROGRAM)
