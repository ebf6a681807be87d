"""When the next transaction begins after one is committed: at once, or with more requests in it.

Clients that send their next request as soon as they are answered fall into two halves when each
transaction begins as soon as the last one ends: the requests of one half gather while those of the
other are synced, so that every sync carries half of what it could. So those who were just answered
get their turn first. The next transaction begins when as many requests have gathered as there were
clients, when a turn of the event loop has brought none, or, where syncs are slow, after a pause
that is short beside one. A pause in vain is not repeated at once. A client that is alone never
waits. (PostgreSQL's `commit_delay` and MySQL's `binlog_group_commit_sync_delay` are pauses of a
fixed length for the same purpose.) Pure: is told how long commits take, and never looks at a clock.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

PAUSE_SHARE: Final = 0.25
"""A pause beside the commits of late: it costs at most that share, and may save a half."""
PAUSE_SECS_MIN: Final = 0.001
"""The event loop's timers count in milliseconds. A commit for which that is long needs no pause."""
PAUSE_SECS_MAX: Final = 0.005
LEFT_OUT_MAX: Final = 63
"""Pauses that are left out after many in vain."""
_NEWEST_COMMIT_SHARE: Final = 0.25
"""Of the newest commit in the mean of the commits' durations; one outlier says little."""


class Verdict(Enum):
    """What to do at the end of a turn of the event loop."""

    BEGIN = auto()
    """Begin a transaction with what has gathered."""
    LOOK_AGAIN = auto()
    """Ask again after the next turn."""
    WAIT = auto()
    """Ask again when another request has come, or when the pause is over."""


class Gathering:
    """The state of the rule. Nothing is expected at first, so the first request begins at once."""

    __slots__ = (
        "_answered",
        "_at_commit",
        "_commit_secs",
        "_expected",
        "_in_vain",
        "_left_out",
        "_pausing",
        "_requests_max",
        "_seen",
    )

    def __init__(self, requests_max: int) -> None:
        """`requests_max`: in one transaction."""
        self._requests_max = requests_max
        self._expected = 0
        """Requests that are worth waiting for: no more than there were clients."""
        self._answered = 0
        self._at_commit = 0
        """Requests that had gathered when the last transaction was committed."""
        self._seen: int | None = None
        """Requests that had gathered when the rule was asked before; None after a commit."""
        self._pausing = False
        self._commit_secs = 0.0
        self._in_vain = 0
        """How many pauses to leave out after the next one in vain, but one: 0, 1, 3, 7, …"""
        self._left_out = 0

    def committed(self, *, answered: int, gathered: int, commit_secs: float) -> float:
        """A transaction has ended, with so many requests in it and so many gathered meanwhile.

        Returns how many seconds the pause may last; 0 where there is none.
        """
        self._commit_secs += (commit_secs - self._commit_secs) * _NEWEST_COMMIT_SHARE
        self._answered, self._at_commit = answered, gathered
        clients = min(answered + gathered, self._requests_max)
        self._expected = clients if clients > 1 else 0
        self._seen = None
        pause = min(self._commit_secs * PAUSE_SHARE, PAUSE_SECS_MAX)
        self._pausing = bool(self._expected) and pause >= PAUSE_SECS_MIN
        if self._pausing and self._left_out:
            self._left_out -= 1
            self._pausing = False
        return pause if self._pausing else 0.0

    def verdict(self, gathered: int) -> Verdict:
        """What to do at the end of a turn, now that so many requests have gathered."""
        if gathered >= self._expected:
            if self._pausing:
                self._in_vain = 0
            return self._begin()
        if self._seen is None or gathered > self._seen:
            self._seen = gathered
            return Verdict.LOOK_AGAIN
        return Verdict.WAIT if self._pausing else self._begin()

    def tire(self, gathered: int) -> None:
        """The pause is over. It was in vain if less than half of those answered spoke again."""
        if not self._pausing:
            return
        self._pausing = False
        if 2 * (gathered - self._at_commit) >= self._answered:
            self._in_vain = 0
        else:
            self._in_vain = min(2 * self._in_vain + 1, LEFT_OUT_MAX)
            self._left_out = self._in_vain

    def _begin(self) -> Verdict:
        self._expected = 0
        self._pausing = False
        return Verdict.BEGIN
