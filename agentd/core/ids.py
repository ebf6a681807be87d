"""Identities: the kinds of them, and the injected source of new ones."""

from __future__ import annotations

import os
from typing import NewType, Protocol
from uuid import UUID

TaskId = NewType("TaskId", str)
NodeId = NewType("NodeId", str)
LeaseId = NewType("LeaseId", str)
"""A capability: whoever shows it holds the lease. Shown to the holder alone, never logged."""
EventId = NewType("EventId", str)
ReviewId = NewType("ReviewId", str)


class IdSource(Protocol):
    """Whoever makes new identities."""

    def new(self) -> str:
        """A UUID in its usual text form that nobody has seen before."""
        ...


class RandomIds:
    """Version 4 UUIDs from the system's randomness, read in blocks because each read is a call."""

    _BLOCK_BYTES = 4096

    def __init__(self) -> None:
        self._block = b""
        self._offset = 0

    def new(self) -> str:
        """A random UUID."""
        if self._offset >= len(self._block):
            self._block = os.urandom(self._BLOCK_BYTES)
            self._offset = 0
        digits = self._block[self._offset : self._offset + 16].hex()
        self._offset += 16
        variant = "89ab"[int(digits[16], 16) & 3]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )


def canonical_uuid(text: str) -> str:
    """The lower-case, dashed form of a UUID. Raises `ValueError` for anything else."""
    return str(UUID(text))
