"""Has the signals that ask a program to end cancel a task first, as Ctrl-C does by itself.

Whoever dies of one at once leaves behind what it has started.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Final

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def cancelled_by_signals() -> Iterator[None]:
    """Within the block, the signals cancel the task that is in it. One that is ignored, as by
    `nohup`, stays so."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    taken = [each for each in _ENDING if signal.getsignal(each) is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
