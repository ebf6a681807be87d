"""A repository in which git commands run, as those see it who only need to run some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Unpack

from agentd.conflicts.git.process import GitResult, RunOptions


class Place(Protocol):
    """A repository in which git commands run."""

    def run(self, arguments: Sequence[str], **options: Unpack[RunOptions]) -> GitResult:
        """A git command in it."""
        ...
