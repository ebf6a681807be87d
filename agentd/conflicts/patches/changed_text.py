"""A text with some of its stretches changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from agentd.conflicts.hunk_overlap import span
from agentd.conflicts.trees.changes import Hunk


def with_hunks(content: bytes, hunks: Sequence[Hunk]) -> bytes:
    """The text after changes that lie apart, in their order."""
    lines = content.split(b"\n")
    last = lines.pop()
    whole = [line + b"\n" for line in lines] + ([last] if last else [])
    parts: list[bytes] = []
    at = 0
    for hunk in hunks:
        start, end = span(hunk)
        parts += whole[at:start]
        parts += hunk.added
        at = end
    return b"".join((*parts, *whole[at:]))
