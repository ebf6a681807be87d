"""The commands of `docs/quickstart.md` do what the page says, in their order, as a user types them.

A block runs where the line above it says `<!-- run -->`; `exit N` there names another exit code
than 0, and `background` a program that goes on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.git_identity import SOMEBODY
from tests.fakes.patience import PATIENCE_SECS

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"
BLOCK = re.compile(r"<!-- run(?:: ([a-z0-9 ]+))? -->\n```sh\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of commands."""

    script: str
    exit_code: int
    background: bool


def blocks() -> list[Block]:
    """The blocks that are run, in their order."""
    found = []
    for says, script in BLOCK.findall(PAGE.read_text()):
        code = re.search(r"exit (\d+)", says or "")
        found.append(Block(script, int(code[1]) if code else 0, "background" in (says or "")))
    return found


@pytest.fixture
def user() -> Iterator[tuple[Path, dict[str, str]]]:
    """A repository with one file, and the environment of somebody who has just installed agentd."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as name:
        home = Path(name)
        environment = {
            "HOME": name,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **SOMEBODY,
        }
        repository = home / "project"
        repository.mkdir()
        (repository / "greeting.py").write_text('GREETING = "Hello"\n')
        (repository / "test_greeting.py").write_text(
            "import unittest\n\nimport greeting\n\n\nclass GreetingTest(unittest.TestCase):\n"
            "    def test_it_greets(self):\n        self.assertTrue(greeting.GREETING)\n"
        )
        for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "x"]):
            subprocess.run(["git", *arguments], cwd=repository, env=environment, check=True)
        yield repository, environment


def test_the_page_works_from_top_to_bottom(user: tuple[Path, dict[str, str]]) -> None:
    repository, environment = user
    outputs = []
    running: list[subprocess.Popen[bytes]] = []
    try:
        for block in blocks():
            if block.background:
                program = block.script.strip().removesuffix("&").split()
                log = (repository.parent / "daemon.log").open("wb")
                with log:
                    running.append(
                        subprocess.Popen(program, cwd=repository, env=environment, stderr=log)
                    )
                _wait_for_socket(repository.parent / ".agentd" / "agentd.sock", running[-1])
                continue
            done = subprocess.run(
                ["bash", "-e", "-c", block.script],
                cwd=repository,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECS,
                check=False,
            )
            outputs.append(done.stdout)
            assert done.returncode == block.exit_code, block.script + done.stdout + done.stderr
        assert running[0].wait(PATIENCE_SECS) == 0, "`agentd stop` did not end the daemon"
    finally:
        for process in running:
            process.kill()
            process.wait()
    said = "".join(outputs)
    assert "✔ merge" in said
    assert re.search("(rebase|wait) ", said)


def _wait_for_socket(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECS
    while not path.exists():
        assert process.poll() is None, "the daemon ended"
        assert time.monotonic() < deadline
        time.sleep(0.02)
