"""Workers that wait for a node: who is woken when one becomes runnable.

Workers that ask for the same (task and capabilities) are alike: while one of them is denied, the
others would be, too. So only a few of each kind are tried at a time, and one more for each that got
a node; a crowd of idle workers costs nothing.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from agentd.core.dispatch import Call
from agentd.core.operations.transaction import Effects
from agentd.core.waiting import Wait, WaitingRoom
from agentd.errors import AgentdError
from agentd.protocol.nodes import AcquireNextNodeParams

WOKEN_AT_ONCE: Final = 64

_Kind = tuple[str | None, frozenset[str]]
"""Task (None: any) and capabilities."""


class NodeWaits:
    """The waiting workers, by what they ask for, in the order in which they came."""

    def __init__(self, room: WaitingRoom) -> None:
        self._room = room
        self._kinds: dict[_Kind, dict[Wait, None]] = {}

    def start(self, call: Call) -> None:
        """Takes over an AcquireNextNode call."""
        params: AcquireNextNodeParams = call.params
        if params.wait_secs <= 0:
            call.submit()
            return
        kind = (params.task_id, frozenset(params.capabilities))

        def on_end(wait: Wait) -> None:
            waits = self._kinds[kind]
            del waits[wait]
            if not waits:
                del self._kinds[kind]
            elif call.error is None and call.result is not None:
                self._wake(waits, 1)

        wait = Wait(call, self._room, attempt=_submit, on_denied=_go_on, on_end=on_end)
        self._kinds.setdefault(kind, {})[wait] = None
        wait.start()

    def notice(self, effects: Effects) -> None:
        """Wakes those who may now get a node."""
        if not effects.runnable or not self._kinds:
            return
        for (task_id, _), waits in list(self._kinds.items()):
            if task_id is None or task_id in effects.runnable:
                self._wake(waits, WOKEN_AT_ONCE)

    @staticmethod
    def _wake(waits: dict[Wait, None], count: int) -> None:
        for wait in [wait for wait in waits if not wait.parked]:
            wait.wake()  # Being tried already: its denial may be out of date.
        for wait in list(islice((wait for wait in waits if wait.parked), count)):
            wait.wake()


def _submit(wait: Wait) -> None:
    wait.call.submit()


def _go_on(wait: Wait, effects: Effects) -> AgentdError | None:
    return None
