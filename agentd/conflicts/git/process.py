"""Runs one git command, shielded from everything that could change its verdict.

The environment is empty but for what is set here, so no `GIT_*` variable of a hook or a shell, no
system or user configuration and no locale reaches git; configuration that a repository could set
is overridden on the command line. Each call has a time limit and a bounded output. This module must
not know what the commands are for. `git.*` exceptions end here.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypedDict, Unpack, cast

from agentd.conflicts.git.names import decoded
from agentd.errors import DependencyFailed, Unsupported

if TYPE_CHECKING:
    from git import Git

GIT_VERSION_MIN: Final = (2, 38)
"""`merge-tree --write-tree` came with 2.38."""
GIT_BATCH_VERSION: Final = (2, 39)
"""`merge-tree --stdin` came with 2.39."""

_ENVIRONMENT: Final[Mapping[str, str]] = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}

_CONFIGURATION: Final[Mapping[str, str]] = {
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.quotePath": "false",
    "core.checkStat": "default",
    "diff.algorithm": "histogram",
    "diff.renames": "true",
    "diff.renameLimit": "1000",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "merge.renames": "true",
    "merge.directoryRenames": "conflict",
    "merge.renameLimit": "1000",
    "merge.conflictStyle": "merge",
    "pack.threads": "1",
    "protocol.allow": "never",
    # The repository may belong to another user; nothing that it could make git run is run.
    "safe.directory": "*",
    "submodule.recurse": "false",
}


class TimeRanOut(DependencyFailed):
    """git was ended before it was done; the same again would take as long."""


class OutputTooLarge(DependencyFailed):
    """git printed more than it may; asking for less may help."""


@dataclass(frozen=True, slots=True)
class GitResult:
    """What a git command answered."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """The output as text, without the newline at its end."""
        return decoded(self.stdout).removesuffix("\n")


class RunOptions(TypedDict, total=False):
    """How a git command is run, wherever that is."""

    stdin: bytes | None
    environment: Mapping[str, str]
    """Variables beside those that every command gets."""
    configuration: Mapping[str, str]
    """Settings beside those that every command gets."""
    check: bool
    """Whether an exit status other than 0 is an error."""
    large: bool
    """Whether the output is read in pieces and no more of it kept than the limit; for commands that
    say little on stderr."""


class GitProcess:
    """Runs git commands within limits."""

    def __init__(
        self,
        *,
        timeout_secs: float = 60.0,
        output_bytes_max: int = 256 * 2**20,
        text_bytes_max: int | None = None,
    ) -> None:
        self._timeout_secs = timeout_secs
        self._text_bytes_max = text_bytes_max
        self._output_bytes_max = output_bytes_max
        self._program = shutil.which("git")
        self._batches_merges: bool | None = None

    def within(self, *, timeout_secs: float, text_bytes_max: int | None = None) -> GitProcess:
        """The same, with another time limit; larger files than `text_bytes_max` have no lines."""
        made = GitProcess(
            timeout_secs=timeout_secs,
            output_bytes_max=self._output_bytes_max,
            text_bytes_max=self._text_bytes_max if text_bytes_max is None else text_bytes_max,
        )
        made._batches_merges = self._batches_merges
        return made

    def version(self) -> str:
        """The version of git, as in `2.39.5`. Raises `git_too_old` where it is not enough."""
        text = self.run(["version"], check=True).text if self._program else ""
        match = re.search(r"(\d+)\.(\d+)(?:\.\d+)*", text)
        need = ".".join(str(part) for part in GIT_VERSION_MIN)
        if match is None:
            raise Unsupported("git_too_old", "no git was found", need=need, have=text or "none")
        if (int(match[1]), int(match[2])) < GIT_VERSION_MIN:
            raise Unsupported(
                "git_too_old",
                f"git {match[0]} cannot merge without a checkout; the referee needs {need}",
                need=need,
                have=match[0],
            )
        return match[0]

    @property
    def batches_merges(self) -> bool:
        """Whether `git merge-tree` takes many merges at once; found out once."""
        if self._batches_merges is None:
            major, minor, *_ = self.version().split(".")
            self._batches_merges = (int(major), int(minor)) >= GIT_BATCH_VERSION
        return self._batches_merges

    def run(
        self,
        arguments: Sequence[str],
        *,
        directory: Path | None = None,
        **options: Unpack[RunOptions],
    ) -> GitResult:
        """Runs one command. Raises `git_failed` on a timeout, and on any failure with `check`."""
        command = self._command(
            arguments, options.get("environment", {}), options.get("configuration", {})
        )
        with _input(options.get("stdin")) as istream:
            result = self._execute(command, directory, istream, large=options.get("large", False))
        if result.status < 0:
            why = f"it was ended by signal {-result.status}, or its time ran out"
            raise TimeRanOut("git_failed", f"`git {_verb(arguments)}` failed: {why}")
        if options.get("check", False) and result.status != 0:
            raise _failed(arguments, result.stderr or f"exit status {result.status}")
        return result

    def _command(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        configuration: Mapping[str, str],
    ) -> list[str]:
        program = self._program
        if program is None:
            raise Unsupported("git_too_old", "no git was found", need="2.38", have="none")
        variables = {
            "PATH": f"{Path(program).parent}:/usr/bin:/bin",
            **_ENVIRONMENT,
            **environment,
        }
        settings = {**_CONFIGURATION, **configuration}
        if self._text_bytes_max is not None:
            # Beyond it git takes a file for binary without a look into it.
            settings["core.bigFileThreshold"] = str(self._text_bytes_max)
        return [
            "env",
            "-i",
            *(f"{name}={value}" for name, value in variables.items()),
            program,
            *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
            *arguments,
        ]

    def _execute(
        self, command: list[str], directory: Path | None, istream: IO[bytes], *, large: bool
    ) -> GitResult:
        # Imported on first use: it takes longer than the rest of the referee together.
        from git import Git
        from git.exc import GitError

        git = Git(str(directory) if directory else "/")
        try:
            result = (
                self._in_pieces(git, command, istream)
                if large
                else self._at_once(git, command, istream)
            )
        except (GitError, OSError) as failure:
            raise DependencyFailed("git_failed", f"git could not be run: {failure}") from failure
        if len(result.stdout) > self._output_bytes_max:
            raise _too_much(self._output_bytes_max)
        return result

    def _at_once(self, git: Git, command: list[str], istream: IO[bytes]) -> GitResult:
        # GitPython's own time limit outlives whatever interrupts the waiting: the timer's thread
        # would hold up the end of the process for as long as git might have taken.
        process = git.execute(
            command, istream=cast(io.BytesIO, istream), as_process=True, start_new_session=True
        )
        try:
            stdout, stderr = process.communicate(timeout=self._timeout_secs)
        except BaseException as ending:
            if process.returncode is None:  # Not reaped, so the number is still its own.
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            if not isinstance(ending, subprocess.TimeoutExpired):
                raise
            return GitResult(-signal.SIGKILL, b"", "")
        return GitResult(process.returncode, stdout, decoded(stderr).removesuffix("\n"))

    def _in_pieces(self, git: Git, command: list[str], istream: IO[bytes]) -> GitResult:
        sink = _BoundedSink(self._output_bytes_max)
        status, _, stderr = git.execute(
            command,
            istream=cast(io.BytesIO, istream),
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=self._timeout_secs,
            output_stream=cast(io.BytesIO, sink),
        )
        if sink.overflowed:
            raise _too_much(self._output_bytes_max)
        return GitResult(int(status), bytes(sink.data), str(stderr))


class _BoundedSink:
    """Collects what git writes up to a limit, and lets the rest pass: git must be read to its end
    to end by itself, and it has a time limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.data = bytearray()
        self.overflowed = False

    def write(self, chunk: bytes) -> int:
        """Takes a piece."""
        self.overflowed |= len(self.data) + len(chunk) > self._limit
        if not self.overflowed:
            self.data += chunk
        return len(chunk)


