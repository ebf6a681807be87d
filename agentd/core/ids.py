"""Identities: the kinds of them, and the injected source of new ones."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import NewType, Protocol
from uuid import UUID, uuid4

from agentd.core.clock import SystemClock

TaskId = NewType("TaskId", str)
NodeId = NewType("NodeId", str)
LeaseId = NewType("LeaseId", str)
"""A capability: whoever shows it holds the lease. Shown to the holder alone, never logged."""
EventId = NewType("EventId", str)
ReviewId = NewType("ReviewId", str)


class IdSource(Protocol):
    """Whoever makes new identities: UUIDs in their usual text form that nobody has seen before."""

    def new(self) -> str:
        """One that a person may abbreviate to its beginning: a task, a node, a review."""
        ...

    def new_ordered(self) -> str:
        """One of which very many are stored: a lease, an event."""
        ...


_VARIANT_DIGITS = str.maketrans("0123456789abcdef", "89ab" * 4)
"""A UUID's two fixed bits in front of two random ones."""


class RandomIds:
    """UUIDs of version 4, and of version 7 where many are stored.

    Version 7 has the time in front and 74 random bits behind: what is made together lies together
    in the database's indexes, so that a batch of requests changes a few of their pages instead of
    one for each. Its beginning is the same for a minute and therefore no abbreviation.
    """

    _BLOCK_IDS = 256

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._block: list[str] = []

    def new(self) -> str:
        """A UUID that is random from its first digit on."""
        return str(uuid4())

    def new_ordered(self) -> str:
        """A UUID that cannot be guessed from others, although it begins as they do."""
        if not self._block:
            self._block = self._made()
        return self._block.pop()

    def _made(self) -> list[str]:
        millis = f"{self._clock.now():012x}"
        prefix = f"{millis[:8]}-{millis[8:]}-7"
        digits = os.urandom(self._BLOCK_IDS * 10).hex()  # Each system call costs more than an id.
        variants = digits.translate(_VARIANT_DIGITS)
        return [
            f"{prefix}{digits[at : at + 3]}-{variants[at + 3 : at + 4]}"
            f"{digits[at + 4 : at + 7]}-{digits[at + 7 : at + 19]}"
            for at in range(0, len(digits), 20)
        ]


_RANDOM_AT = 15
"""Where the random digits of a UUID of version 4 or 7 begin that are kept in a numbered one."""


def numbered_tail(random_id: str) -> str:
    """The last three groups of a UUID of version 8, from the 74 random bits of another UUID."""
    return f"8{random_id[_RANDOM_AT:]}"


@lru_cache(maxsize=1024)  # A lease is asked for again when it is shown.
def numbered_id(number: int, tail: str) -> str:
    """The UUID of version 8 that has a number in front: what it stands for is found by that."""
    digits = f"{number:012x}"
    return f"{digits[:8]}-{digits[8:]}-{tail}"


def number_in(text: str) -> int | None:
    """The number in front of a `numbered_id`; None where there cannot be one.

    Says nothing about the rest: it is to be compared with the id that has this number.
    """
    try:
        return int(text[:8] + text[9:13], 16)
    except ValueError:
        return None


def canonical_uuid(text: str) -> str:
    """The lower-case, dashed form of a UUID. Raises `ValueError` for anything else."""
    return str(UUID(text))
