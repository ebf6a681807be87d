"""Keeps the journal's index by resource near its end.

The index is not written with each event but in steps of many, which costs a fraction of it. What is
not indexed yet is found all the same, by looking at each event; so the only thing to see to is that
there are never many of these. Knows how far the index is, not what is in it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from agentd.core.dispatch import Chore
from agentd.core.operations.journal import EVENTS_INDEXED_AT_ONCE, index_resources
from agentd.core.operations.transaction import Effects
from agentd.core.writer import Writer
from agentd.errors import AgentdError

logger = logging.getLogger(__name__)

UNINDEXED_EVENTS_MAX: Final = EVENTS_INDEXED_AT_ONCE
"""How many events may gather: a reader looks at that many in a few milliseconds."""


class Indexing:
    """Has the index catch up whenever enough events have gathered."""

    def __init__(self, writer: Writer, indexed_up_to: int) -> None:
        self._writer = writer
        self._indexed_up_to = indexed_up_to
        self._last_seq = 0
        self._catching_up: asyncio.Task[None] | None = None

    def notice(self, effects: Effects) -> None:
        """Learns how far the journal is."""
        if effects.last_seq:
            self._last_seq = effects.last_seq
            if self._is_behind and self._catching_up is None:
                self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())

    async def stop(self) -> None:
        """Finishes the step that is under way. What is not indexed then is indexed later."""
        if self._catching_up is not None:
            await self._catching_up

    @property
    def _is_behind(self) -> bool:
        return self._last_seq - self._indexed_up_to >= UNINDEXED_EVENTS_MAX

    async def _catch_up(self) -> None:
        try:
            while self._is_behind:
                chore = Chore(index_resources)
                self._writer.submit(chore)
                self._indexed_up_to = await chore.done
        except AgentdError as error:  # The next event that can be written is the next attempt.
            logger.warning("indexing failed", extra={"fields": {"reason": error.reason}})
        finally:
            self._catching_up = None
