"""However a run ends, nothing of its program's is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.providers.adapter import Adapter, Launch, Transport, Way
from agentd.providers.agent_events import Progress
from agentd.providers.command import ADAPTER as COMMAND
from agentd.providers.outcome import Ended
from tests.fakes.patience import PATIENCE_SECS
from tests.providers.conftest import Stage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans come back on Linux alone")


@pytest.fixture
def stage(top: Path, home: Path) -> Stage:
    """A repository, and no daemon."""
    return Stage(top, home, home / "nobody.sock")


def asking(prompt: bytes) -> Adapter:
    """A command that is given a prompt of ours."""
    (way,) = COMMAND.ways
    asked = Way(
        transport=way.transport,
        launch=lambda _: Launch(stdin=prompt),
        enforcement=way.enforcement,
        why=way.why,
    )
    return Adapter(name="command", title="", program="", ways=(asked,), says_result=False)


def alive(pids_file: Path) -> list[int]:
    """Which of the family's children are still there."""
    pids = [int(pid) for pid in pids_file.read_text().split()]
    assert len(pids) == 3
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def test_a_program_that_ends_and_leaves_children(stage: Stage) -> None:
    ran = await stage.play(asking(b"go"), Transport.TEXT, "family.py", [])
    assert ran.outcome.ended is Ended.DONE
    assert Progress("started 3 children") in ran.events
    assert alive(stage.home / "codex-1.pids") == []


@pytest.fixture
def elsewhere() -> Iterator[subprocess.Popen[bytes]]:
    """What an agent runs in another repository, in a session of the same name."""
    there = {**os.environ, "AGENTD_SESSION_ID": "codex-1"}
    process = subprocess.Popen(["sleep", str(PATIENCE_SECS)], env=there)
    yield process
    process.kill()
    process.wait()


async def test_a_session_of_the_same_name_elsewhere_goes_on(
    stage: Stage, elsewhere: subprocess.Popen[bytes]
) -> None:
    ran = await stage.play(asking(b"go"), Transport.TEXT, "family.py", [])
    assert ran.outcome.ended is Ended.DONE
    assert elsewhere.poll() is None


async def test_a_program_whose_time_is_over(stage: Stage) -> None:
    has_begun, secs = False, 1.5
    while not has_begun:  # A busy machine may take longer to start it.
        secs *= 2
        assert secs < PATIENCE_SECS
        ran = await stage.play(
            asking(b"wait"), Transport.TEXT, "family.py", [], timeout_secs=secs, owner="slow"
        )
        assert ran.outcome.ended is Ended.FAILED
        has_begun = Progress("started 3 children") in ran.events
    assert alive(stage.home / "slow.pids") == []


async def test_a_run_that_is_cancelled(stage: Stage) -> None:
    started = asyncio.Event()
    running = asyncio.create_task(
        stage.play(
            asking(b"wait"),
            Transport.TEXT,
            "family.py",
            [],
            owner="gone",
            listen=lambda _: started.set(),
        )
    )
    pids = stage.home / "gone.pids"
    async with asyncio.timeout(PATIENCE_SECS):
        await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert alive(pids) == []


async def test_a_program_that_is_not_there(stage: Stage) -> None:
    ran = await stage.play(asking(b""), Transport.TEXT, "no_such.py", [])
    assert ran.outcome.ended is Ended.FAILED
    assert ran.end.exit_code == 2
    assert "No such file" in ran.log


async def test_its_environment_has_what_was_assigned(stage: Stage) -> None:
    script = stage.home / "print_environment.py"
    script.write_text("import os\nprint(os.environ['AGENTD_SESSION_ID'], os.getcwd())\n")
    ran = await stage.play(asking(b""), Transport.TEXT, os.fspath(script), [])
    assert Progress(f"codex-1 {stage.top}") in ran.events
