"""Lock requests in order: who waits, who must not overtake, and whose turn it is.

Every request for locks passes here on its way to the writer, those that do not wait, too: a free
lock for which somebody waits longer is not for them.
"""

from __future__ import annotations

from agentd.core.dispatch import Call
from agentd.core.lock_queue import LockQueue, Place, Wanted
from agentd.core.metrics import Metrics
from agentd.core.operations.transaction import Effects
from agentd.core.waiting import Wait, WaitingRoom, is_denial
from agentd.errors import AgentdError, ResourceExhausted
from agentd.protocol.locks import (
    AcquireResourceLockParams,
    AcquireResourceLocksParams,
    LockRequest,
)


class LockWaits:
    """The queue of lock requests, tied to the calls that stand in it."""

    def __init__(self, room: WaitingRoom, metrics: Metrics) -> None:
        self._room = room
        self._metrics = metrics
        self._queue = LockQueue()
        self._waits: dict[int, Wait] = {}
        """By their place's order."""

    def start(self, call: Call) -> None:
        """Takes over an AcquireResourceLock or AcquireResourceLocks call."""
        params: LockRequest = call.params
        if params.wait_secs > 0 and not _is_renewal(params):
            self._queue_up(call, _wanted(params))
            return
        if not self._queue.is_empty and not _is_renewal(params):
            call.behind_waiter = self._queue.is_behind(_wanted(params))
        call.submit()

    def notice(self, effects: Effects) -> None:
        """Wakes those who may now get what they wait for."""
        if effects.freed:
            self._wake(self._queue.freed((f.namespace, f.resource_key) for f in effects.freed))

    def _queue_up(self, call: Call, wanted: Wanted) -> None:
        place = self._queue.join(wanted)

        def attempt(wait: Wait) -> None:
            call.behind_waiter = self._queue.is_behind(wanted, place.order)
            call.submit()

        def on_denied(wait: Wait, effects: Effects) -> AgentdError | None:
            self._queue.blocked(place, tuple(blocker.owner for blocker in effects.blockers))
            circle = self._queue.circle(place)
            if not circle:
                return None
            return ResourceExhausted(
                "wait_cycle", f"waiting would never end: {' waits for '.join(circle)}", cycle=circle
            )

        def on_end(wait: Wait) -> None:
            del self._waits[place.order]
            if is_denial(call.result):
                self._metrics.counts["locks_denied"] += 1  # Each attempt would count too often.
            self._wake(self._queue.leave(place))

        wait = Wait(call, self._room, attempt=attempt, on_denied=on_denied, on_end=on_end)
        self._waits[place.order] = wait
        wait.start()

    def _wake(self, places: list[Place]) -> None:
        for place in places:
            if wait := self._waits.get(place.order):
                wait.wake()


def _is_renewal(params: LockRequest) -> bool:
    """Whether the lock is held already: it takes nothing from those who wait."""
    return isinstance(params, AcquireResourceLockParams) and params.lease_id is not None


def _wanted(params: LockRequest) -> Wanted:
    if isinstance(params, AcquireResourceLocksParams):
        keys = tuple(params.resource_keys)
    else:
        assert isinstance(params, AcquireResourceLockParams)
        keys = (params.resource_key,)
    return Wanted(params.namespace, keys, params.mode, params.owner)
