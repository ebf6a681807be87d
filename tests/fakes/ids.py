"""Identities that are the same in every run."""

from __future__ import annotations


class SequentialIds:
    """UUIDs that count: 00000000-0000-4000-8000-000000000001 and so on."""

    def __init__(self) -> None:
        self._last = 0

    def new(self) -> str:
        """The next one."""
        self._last += 1
        return f"00000000-0000-4000-8000-{self._last:012x}"

    def new_ordered(self) -> str:
        """The next one, of the same count."""
        return self.new()
