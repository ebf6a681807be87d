"""Keeps the quarantine from growing for ever: forgets old reviews, and has git clear away the rest.

At most once a day, and by one process at a time. What a review that is under way may need is never
old: git clears away only what nothing refers to and nobody wrote for longer than any review lasts.
Nothing here may make a review fail.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from agentd.conflicts.git.archive import forget_reviews_before
from agentd.conflicts.git.quarantine import Quarantine
from agentd.errors import AgentdError

DAY_SECS: Final = 24 * 3600
UNREFERENCED_DAYS: Final = 8
"""How long objects stay that nothing refers to: longer than a command of a review may run."""
LOOSE_MAX: Final = 5_000
"""So many loose objects are worth packing."""
_GC_SECS: Final = 900.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was done."""

    reviews: tuple[str, ...]
    """The ids of those that were forgotten."""
    collected: bool
    """Whether git cleared away what nothing refers to."""


class Forgetful(Protocol):
    """What reviews found out and can find out again."""

    def forget_before(self, secs: int) -> None:
        """Forgets what is older."""


def prune_rarely(
    quarantine: Quarantine, memories: Sequence[Forgetful], *, now_secs: int, keep_days: int
) -> Pruned | None:
    """Prunes, if that is a day ago and nobody else is at it; None where nothing was done."""
    try:
        with _turn(quarantine, now_secs) as mine:
            return _prune(quarantine, memories, now_secs, keep_days) if mine else None
    except (AgentdError, OSError) as problem:
        _log.warning("the quarantine could not be pruned: %s", problem)
        return None


@contextmanager
def _turn(quarantine: Quarantine, now_secs: int) -> Iterator[bool]:
    """Whether it is time, and this process's turn; the time is noted before the work."""
    path = quarantine.git_dir / "agentd-pruned"
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        noted = file.read().strip()
        last = int(noted) if noted.isdigit() else None
        if last is None or not last <= now_secs < last + DAY_SECS:
            file.seek(0)
            file.truncate()
            file.write(f"{now_secs}\n")
            file.flush()
        # A quarantine that is new has nothing to prune.
        yield last is not None and not last <= now_secs < last + DAY_SECS


def _prune(
    quarantine: Quarantine, memories: Sequence[Forgetful], now_secs: int, keep_days: int
) -> Pruned:
    before = now_secs - keep_days * DAY_SECS
    forgotten = forget_reviews_before(quarantine, before)
    for memory in memories:
        memory.forget_before(before)
    collected = bool(forgotten) or _loose_objects(quarantine) > LOOSE_MAX
    if collected:
        quarantine.with_timeout(_GC_SECS).run(
            ["gc", "--quiet", f"--prune={UNREFERENCED_DAYS}.days.ago"], check=True
        )
    return Pruned(forgotten, collected)


def _loose_objects(quarantine: Quarantine) -> int:
    return int(quarantine.run(["count-objects"], check=True).text.split(" ")[0])
