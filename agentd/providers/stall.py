"""Notices that an agent's program gets nowhere: it says nothing new, or only that it tries again.

Several programs repeat a request that cannot succeed without end, and tell of each try. So output
alone is no sign of life: what the agent does, says or spends is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from agentd.providers.agent_events import (
    AgentEvent,
    Attention,
    AttentionLevel,
    Began,
    Failure,
    Intent,
    Progress,
    Refusal,
    Result,
    Spending,
)

_PROGRESS: Final = (Began, Intent, Progress, Refusal, Result, Spending)
_NOTICED_AFTER: Final = 1 / 3
"""Of the limit: then a person is told, who may know better."""

T = TypeVar("T")


class Stalled(Exception):
    """The program made no progress for too long. The message says for how long, and why."""


class Patience:
    """How long one waits for a program that makes no progress."""

    def __init__(self, limit_secs: float, tell: Callable[[AgentEvent], None]) -> None:
        """`limit_secs`: 0 for as long as it takes. `tell` takes what a person ought to know."""
        self._limit_secs = limit_secs
        self._tell = tell
        self._limit: asyncio.Timeout | None = None
        self._notice: asyncio.TimerHandle | None = None
        self._trouble = ""
        """What it said last of why it gets nowhere."""

    def heard(self, event: AgentEvent) -> None:
        """Takes note of what the program says."""
        if isinstance(event, _PROGRESS):
            self._trouble = ""
            if self._limit is not None:
                self._begin(self._limit)
        elif isinstance(event, Failure):
            self._trouble = event.text

    async def wait_for(self, work: Awaitable[T]) -> T:
        """What the work brings. Raises `Stalled` after cancelling it."""
        if not self._limit_secs:
            return await work
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._limit = limit
                self._begin(limit)
                try:
                    return await work
                finally:
                    self._stop()
        except TimeoutError:
            if not limit.expired():
                raise
            told = f"it was ended because it made no progress for {self._limit_secs:g} s"
            raise Stalled(f"{told}{self._why()}") from None

    def _begin(self, limit: asyncio.Timeout) -> None:
        """Waits anew from now on."""
        loop = asyncio.get_running_loop()
        if self._notice is not None:
            self._notice.cancel()
        self._notice = loop.call_later(self._limit_secs * _NOTICED_AFTER, self._warn)
        limit.reschedule(loop.time() + self._limit_secs)

    def _stop(self) -> None:
        self._limit = None
        if self._notice is not None:
            self._notice.cancel()

    def _warn(self) -> None:
        waited = self._limit_secs * _NOTICED_AFTER
        text = f"no progress for {waited:g} s; it is ended after {self._limit_secs:g} s"
        self._tell(Attention(AttentionLevel.NOTICE, f"{text}{self._why()}"))

    def _why(self) -> str:
        return f"; it said: {self._trouble}" if self._trouble else ""
