"""A clock that stands still until it is moved."""

from __future__ import annotations

from agentd.core.clock import Instant

START = Instant(1_800_000_000_000)
"""2027-01-15T08:00:00Z."""


class FakeClock:
    """Tells the time that it was set to."""

    def __init__(self, now: Instant = START) -> None:
        self._now = now

    def now(self) -> Instant:
        """The time."""
        return self._now

    def advance(self, secs: float) -> None:
        """Moves the time on."""
        self._now = Instant(self._now + round(secs * 1000))
