"""Which locks stand behind which paths: who was there first, and who is there now.

Pure. It must not know where locks are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentd.conflicts.findings import JsonObject


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock that somebody holds, or held."""

    resource_key: str
    owner: str
    provider: str
    acquired_at: str
    """RFC 3339 in UTC, so that the order of the texts is the order of the times."""
    expires_at: str | None
    live: bool
    shared: bool = False

    @property
    def in_words(self) -> str:
        """What is locked, and until when."""
        until = f" until {self.expires_at}" if self.expires_at else ""
        return f"{self.resource_key}{until}"

    def covers(self, path: str) -> bool:
        """Whether the lock is on this path, or on a directory above it."""
        kind, _, name = self.resource_key.partition(":")
        if kind == "file" or kind == "artifact":
            return name == path
        if kind == "dir":
            return name == "." or path == name or path.startswith(f"{name}/")
        return False

    def to_json(self) -> JsonObject:
        """The lock as evidence."""
        return {
            "resource_key": self.resource_key,
            "owner": self.owner,
            "provider": self.provider,
            "acquired_at": self.acquired_at,
            "expires_at": self.expires_at,
            "live": self.live,
        }


@dataclass(frozen=True, slots=True)
class Holdings:
    """All locks that matter to a review."""

    locks: tuple[HeldLock, ...] = ()

    def first(self, owner: str, paths: Iterable[str]) -> HeldLock | None:
        """The earliest lock of an owner over one of the paths, live or past."""
        wanted = tuple(paths)
        found = [
            lock
            for lock in self.locks
            if lock.owner == owner and any(lock.covers(path) for path in wanted)
        ]
        return min(found, key=_order, default=None)

    def live(self, owner: str, paths: Iterable[str]) -> HeldLock | None:
        """A live lock of an owner over one of the paths: the one that lasts longest."""
        wanted = tuple(paths)
        found = [
            lock
            for lock in self.locks
            if lock.live and lock.owner == owner and any(lock.covers(path) for path in wanted)
        ]
        return max(found, key=lambda lock: (lock.expires_at or "", *_order(lock)), default=None)

    def held_against(self, owner: str, paths: Sequence[str]) -> tuple[HeldLock, ...]:
        """The live exclusive locks of others over the paths, where the owner has none himself."""
        return tuple(
            lock
            for lock in sorted(self.locks, key=_order)
            if lock.live
            and not lock.shared
            and lock.owner != owner
            and any(lock.covers(path) and self.live(owner, [path]) is None for path in paths)
        )

    def earlier(self, left: str, right: str, paths: Sequence[str]) -> str | None:
        """Which of two owners locked one of the paths first; None where neither did."""
        locks = [lock for owner in (left, right) if (lock := self.first(owner, paths))]
        return min(locks, key=_order).owner if locks and left != right else None


def _order(lock: HeldLock) -> tuple[str, str, str]:
    return lock.acquired_at, lock.owner, lock.resource_key
