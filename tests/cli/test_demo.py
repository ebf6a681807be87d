"""`agentd-coord demo` tells the whole story and leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.fakes.patience import PATIENCE_SECS

DECISION = re.compile(r"^[✔↻…✘!] (\w+) +([a-z-]+) ", re.MULTILINE)
README = Path(__file__).parents[2] / "README.md"


def test_the_story_ends_in_all_of_merge_wait_rebase_and_reject(
    directory: Path, environment: dict[str, str]
) -> None:
    temporary = directory / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "agentd.cli.coord", "demo"],
        env={**environment, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    decided = DECISION.findall(done.stdout)
    assert sorted(decided) == [
        ("merge", "codex-pricing"),
        ("merge", "deepseek-receipt"),
        ("rebase", "antigravity-returns"),
        ("reject", "deepseek-invoice"),
        ("wait", "antigravity-pricing"),
    ]
    assert not list(temporary.iterdir()), "the demo left something behind"
    assert DECISION.findall(README.read_text()) == decided, "README shows another output"
