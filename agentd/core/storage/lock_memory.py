"""The live locks as their one writer remembers them, so that most requests read nothing.

Two things are kept: of every live lock what it covers, and of those that were written last the
whole row. Both follow the writer's transaction, and are taken back with it: what a request did that
failed never shows. Knows no database; it is told what was stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from agentd.core.ids import LeaseId
from agentd.core.locks import Lock

_ROWS_MAX: Final = 4096
_METADATA_CHARS_MAX: Final = 4096
"""Of a row that is kept: a bundle in a lock's metadata may have megabytes."""

Resource = tuple[str, str]
"""A namespace and a key in it."""


class LockMemory:
    """What is known of the live locks in the transaction under way."""

    __slots__ = ("_changes", "_held", "_rows")

    def __init__(self, live: Iterable[Resource]) -> None:
        """`live`: what each live lock covers, a resource as often as there are locks on it."""
        self._held: dict[str, dict[str, int]] = {}
        """How many live locks name a key, by namespace. There is no entry with 0."""
        self._rows: dict[LeaseId, Lock] = {}
        self._changes: list[tuple[Resource, int]] = []
        """By how much the numbers were changed since the last commit."""
        for resource in live:
            self._count(resource, 1)

    def is_any_held(self, namespace: str, keys: Iterable[str]) -> bool:
        """Whether there is a live lock, lapsed or not, with one of these very keys."""
        held = self._held.get(namespace)
        return held is not None and not held.keys().isdisjoint(keys)

    def row(self, lease_id: LeaseId) -> Lock | None:
        """The live lock of a lease, where its row is remembered. None says nothing."""
        return self._rows.get(lease_id)

    def granted(self, lock: Lock) -> None:
        """A lock was stored."""
        self._change((lock.namespace, lock.resource_key), 1)
        self._keep(lock)

    def rewritten(self, lock: Lock) -> None:
        """A live lock was stored anew."""
        self._rows.pop(lock.lease_id, None)
        self._keep(lock)

    def ended(self, lock: Lock) -> None:
        """A lock is no longer live."""
        self._change((lock.namespace, lock.resource_key), -1)
        self._rows.pop(lock.lease_id, None)

    def mark(self) -> int:
        """The place in the transaction to which `undo` can go back."""
        return len(self._changes)

    def undo(self, mark: int = 0) -> None:
        """What was done since `mark`, or in the whole transaction, was rolled back."""
        for resource, by in reversed(self._changes[mark:]):
            self._count(resource, -by)
        del self._changes[mark:]
        self._rows.clear()  # Some of them may not be there, or be others.

    def settle(self) -> None:
        """The transaction was committed."""
        self._changes.clear()

    def _change(self, resource: Resource, by: int) -> None:
        self._count(resource, by)
        self._changes.append((resource, by))

    def _count(self, resource: Resource, by: int) -> None:
        namespace, key = resource
        held = self._held.setdefault(namespace, {})
        number = held.get(key, 0) + by
        if number:
            held[key] = number
            return
        del held[key]
        if not held:
            del self._held[namespace]

    def _keep(self, lock: Lock) -> None:
        if len(lock.metadata) > _METADATA_CHARS_MAX:
            return
        rows = self._rows
        rows[lock.lease_id] = lock
        if len(rows) > _ROWS_MAX:
            del rows[next(iter(rows))]
