"""A program's standard output, as it comes, into events: one JSON object a line.

Whatever a program writes is taken: a line that is no JSON, that is too long or that says something
unknown is counted and skipped, and every line is accounted for. Pure: bytes in, events out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import orjson

from agentd.providers.agent_events import AgentEvent, Events
from agentd.providers.json_values import Message, text_of

Read: TypeAlias = Callable[[Message], Events | None]
"""What a message of a program means; None where the reader does not know its kind."""

LINE_BYTES_MAX: Final = 8 * 2**20
_KINDS_MAX: Final = 20
_KIND_CHARS_MAX: Final = 60


class OutputReader:
    """Reads one program's output."""

    def __init__(self, read: Read, *, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self._read = read
        self._line_bytes_max = line_bytes_max
        self._rest = bytearray()
        self._is_skipping = False
        self.lines = 0
        self.understood = 0
        self.blank = 0
        self.unreadable = 0
        """Lines that are no JSON object."""
        self.too_long = 0
        self.unknown: Counter[str] = Counter()
        """Messages of kinds that the reader does not know; beyond twenty, they are `other`."""

    def feed(self, data: bytes) -> Iterator[AgentEvent]:
        """The events in what the program wrote next."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            yield from self._line_ended(end)
        self._grow(rest)

    def end(self) -> Iterator[AgentEvent]:
        """The events of a last line that no newline ended."""
        if self._rest or self._is_skipping:
            yield from self._line_ended(b"")

    @property
    def skipped(self) -> int:
        """How many lines told us nothing because they could not be read."""
        return self.unreadable + self.too_long + self.unknown.total()

    def warnings(self) -> tuple[str, ...]:
        """What was skipped, as sentences."""
        kinds = ", ".join(sorted(self.unknown))
        counted = (
            (self.unreadable, "no JSON object"),
            (self.too_long, f"longer than {self._line_bytes_max:,} bytes"),
            (self.unknown.total(), f"of unknown kinds ({kinds})"),
        )
        return tuple(
            f"{count} line{'' if count == 1 else 's'} of its output skipped: {what}"
            for count, what in counted
            if count
        )

    def _grow(self, data: bytes) -> None:
        if self._is_skipping:
            return
        self._rest += data
        if len(self._rest) > self._line_bytes_max:
            self._rest.clear()
            self._is_skipping = True

    def _line_ended(self, end: bytes) -> Events:
        self._grow(end)
        line, was_skipping = bytes(self._rest), self._is_skipping
        self._rest.clear()
        self._is_skipping = False
        self.lines += 1
        if was_skipping:
            self.too_long += 1
            return ()
        return self._events(line)

    def _events(self, line: bytes) -> Events:
        if not line.strip():
            self.blank += 1
            return ()
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            self.unreadable += 1
            return ()
        events = self._read(message)
        if events is None:
            kind = _kind(message)
            known = kind in self.unknown or len(self.unknown) < _KINDS_MAX
            self.unknown[kind if known else "other"] += 1
            return ()
        self.understood += 1
        return events


def _kind(message: Message) -> str:
    """What a message calls itself, under whichever of the usual names."""
    for key in ("type", "event", "method"):
        if kind := text_of(message.get(key), _KIND_CHARS_MAX):
            return kind
    return "without a kind"
