"""A digest of lines of code that comments, blank lines and indentation do not change.

Pure. It tells changed code from unchanged code, never what the change means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class LineDigests:
    """The digests of one file, each made once: of all that stands on one long line, it is one."""

    lines: Sequence[str]
    comment: str
    """What a line begins with that does not count."""
    _made: dict[tuple[int, int], str] = field(default_factory=dict)

    def of(self, first: int, last: int) -> str:
        """The digest of the lines from one to another, both included, from 1."""
        place = (first, last)
        if place not in self._made:
            self._made[place] = self._digest(first, last)
        return self._made[place]

    def _digest(self, first: int, last: int) -> str:
        digest = blake2b(digest_size=8)
        for line in self.lines[first - 1 : last]:
            stripped = line.strip()
            if stripped and not stripped.startswith(self.comment):
                digest.update(stripped.encode("utf-8", "surrogatepass"))
                digest.update(b"\n")
        return digest.hexdigest()
