"""An event loop whose time jumps to the next timer as soon as nothing else is to be done."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from contextlib import closing
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumps(selectors.SelectSelector):
    """Passes the time for which it is asked to wait, at once."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_secs = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What has happened meanwhile."""
        assert timeout is not None, "it would wait for ever"
        self.passed_secs += max(timeout, 0.0)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """No time passes but that which somebody waits for."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._jumps.passed_secs


def run_in_jumps(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine, in no time."""
    with closing(JumpingLoop()) as loop:
        return loop.run_until_complete(work)
