"""Runs a program in a scratch directory within the walls: limits, environment, bubblewrap.

Whatever comes from outside is run through here, a project's commands and merge drivers alike. It
must not know what a program is for.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from agentd.conflicts.checks.process_run import ProcessResult, end_marked, run_process
from agentd.conflicts.checks.sandbox import (
    Bubblewrap,
    Layout,
    command_environment,
    find_bubblewrap,
    limited,
    scratch_environment,
)
from agentd.conflicts.policy.policy import Verification


class Walls:
    """The walls that stand around every program of one review."""

    def __init__(
        self,
        bounds: Verification,
        *,
        environ: Mapping[str, str],
        hidden: Sequence[Path] = (),
        use_bubblewrap: bool = True,
    ) -> None:
        """`environ` is the caller's environment, of which programs see a part; `hidden` are paths
        that they must not see.
        """
        self._bounds = bounds
        self._environ = environ
        self._hidden = tuple(hidden)
        self._use_bubblewrap = use_bubblewrap
        self.environment = command_environment(environ, bounds.env_pass)

    @property
    def sandbox(self) -> str:
        """`bwrap` or `none`: what stands between the programs and the machine."""
        return "bwrap" if self._bubblewrap else "none"

    @cached_property
    def _bubblewrap(self) -> Bubblewrap | None:
        return find_bubblewrap(self._environ, self._hidden) if self._use_bubblewrap else None

    def run(
        self,
        layout: Layout,
        arguments: Sequence[str],
        timeout_secs: float,
        *,
        network: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> tuple[ProcessResult, bool]:
        """Runs a program in the layout's tree; also says whether it came so far as to start.

        The word of the start comes through a pipe, where the program cannot take it back. Raises
        `OSError`.
        """
        told, telling = os.pipe()
        try:
            walled = limited(arguments, self._bounds, telling)
            if self._bubblewrap:
                walled = self._bubblewrap.wrap(walled, layout, network=network)
            result = run_process(
                walled,
                directory=layout.tree,
                environment=scratch_environment(self.environment, layout),
                timeout_secs=timeout_secs,
                output_bytes_max=self._bounds.output_bytes_max,
                inherited=(telling,),
                cancelled=cancelled,
            )
            started, _, _ = select.select([told], [], [], 0)
        finally:
            os.close(told)
            os.close(telling)
        return result, bool(started)


def end_processes_in(directory: Path) -> None:
    """Ends whatever still runs in a scratch directory."""
    end_marked(str(directory))
