"""Time as an injected value: instants in milliseconds since the Unix epoch, and who reads them.

A request reads the clock once and passes the instant down; nothing below the drivers may read it
again. Leases expire at whole seconds, so the conversion lives here, too.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import NewType, Protocol

Instant = NewType("Instant", int)
"""Milliseconds since the Unix epoch, UTC."""

UnixSeconds = NewType("UnixSeconds", int)
"""Whole seconds since the Unix epoch: the wire's form of a lease's expiry."""


class Clock(Protocol):
    """Whoever tells the time."""

    def now(self) -> Instant:
        """The current instant."""
        ...


class SystemClock:
    """The wall clock, kept from going backwards.

    A step back of the system's clock (or a daemon restarted on a machine whose clock is behind)
    must not revive leases that had expired, so the last instant seen or stored is a floor. It must
    not make the others last longer either, so while the wall clock is behind the floor, time goes
    on from there at its usual pace.
    """

    def __init__(self, floor: Instant = Instant(0)) -> None:
        self._last = floor
        self._stepped: tuple[int, int] | None = None
        """While the wall clock is behind: the instant at which that was seen, and when it was by
        the system's other clock, in nanoseconds. In one value, because two threads may ask."""

    def now(self) -> Instant:
        """The wall clock's instant, or where time has come to since it was stepped back."""
        wall = time.time_ns() // 1_000_000
        if self._stepped is None and wall >= self._last:
            self._last = Instant(wall)
            return self._last
        return self._since_step(wall)

    def _since_step(self, wall: int) -> Instant:
        monotonic = time.monotonic_ns()
        stepped = self._stepped or (self._last, monotonic)
        last, then = stepped
        instant = max(self._last, last + (monotonic - then) // 1_000_000)
        self._stepped = stepped if wall < instant else None
        self._last = Instant(max(instant, wall))
        return self._last


def expiry(now: Instant, duration_secs: int) -> UnixSeconds:
    """The second at which a lease of `duration_secs` ends; rounded up, never shorter than asked."""
    return UnixSeconds(-(-now // 1000) + duration_secs)


def has_passed(expires_at: UnixSeconds, now: Instant) -> bool:
    """Whether a lease that ends at `expires_at` has ended at `now`."""
    return now >= expires_at * 1000


@lru_cache(maxsize=64)  # The requests of one batch share their instant.
def rfc3339(instant: Instant) -> str:
    """`2026-01-31T12:00:00.123Z`: the wire's form of every time that is not a lease's expiry."""
    moment = datetime.fromtimestamp(instant / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % 1000:03d}Z"
