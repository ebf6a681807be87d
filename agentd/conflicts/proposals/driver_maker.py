"""Has a merge driver that the policy names resolve files, within the walls of verification.

The driver is called as git calls one: three files and a result in the place of the second. They lie
in a scratch directory; the user's repository is nowhere near. Whatever goes wrong with the program
is a reason to decline, never an error of the review.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from posixpath import basename
from shutil import which
from typing import Final

from agentd.conflicts.checks.process_run import Ending, ProcessResult
from agentd.conflicts.checks.sandbox import Layout
from agentd.conflicts.checks.scratch import ends_as_exceptions, scratch_directory
from agentd.conflicts.checks.taken_files import Untakeable, take_files
from agentd.conflicts.checks.walls import Walls, end_processes_in
from agentd.conflicts.policy.proposals import Driver
from agentd.conflicts.proposals.confinement import replacements_in
from agentd.conflicts.proposals.gates import Gate, Refusal
from agentd.conflicts.proposals.making import Answer
from agentd.conflicts.proposals.sides import Conflict, Declined, FileSides

_MARKER_LENGTH: Final = "7"
_SAID_CHARS_MAX: Final = 200


class DriverMaker:
    """A merge driver."""

    def __init__(self, driver: Driver, walls: Walls, scratch: Path, *, bytes_max: int) -> None:
        """`scratch` is agentd's own directory for runs; a result over `bytes_max` is declined."""
        self._driver = driver
        self._walls = walls
        self._scratch = scratch
        self._bytes_max = bytes_max

    @property
    def name(self) -> str:
        """The driver's."""
        return self._driver.name

    def resolve(self, file: FileSides, conflict: Conflict) -> Answer:
        """One file, merged by the driver; outside of the regions it has to be as lines merge."""
        details = {"command": list(self._driver.command), "sandbox": self._walls.sandbox}
        outcome = self._merged(file)
        if isinstance(outcome, bytes) and replacements_in(file.lines, outcome) is None:
            message = "it changes lines that do not conflict"
            return Answer(Refusal(Gate.CONFINED, file.path, message), details)
        return Answer(outcome, details)

    def _merged(self, file: FileSides) -> bytes | Declined:
        if not self._driver.reads(file.path):
            return Declined("the policy does not give it such files")
        program = self._driver.command[0]
        if which(program, path=self._walls.environment["PATH"]) is None:
            return Declined(f"there is no program {program} on PATH")
        try:
            with (
                ends_as_exceptions((signal.SIGTERM, signal.SIGHUP)),
                scratch_directory(self._scratch, end_processes_in) as root,
            ):
                return self._merged_in(Layout(root), file)
        except (OSError, Untakeable) as problem:
            return Declined(f"it could not be run: {problem}")

    def _merged_in(self, layout: Layout, file: FileSides) -> bytes | Declined:
        layout.make()
        filled = _laid_out(layout.tree, file)
        arguments = self._driver.arguments(filled)
        result, started = self._walls.run(layout, arguments, self._driver.timeout_secs)
        problem = self._problem(result, started=started)
        if problem is not None:
            return Declined(problem)
        result_file = Path(filled["%A"])
        taken = take_files(result_file.parent, lambda name: name == result_file.name)
        if result_file.name not in taken:
            return Declined("it leaves no result")
        content = taken[result_file.name][1]
        if len(content) > self._bytes_max:
            return Declined(f"its result is longer than {self._bytes_max:,} bytes")
        return content

    def _problem(self, result: ProcessResult, *, started: bool) -> str | None:
        if result.ending is Ending.TIMEOUT:
            return f"it does not end within {self._driver.timeout_secs:g} s"
        if started and result.exit_code == 0:
            return None
        said = result.output_tail.strip().rpartition("\n")[2][:_SAID_CHARS_MAX]
        problem = f"it leaves conflicts or fails (exit code {result.exit_code})"
        return f"{problem}: {said}" if said else problem


def _laid_out(directory: Path, file: FileSides) -> Mapping[str, str]:
    """Writes the three versions, each under the file's own name: drivers go by it."""
    name = basename(file.path)
    filled = {}
    for placeholder, side, content in (
        ("%O", "base", file.base),
        ("%A", "left", file.left),
        ("%B", "right", file.right),
    ):
        path = directory / side / name
        path.parent.mkdir()
        path.write_bytes(content)
        filled[placeholder] = str(path)
    # A path may begin with a dash; nothing that an agent named is to become an option.
    shown = f"./{file.path}" if file.path.startswith("-") else file.path
    return {**filled, "%L": _MARKER_LENGTH, "%P": shown}
