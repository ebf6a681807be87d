"""The question who else is at a path, and the answer to it.

Pure. It must not know how it is found out who is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from agentd.conflicts.holding import HeldLock
from agentd.conflicts.radar.as_json import encounter_to_json, lock_to_json, participant_to_json
from agentd.conflicts.radar.radar import Encounter, Heat, Participant
from agentd.core.resource_keys import BadResourceKey, ResourceKey, normalise, overlap


class Verdict(StrEnum):
    """The answer in a word."""

    FREE = "free"
    SOFT = "soft"
    """Somebody changes it elsewhere, or holds a shared lock."""
    SYMBOLS = "symbols"
    """Somebody takes away or changes a name that the other relies on, or both define the same."""
    HOT = "hot"
    """Somebody's changed lines meet the caller's own."""
    LOCKED = "locked"
    """Somebody else holds an exclusive lock."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about, and by whom."""

    path: str
    """Relative to the repository; `.` is all of it."""
    is_directory: bool
    worktree: Path | None
    """Where the caller works."""
    names: frozenset[str]
    """Under which the caller holds locks and hands in bundles."""

    @property
    def resource_key(self) -> ResourceKey:
        """What a lock on it would be called. Raises `BadResourceKey`."""
        return normalise(f"{'dir' if self.is_directory else 'file'}:{self.path}")


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else who changes it."""

    participant: Participant
    """As far as the path is concerned."""
    encounter: Encounter | None
    """Where both change it; None where the caller has not changed it yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who is there."""

    asked: Asked
    locks: tuple[HeldLock, ...]
    """Of others."""
    others: tuple[Other, ...] = ()
    daemon: bool = True
    """Whether the daemon answered: otherwise nothing is known of locks and bundles."""
    looked_at_work: bool = True
    """Whether worktrees and bundles were looked at, and not only locks."""

    @property
    def verdict(self) -> Verdict:
        """The gravest of what was found."""
        if any(not lock.shared for lock in self.locks):
            return Verdict.LOCKED
        heats = {other.encounter.heat for other in self.others if other.encounter is not None}
        if Heat.HOT in heats:
            return Verdict.HOT
        if Heat.SYMBOLS in heats:
            return Verdict.SYMBOLS
        return Verdict.SOFT if self.others or self.locks else Verdict.FREE


def locks_in_the_way(asked: Asked, locks: Iterable[HeldLock]) -> tuple[HeldLock, ...]:
    """The live locks of others that overlap the path."""
    found = [
        lock
        for lock in locks
        if lock.live and lock.owner not in asked.names and _overlaps(lock, asked)
    ]
    return tuple(sorted(found, key=lambda lock: (lock.shared, lock.acquired_at, lock.owner)))


def _overlaps(lock: HeldLock, asked: Asked) -> bool:
    if lock.covers(asked.path):
        return True
    try:
        return overlap(normalise(lock.resource_key), asked.resource_key)
    except BadResourceKey:
        return False


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """The answer as scripts read it."""
    return {
        "path": answer.asked.path,
        "verdict": answer.verdict.value,
        "daemon": answer.daemon,
        "looked_at_work": answer.looked_at_work,
        "locks": [lock_to_json(lock) for lock in answer.locks],
        "others": [
            {
                **participant_to_json(other.participant),
                "heat": other.encounter.heat.value if other.encounter else Heat.SOFT.value,
                "meeting": encounter_to_json(other.encounter) if other.encounter else None,
            }
            for other in answer.others
        ],
    }
