"""Bytes to lines and back: JSON Lines with a limit, without any I/O.

A line over the limit is reported once, at the moment the limit is passed, and its rest is thrown
away as it comes, so that a client cannot make the daemon hold more than the limit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineTooLong:
    """A line passed the limit; what follows it is read as usual."""

    limit_bytes: int


class LineDecoder:
    """Collects received bytes and hands out whole lines, without their line ends."""

    def __init__(self, line_bytes_max: int) -> None:
        self._max = line_bytes_max
        self._partial = bytearray()
        self._discarding = False

    def feed(self, data: bytes) -> list[bytes | LineTooLong]:
        """The lines that `data` completes, in order; blank ones are skipped."""
        begun = self._partial or self._discarding
        if not begun and len(data) <= self._max and data.endswith(b"\n"):
            # Whole lines, as nearly always: there is nothing to put together or to measure.
            return [line for piece in data.split(b"\n") if (line := piece.strip())]
        lines: list[bytes | LineTooLong] = []
        *complete, rest = data.split(b"\n")
        for piece in complete:
            self._take(piece, lines)
            if not self._discarding and (line := bytes(self._partial).strip()):
                lines.append(line)
            self._partial.clear()
            self._discarding = False
        self._take(rest, lines)
        return lines

    def finish(self) -> list[bytes | LineTooLong]:
        """The last line of a stream that ended without a line end, if there is one."""
        line = bytes(self._partial).strip()
        self._partial.clear()
        return [line] if line else []

    def _take(self, piece: bytes, lines: list[bytes | LineTooLong]) -> None:
        if self._discarding or not piece:
            return
        if len(self._partial) + len(piece) > self._max:
            self._discarding = True
            self._partial.clear()
            lines.append(LineTooLong(self._max))
        else:
            self._partial += piece
