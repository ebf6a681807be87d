"""Where a transaction runs: in the writer's thread, or where it is cheaper, on the event loop.

Handing a batch to the thread and its outcome back wakes a sleeping thread three times. On a disk
that syncs in a fraction of a millisecond that takes longer than the sync, while the loop has
nothing to do anyway: those who could ask wait for this very commit. So once commits have been quick
for a while, batches of brief requests are carried out by the loop itself. A disk that gets slow
holds it up twice; then the thread has its work back. Pure: is told how long commits take.
"""

from __future__ import annotations

from typing import Final

QUICK_SECS: Final = 0.001
"""A commit is quick below that: as long as the loop may stand still for it."""
TRUSTED_FROM: Final = 16
_TRUST_MAX: Final = 32
_LOST_BY_A_SLOW_ONE: Final = 16
"""One alone is forgiven, as the checkpoint that comes every few hundred commits; two are not."""


class QuickCommits:
    """How far commits are to be trusted to be quick. Not at all at first."""

    __slots__ = ("_trust",)

    def __init__(self) -> None:
        self._trust = 0

    @property
    def are_usual(self) -> bool:
        """Whether the next commit is likely to be quick, too."""
        return self._trust >= TRUSTED_FROM

    def committed(self, commit_secs: float) -> None:
        """A transaction has been committed, which took so long."""
        if commit_secs < QUICK_SECS:
            self._trust = min(self._trust + 1, _TRUST_MAX)
        else:
            self._trust = max(self._trust - _LOST_BY_A_SLOW_ONE, 0)

    def failed(self) -> None:
        """A transaction could not be committed: who knows how the disk is now."""
        self._trust = 0
