"""The three standard streams, made fit for whatever the programs print and whoever starts them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Final

from agentd.cli.connect import fail

_NAMES: Final = ("stdin", "stdout", "stderr")
_OUTPUT_FAILURES: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def run_program(program: Callable[[], None]) -> None:
    """Runs a program whose output may fail to be written, and says so."""
    fit_streams()
    try:
        program()
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT_FAILURES:
            raise
        _open_nothing_at(sys.stdout.fileno())  # What is buffered would fail once more at the end.
        fail(f"cannot write the output: {error.strerror}", hint="Send it somewhere else.")


def fit_streams() -> None:
    """Opens those that are closed to nothing, and lets no character be one that cannot be written.

    A file opened later would get the number of a closed stream, which libraries do not expect.
    """
    for descriptor, name in enumerate(_NAMES):
        try:
            os.fstat(descriptor)
        except OSError:
            _open_nothing_at(descriptor)
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, TextIOWrapper):  # A test has others.
            output.reconfigure(errors="backslashreplace")


def _open_nothing_at(descriptor: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != descriptor:
        os.dup2(nothing, descriptor)
        os.close(nothing)
