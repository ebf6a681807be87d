"""Following the journal: ListEvents that waits is answered at the first event it asks for."""

from __future__ import annotations

from agentd.core.dispatch import Call, Dispatcher
from agentd.core.operations.transaction import Effects
from agentd.core.waiting import Wait, WaitingRoom
from agentd.errors import AgentdError
from agentd.protocol.journal import ListEventsParams


class Followers:
    """The calls that wait for an event."""

    def __init__(self, room: WaitingRoom, dispatcher: Dispatcher) -> None:
        self._room = room
        self._dispatcher = dispatcher
        self._waits: dict[Wait, None] = {}

    def start(self, call: Call) -> None:
        """Takes over a ListEvents call."""
        params: ListEventsParams = call.params
        if params.wait_secs <= 0:
            self._dispatcher.spawn(call.read())
            return
        wait = Wait(
            call,
            self._room,
            attempt=self._attempt,
            on_denied=_look_further,
            on_end=self._waits.pop,
        )
        self._waits[wait] = None
        wait.start()

    def notice(self, effects: Effects) -> None:
        """Has everybody look again when there are new events."""
        if effects.last_seq:
            for wait in list(self._waits):
                wait.wake()

    def _attempt(self, wait: Wait) -> None:
        self._dispatcher.spawn(_read(wait.call))


async def _read(call: Call) -> None:
    await call.attempt_read()
    call.settle(Effects())


def _look_further(wait: Wait, effects: Effects) -> AgentdError | None:
    """What was looked at without a match need not be looked at again."""
    call = wait.call
    looked_at = max(call.params.after_seq, call.result["last_seq"])
    call.params = call.params.model_copy(update={"after_seq": looked_at})
    return None
