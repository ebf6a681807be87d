"""Where everything goes that a run brings: its events to whoever listens, its raw output to a file.

What could not be read, too, is in the file, as it came; it is private, and has a bound.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from agentd.paths import prepare_directory
from agentd.providers.agent_events import AgentEvent, Attention, AttentionLevel

LOG_BYTES_MAX: Final = 64 * 2**20
_CUT_OFF: Final = b"\n(the log may not get longer than this)\n"


class Stream(StrEnum):
    """What a piece of the log was."""

    OUTPUT = "output"
    ERRORS = "errors"
    INPUT = "input"
    """What was written to the program."""


class Chronicle:
    """The record of one run; a context manager that closes its file."""

    def __init__(
        self,
        log_path: Path,
        tell: Callable[[AgentEvent], None],
        *,
        log_bytes_max: int = LOG_BYTES_MAX,
    ) -> None:
        """Makes the file. Raises `Unavailable` and `PermissionDenied` for an unusable directory."""
        prepare_directory(log_path.parent)
        descriptor = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.log_path = log_path
        self._listeners = [tell]
        self._file = open(descriptor, "wb", buffering=0)  # noqa: SIM115 - as long as the run.
        self._left = log_bytes_max
        self._stream: Stream | None = None

    def listen(self, listener: Callable[[AgentEvent], None]) -> None:
        """Has the events told to somebody else, too."""
        self._listeners.append(listener)

    def tell(self, event: AgentEvent) -> None:
        """Tells an event to all who listen."""
        for listener in self._listeners:
            listener(event)

    def keep(self, stream: Stream, data: bytes) -> None:
        """Adds some raw bytes to the log."""
        if self._left <= 0:
            return
        if stream is not self._stream:
            self._stream = stream
            data = f"--- {stream}\n".encode() + data
        try:
            self._file.write(data[: self._left])
            self._left -= len(data)
            if self._left <= 0:
                self._file.write(_CUT_OFF)
        except OSError as error:  # The run is worth more than its log.
            self._left = 0
            told = f"{self.log_path} is not written any more: {error.strerror}"
            self.tell(Attention(AttentionLevel.NOTICE, told))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
