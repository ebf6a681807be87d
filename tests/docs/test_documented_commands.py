"""The blocks marked `<!-- run -->` in the documentation do what they say, against a real daemon."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.client.autostart import private_environment, running_daemon
from agentd.settings import process_environment
from tests.docs.markdown import ROOT, Block, blocks
from tests.fakes.patience import PATIENCE_SECS

RUNNABLE = [block for block in blocks(ROOT / "docs" / "protocol.md") if block.runnable]
PROGRAMS = {"sh": ["sh", "-eu", "-c"], "python": [sys.executable, "-c"]}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Leads to a daemon of the tests' own."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as home:
        private = private_environment(process_environment(), Path(home))
        with running_daemon(private, start_secs=PATIENCE_SECS) as started:
            yield {**private, "AGENTD_SOCKET_PATH": str(started.socket_path)}


def test_there_is_something_to_run() -> None:
    assert {block.language for block in RUNNABLE} == {"sh", "python"}


@pytest.mark.parametrize("block", RUNNABLE, ids=str)
def test_block(block: Block, environment: dict[str, str]) -> None:
    if "nc " in block.text and shutil.which("nc") is None:
        pytest.skip("nc is not installed on this machine")
    run = subprocess.run(
        [*PROGRAMS[block.language], block.text],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECS,
    )
    assert run.returncode == 0, run.stderr
    if block.language == "sh":
        assert json.loads(run.stdout)["result"]["status"] == "ok"
    else:
        assert "mine until" in run.stdout
