"""A repository in which git commands run, as those see it who only need to run some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from agentd.conflicts.git_process import GitResult


class Place(Protocol):
    """A repository in which git commands run."""

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        configuration: Mapping[str, str] | None = None,
        check: bool = False,
        large: bool = False,
    ) -> GitResult:
        """A git command in it."""
        ...
