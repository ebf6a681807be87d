"""A terminal at which a real client sits: it answers what programs ask of a terminal, and listens.

Clients tell their state to whoever understands it: by OSC 7501, and by the title of the window.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROWS: Final = 40
COLUMNS: Final = 120
_ANSWERS: Final = {
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[c": b"\x1b[?62;c",
    b"\x1b[?u": b"\x1b[?0u",
    b"\x1b]10;?": b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
}
_COMMAND: Final = re.compile(rb"\x1b\](\d+);([^\x07\x1b]*)(?:\x07|\x1b\\)")
_GRACE_SECS: Final = 10.0


class Terminal:
    """A program in a terminal of its own. Whoever made it calls `close`."""

    def __init__(
        self, argv: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> None:
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            try:
                os.chdir(directory)
                os.execvpe(argv[0], list(argv), environment)
            finally:
                os._exit(127)
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, size)
        self.output = b""
        self.has_ended = False

    def states(self) -> list[str]:
        """What the program said of its state, in its order: `working`, `blocked`, `done` …"""
        said = [text for number, text in _COMMAND.findall(self.output) if number == b"7501"]
        found = [re.search(rb"state=(\w+)", text) for text in said]
        return [each[1].decode() for each in found if each]

    def type(self, keys: str) -> None:
        """Types some keys."""
        os.write(self._descriptor, keys.encode())

    def wait_for(self, is_there: Callable[[], bool], secs: float) -> bool:
        """Reads until something is so; whether it came to be in time."""
        deadline = time.monotonic() + secs
        while not is_there():
            if self.has_ended or time.monotonic() > deadline:
                return False
            self._read()
        return True

    def close(self) -> None:
        """Ends the program, as kindly as it lets us."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.has_ended:
                break
            os.killpg(self._pid, number)
            self.wait_for(lambda: self.has_ended, _GRACE_SECS)
        os.close(self._descriptor)
        os.waitpid(self._pid, 0)

    def _read(self) -> None:
        ready, _, _ = select.select([self._descriptor], [], [], 0.2)
        if not ready:
            return
        try:
            data = os.read(self._descriptor, 65_536)
        except OSError:  # So a terminal says on Linux that its program has ended.
            data = b""
        if not data:
            self.has_ended = True
        self.output += data
        for question, answer in _ANSWERS.items():
            if question in data:
                os.write(self._descriptor, answer)
