"""A call that waits: tried until it is granted, its time is over, or nobody is left to hear it.

What is tried, and what wakes whom, is the business of the module that makes the wait: of
`lock_waits`, `node_waits` and `follow`. This one knows how patience works, the same for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from agentd.core.dispatch import Call
from agentd.core.metrics import Metrics
from agentd.core.operations.transaction import Effects
from agentd.errors import AgentdError, ResourceExhausted, Unavailable


class WaitingRoom:
    """All calls that wait, of whatever kind: how many there may be, and their end at a stop."""

    def __init__(self, waiters_max: int, metrics: Metrics) -> None:
        self._waiters_max = waiters_max
        self._metrics = metrics
        self._waits: dict[Wait, None] = {}
        """In the order in which they came, which is the order in which a stop answers them."""
        self._closed = False

    def admit(self, wait: Wait) -> AgentdError | None:
        """Lets a call in, or says why it may not wait."""
        if self._closed:
            return Unavailable("shutting_down", "the daemon is stopping")
        if len(self._waits) >= self._waiters_max:
            return ResourceExhausted(
                "too_many_waiters",
                f"{self._waiters_max} calls wait already",
                limit=self._waiters_max,
            )
        self._waits[wait] = None
        self._metrics.waiters = len(self._waits)
        return None

    def leave(self, wait: Wait) -> None:
        """Forgets a call, whether or not it was let in."""
        self._waits.pop(wait, None)
        self._metrics.waiters = len(self._waits)

    def close(self) -> None:
        """Answers everybody that the daemon stops, and lets nobody in any more."""
        self._closed = True
        for wait in list(self._waits):
            wait.stop(Unavailable("shutting_down", "the daemon is stopping"))


def is_denial(result: Any) -> bool:
    """Whether a result is what a call that may wait is not content with."""
    if result is None:
        return True
    return result.get("granted") is False or result.get("events") == []


class _State(Enum):
    TRYING = auto()
    TRYING_STALE = auto()
    """Being tried, and something has changed meanwhile: a denial may be out of date."""
    PARKED = auto()
    ENDED = auto()


class Wait:
    """One waiting call. Its maker gives it three functions and starts it."""

    __slots__ = (
        "_attempt",
        "_last",
        "_on_denied",
        "_on_end",
        "_refusal",
        "_room",
        "_state",
        "_timer",
        "call",
    )

    def __init__(
        self,
        call: Call,
        room: WaitingRoom,
        *,
        attempt: Callable[[Wait], None],
        on_denied: Callable[[Wait, Effects], AgentdError | None],
        on_end: Callable[[Wait], None],
    ) -> None:
        """Makes a wait.

        `attempt` has the call tried, `on_denied` hears of each denial and may refuse the wait by
        returning an error, `on_end` is called once, before the answer goes out.
        """
        self.call = call
        self._room = room
        self._attempt = attempt
        self._on_denied = on_denied
        self._on_end = on_end
        self._state = _State.TRYING
        self._last = False
        self._refusal: AgentdError | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def parked(self) -> bool:
        """Whether the call waits to be woken."""
        return self._state is _State.PARKED

    def start(self) -> None:
        """Tries the call for the first time."""
        self.call.tried = self._tried
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.call.params.wait_secs, self._time_is_over)
        self._attempt(self)

    def wake(self) -> None:
        """Tries the call again, because something it may have waited for has happened."""
        if self._state is _State.PARKED:
            self._state = _State.TRYING
            self._attempt(self)
        elif self._state is _State.TRYING:
            self._state = _State.TRYING_STALE

    def stop(self, error: AgentdError) -> None:
        """Answers with the error, unless an attempt that is under way is granted."""
        if self._state is _State.PARKED:
            self._end(error)
        else:
            self._refusal = error

    def _time_is_over(self) -> None:
        # One last attempt, so that the answer says how things are now, not when it was parked.
        self._last = True
        self.wake()

    def _give_up(self) -> None:
        if self._state is _State.PARKED:
            self._end()
        else:
            self._last = True

    def _tried(self, effects: Effects) -> None:
        if self.call.error is not None or not is_denial(self.call.result):
            self._end()
            return
        stale = self._state is _State.TRYING_STALE
        refusal = self._on_denied(self, effects) or self._refusal
        if refusal is not None:
            self._end(refusal)
        elif stale:
            self._state = _State.TRYING
            self._attempt(self)
        elif self._last:
            self._end()
        else:
            self._park()

    def _park(self) -> None:
        self._state = _State.PARKED
        if self.call.parked:
            return
        refusal = self._room.admit(self)
        if refusal is not None:
            self._end(refusal)
        else:
            self.call.park(self._give_up)

    def _end(self, error: AgentdError | None = None) -> None:
        """Answers: with the error, or with the outcome of the last attempt."""
        self._state = _State.ENDED
        if self._timer is not None:
            self._timer.cancel()
        self._room.leave(self)
        self._on_end(self)
        if error is not None:
            self.call.refuse(error)
        else:
            self.call.finish()
