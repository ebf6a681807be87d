"""The example clients, in their own languages, against a real daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.client.autostart import private_environment, running_daemon
from agentd.settings import process_environment
from tests.fakes.patience import PATIENCE_SECS

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"

CLIENTS = {
    "plain_socket_client.py": ([sys.executable], "the task is completed"),
    "shell_client.sh": (["sh"], "done"),
    "node_client.mjs": (["node"], "node-b was granted it"),
    "two_providers_one_file.py": ([sys.executable], "Antigravity has its turn"),
}
TESTED_ELSEWHERE = {"custom_adapter.py", "deepseek_agent_loop.py"}
NEEDS = {"shell_client.sh": "nc", "node_client.mjs": "node"}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Leads to a daemon of the tests' own."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as home:
        private = private_environment(process_environment(), Path(home))
        with running_daemon(private, start_secs=PATIENCE_SECS) as started:
            yield {**private, "AGENTD_SOCKET_PATH": str(started.socket_path)}


def run(name: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    if name in NEEDS and shutil.which(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed on this machine")
    interpreter, _ = CLIENTS[name]
    return subprocess.run(
        [*interpreter, str(EXAMPLES / name)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECS,
    )


def test_every_example_is_run_here() -> None:
    programs = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".sh", ".mjs"}}
    assert programs == CLIENTS.keys() | TESTED_ELSEWHERE


@pytest.mark.parametrize("name", CLIENTS)
def test_example(name: str, environment: dict[str, str]) -> None:
    finished = run(name, environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert CLIENTS[name][1] in finished.stdout
    assert finished.stderr == ""


@pytest.mark.parametrize("name", CLIENTS)
def test_without_a_daemon_it_says_so_and_fails(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "nothing.sock"
    finished = run(name, {**environment, "AGENTD_SOCKET_PATH": str(path)})
    assert finished.returncode == 1
    assert str(path) in finished.stderr
    assert "agentd" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_plain_socket_client_needs_nothing_of_ours(environment: dict[str, str]) -> None:
    """It runs in an interpreter that has no site-packages and does not see this repository."""
    finished = subprocess.run(
        [sys.executable, "-I", "-S", str(EXAMPLES / "plain_socket_client.py")],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECS,
    )
    assert finished.returncode == 0, finished.stderr


class TestShellClientWithoutTheRightNetcat:
    def commands(self, directory: Path) -> str:
        """A PATH with what the script needs, except nc."""
        for command in ("sed", "tr", "cat", "grep", "uname"):
            found = shutil.which(command)
            assert found is not None
            (directory / command).symlink_to(found)
        return str(directory)

    def run_with(self, path: str, environment: dict[str, str]) -> tuple[int, str]:
        shell = shutil.which("sh")
        assert shell is not None
        finished = subprocess.run(
            [shell, str(EXAMPLES / "shell_client.sh")],
            env={**environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECS,
        )
        return finished.returncode, finished.stderr

    def test_none_at_all(self, environment: dict[str, str], tmp_path: Path) -> None:
        code, stderr = self.run_with(self.commands(tmp_path), environment)
        assert code == 69
        assert "netcat-openbsd" in stderr

    def test_one_that_knows_no_unix_sockets(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        path = self.commands(tmp_path)
        traditional = tmp_path / "nc"
        traditional.write_text("#!/bin/sh\necho '[v1.10-47] connect to somewhere: nc [-options]'\n")
        os.chmod(traditional, 0o755)
        code, stderr = self.run_with(path, environment)
        assert code == 69
        assert "Unix sockets" in stderr
