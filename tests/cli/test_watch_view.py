"""The radar's picture in windows of any size."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from agentd.cli.watch_view import Fitted


@pytest.mark.parametrize(
    ("height", "shown", "last"),
    [
        (30, 8, "Ctrl-C ends it."),
        (9, 8, "Ctrl-C ends it."),
        (8, 7, "1 more line below. Ctrl-C ends it."),
        (3, 2, "6 more lines below. Ctrl-C ends it."),
        (1, 1, "7 more lines below. Ctrl-C ends it."),
    ],
)
def test_what_a_low_window_does_not_show_is_counted(height: int, shown: int, last: str) -> None:
    picture = "\n".join(f"line {number}" for number in range(8))
    console = Console(file=io.StringIO(), width=60, height=height)
    with console.capture() as captured:
        console.print(Fitted(Text(picture), "Ctrl-C ends it."))
    assert captured.get().splitlines() == [*picture.splitlines()[:shown], last]
