"""The daemon's lists of locks, followed page by page to their end: there may be very many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentd.hook.ending import DaemonTrouble
from agentd.hook.wire import Call, Wire, WireError

PAGE_ROWS: Final = 1000


def listed_locks(wire: Wire, queries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The locks of several ListResourceLocks, asked for at once. Raises `DaemonTrouble`."""
    locks: list[dict[str, Any]] = []
    wanted = [{**query, "limit": PAGE_ROWS} for query in queries]
    while wanted:
        answers = wire.ask([Call("ListResourceLocks", params) for params in wanted])
        following = []
        for params, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, WireError):
                raise refused(answer)
            locks += answer["locks"]
            if (cursor := answer.get("next_cursor")) is not None:
                following.append({**params, "cursor": cursor})
        wanted = following
    return locks


def refused(error: WireError) -> DaemonTrouble:
    """What the daemon says against a question."""
    return DaemonTrouble(f"the daemon refuses the question ({error.reason}): {error.message}")
