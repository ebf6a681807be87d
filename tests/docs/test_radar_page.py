"""The page about the radar says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from agentd.cli.exit_codes import ExitCode
from agentd.conflicts.radar.as_json import ChangeKind
from agentd.conflicts.radar.radar import Heat

PAGE = (Path(__file__).parents[2] / "docs" / "radar.md").read_text("utf-8")


def test_all_heats_are_explained() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [*Heat, "lock"]


def test_all_exit_codes_of_check_are_explained() -> None:
    told = [
        int(code)
        for cell in re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE)
        for code in cell.split(",")
    ]
    assert sorted(told) == sorted(set(ExitCode) - {ExitCode.INTERRUPTED})


def test_all_changes_that_json_tells_are_named() -> None:
    sentence = PAGE[PAGE.index("the others say") : PAGE.index("`--once` prints")]
    assert set(re.findall(r"`(\w+)`", sentence)) == {*ChangeKind, "target", "daemon"}
