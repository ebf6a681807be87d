"""The hook as a vendor's program runs it, and a repository to write to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import agentd.hook.__main__ as entry
from agentd.client.sync_client import Client
from tests.conflicts.repo_builder import Repo
from tests.fakes.patience import PATIENCE_SECS

COMMAND = [sys.executable, "-I", "-S", "-X", "utf8"]
INSTALLED = [*COMMAND, str(entry.__file__)]
"""As it is installed: it has a second."""
PATIENT = [
    *COMMAND,
    "-c",
    f"import sys; sys.path.append({str(Path(entry.__file__).parents[2])!r}); "
    "from agentd.hook import program, unfinished; "
    f"program.SECS_MAX = program.DAEMON_SECS_MAX = unfinished._GIT_SECS_MAX = {PATIENCE_SECS}; "
    "program.main()",
]
"""The same with as much time as a busy machine may need."""


@dataclass(frozen=True)
class Said:
    """How a call of the hook ended."""

    status: int
    out: str
    err: str

    @property
    def refusal(self) -> str | None:
        """The reason with which it stopped the tool; None where it did not."""
        if self.status == 2:
            assert self.err.strip(), "an exit code of 2 without a reason"
            return self.err
        assert self.status == 0, self
        if not self.out:
            return None
        answer = json.loads(self.out)
        decided = answer.get("hookSpecificOutput", answer)
        if "deny" not in (decided.get("permissionDecision"), decided.get("decision")):
            return None
        reason = decided.get("permissionDecisionReason") or decided.get("reason")
        assert isinstance(reason, str)
        assert reason
        return reason

    @property
    def notice(self) -> str | None:
        """What the user is shown."""
        answer = json.loads(self.out) if self.out else {}
        shown = answer.get("systemMessage") or answer.get("reason")
        assert shown is None or isinstance(shown, str)
        return shown


@dataclass(frozen=True)
class Hook:
    """Runs the hook, with a home of its own."""

    home: Path
    base: Mapping[str, str]
    command: Sequence[str] = tuple(PATIENT)

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What a call finds in its environment."""
        return {**self.base, "AGENTD_HOME": str(self.home), **variables}

    def start(
        self, provider: str, *arguments: str, at: Path | None = None, **variables: str
    ) -> subprocess.Popen[bytes]:
        """A call that waits for its payload."""
        return subprocess.Popen(
            [*self.command, provider, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(variables),
            cwd=at,
        )

    def __call__(
        self,
        provider: str,
        payload: Mapping[str, Any] | bytes,
        *arguments: str,
        at: Path | None = None,
        **variables: str,
    ) -> Said:
        process = self.start(provider, *arguments, at=at, **variables)
        return self.finish(process, payload)

    def finish(self, process: subprocess.Popen[bytes], payload: Mapping[str, Any] | bytes) -> Said:
        """Gives a waiting call its payload and returns what it says."""
        return self.ended(process, payload if isinstance(payload, bytes) else as_json(payload))

    @staticmethod
    def ended(process: subprocess.Popen[bytes], data: bytes | None = None) -> Said:
        """Waits for the end of a call, after giving it the rest of its input."""
        out, err = process.communicate(data, timeout=PATIENCE_SECS)
        return Said(process.returncode, out.decode(), err.decode())


def as_json(payload: Mapping[str, Any]) -> bytes:
    """A payload as a vendor's program writes it."""
    return json.dumps(payload).encode()


@pytest.fixture
def hook(home: Path) -> Hook:
    kept = ("AGENTD_", "GIT_", "PYTHON")
    base = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
    return Hook(home, base)


@pytest.fixture
def installed_hook(hook: Hook) -> Hook:
    """The hook with no more time than it has as it is installed."""
    return replace(hook, command=tuple(INSTALLED))


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    files = {"src/app.py": "old\n", "src/b.py": "old\n", "README.md": "old\n"}
    return Repo.create(tmp_path / "shop", tmp_path / "user", files)


@pytest.fixture
def client(home: Path) -> Callable[[], Client]:
    """Opens a client of the daemon in the home."""
    return lambda: Client(home / "agentd.sock", timeout_secs=PATIENCE_SECS)
