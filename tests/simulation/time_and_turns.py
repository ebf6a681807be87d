"""Time that only the simulation moves, and an event loop that waits for nothing.

There are two times, as on a real machine: the wall clock, which leases go by and which may jump
either way, and the steady one, which timers go by. What the writer's thread would send to the loop
stays in a mail box until the simulation delivers it, so that every interleaving of the two can
happen, and each happens again under the same seed.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple, Unpack

from tests.fakes.clock import START

_Ts = TypeVarTuple("_Ts")


class SimulatedTime:
    """Stands in for the module `time` where the daemon reads the system's clocks."""

    def __init__(self) -> None:
        self._wall_millis: int = START
        self.steady_secs = 0.0

    def time_ns(self) -> int:
        """The wall clock."""
        return self._wall_millis * 1_000_000

    def monotonic_ns(self) -> int:
        """The steady time."""
        return round(self.steady_secs * 1000) * 1_000_000

    def advance(self, secs: float) -> None:
        """Time passes."""
        self.steady_secs += secs
        self._wall_millis += round(secs * 1000)

    def set_wall(self, secs: float) -> None:
        """Somebody sets the wall clock by so much; no timer notices."""
        self._wall_millis += round(secs * 1000)


class _NothingToRead(selectors.SelectSelector):
    """Has the loop neither block nor look at files: nothing comes from outside."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop in simulated time."""

    def __init__(self, time: SimulatedTime) -> None:
        self._simulated = time
        self._calls = 0
        self.mail: deque[asyncio.Handle] = deque()
        """What came from the writer's thread and is not delivered yet."""
        super().__init__(_NothingToRead())

    def time(self) -> float:
        """The steady time."""
        return self._simulated.steady_secs

    def call_soon(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Counts what is to be done, so that `quiet` knows when all of it is."""
        self._calls += 1
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Keeps what the writer's thread sends."""
        handle = asyncio.Handle(callback, args, self, context)
        self.mail.append(handle)
        return handle

    async def quiet(self) -> None:
        """Returns when nothing is left to do but what waits for time, for mail or for work."""
        quiet_turns = 0
        while quiet_turns < 2:  # Timers that are due come one turn later.
            before = self._calls
            await asyncio.sleep(0)
            quiet_turns = quiet_turns + 1 if self._calls == before + 1 else 0
