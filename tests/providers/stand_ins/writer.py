"""Writes whatever its steps say, as programs do that are broken or know no end.

    writer.py STEPS.json …

A step is {"out": text}, {"err": text}, {"raw": bytes as Latin-1}, {"flood": [line, times]},
{"deaf": true} (to SIGTERM), {"ask_terminal": true}
(reads what a person types), {"close": true} (its standard output), {"hang": true} or
{"leave": code}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def do(step: dict[str, Any]) -> None:
    """Takes one step."""
    match step:
        case {"out": text}:
            os.write(1, f"{text}\n".encode())
        case {"err": text}:
            os.write(2, f"{text}\n".encode())
        case {"raw": text}:
            write_whole(text.encode("latin-1"))
        case {"flood": [line, times]}:
            write_whole(f"{line}\n".encode() * times)
        case {"deaf": _}:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case {"ask_terminal": _}:
            with Path("/dev/tty").open() as terminal:
                terminal.readline()
        case {"close": _}:
            os.close(1)
        case {"hang": _}:
            signal.pause()
        case {"leave": code}:
            raise SystemExit(code)


def write_whole(data: bytes) -> None:
    """Writes all of it, however often that takes."""
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    for each in json.loads(Path(sys.argv[1]).read_text()):
        do(each)
