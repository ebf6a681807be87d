"""How often a review is made anew because others move its target: for a while, not for ever.

Whoever swaps the ref first wins, so that somebody lands in each round; pauses that differ keep the
losers from meeting again. It must not know what is tried.
"""

from __future__ import annotations

import random
import time
from typing import Final

TRIES_MIN: Final = 3
"""However long one takes."""
_PAUSE_SECS: Final = 0.05
_PAUSE_SECS_MAX: Final = 2.0


class LandingTries:
    """The tries of one review to land."""

    def __init__(self, secs: float) -> None:
        self.made = 0
        self._ends = time.monotonic() + secs

    def again(self) -> bool:
        """Notes that a try was in vain; waits before another one, or says that there is none."""
        self.made += 1
        if self.made >= TRIES_MIN and time.monotonic() >= self._ends:
            return False
        pause = min(_PAUSE_SECS * 2**self.made, _PAUSE_SECS_MAX)
        time.sleep(pause * (0.5 + random.random()))
        return True
