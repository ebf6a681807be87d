"""Signals of child processes, whatever the test run itself was started with."""

from __future__ import annotations

import signal


def default_signals() -> None:
    """For `preexec_fn`: a child of `nohup`, or of a shell's `&`, would ignore these for ever."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