@contextmanager
def _input(stdin: bytes | None) -> Iterator[IO[bytes]]:
    """A file for the process to read: never a pipe, which could fill up on both ends."""
    with tempfile.TemporaryFile() as file:
        file.write(stdin or b"")
        file.seek(0)
        yield file


_OBJECT_MISSING: Final = re.compile(r"unable to read|missing (?:blob|tree|commit)|lazy fetch")
_DAMAGE: Final = re.compile(
    r"^(?:error|fatal): (?:failed to read |corrupt loose object|loose object |read of |inflate: "
    r"|could not read [0-9a-f]|unable to (?:read|unpack|stream|parse) [0-9a-f]"
    r"|object file |packed object )",
    re.MULTILINE | re.IGNORECASE,
)


def tells_of_damage(stderr: str) -> bool:
    """Whether git failed on an object of the repository, not on what it was asked."""
    return _DAMAGE.search(stderr) is not None


def _verb(arguments: Sequence[str]) -> str:
    return next((part for part in arguments if not part.startswith("-")), "")


def _failed(arguments: Sequence[str], why: str) -> DependencyFailed:
    verb = _verb(arguments)
    hint = None
    if _OBJECT_MISSING.search(why):
        hint = (
            "An object of the repository is not there. A partial clone gets what it lacks with "
            "`git fetch --refetch --no-filter`; elsewhere see what `git fsck` says."
        )
    message = f"`git {verb}` failed: {why.strip()[:500]}"
    return DependencyFailed("git_failed", message, hint=hint, command=verb)


def _too_much(limit: int) -> OutputTooLarge:
    return OutputTooLarge("git_failed", f"git printed more than {limit:,} bytes.")
