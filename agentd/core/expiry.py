"""When leases that ran out are rolled back: before somebody reads, and soon by themselves.

Operations decide expiry on access, so nothing depends on a sweep for being right; it makes visible
what has happened already, and wakes those who wait for it. Knows when the next lease ends, not
which one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from agentd.core.clock import Clock, Instant, UnixSeconds, has_passed
from agentd.core.dispatch import Chore
from agentd.core.operations.expiry import earliest_expiry, expire_due, prune
from agentd.core.operations.transaction import Effects, Transaction
from agentd.core.writer import Writer
from agentd.errors import AgentdError, Unavailable

logger = logging.getLogger(__name__)

SWEPT_AT_ONCE: Final = 500
"""Leases rolled back in one request of the writer's, so that others get their turn."""
_PRUNE_EVERY_MILLIS: Final = 600_000


class _Sweep(Chore):
    """Rolls back some of what has lapsed."""

    __slots__ = ("_expiry",)

    def __init__(self, expiry: Expiry) -> None:
        super().__init__(_expire_some)
        self._expiry = expiry

    def settle(self, effects: Effects) -> None:
        """Forgets the past expiry before the effects of the batch announce the next one."""
        if not self.failed:
            self._expiry.forget()
        super().settle(effects)


def _expire_some(tx: Transaction, now: Instant) -> int:
    expired = expire_due(tx, now, SWEPT_AT_ONCE)
    next_end = earliest_expiry(tx.connection)
    if next_end is not None:
        tx.effects.expires(next_end)
    return expired


class Expiry:
    """Sweeps at the end of the earliest lease, and looks at the clock once every `sweep_secs`."""

    def __init__(self, writer: Writer, clock: Clock, sweep_secs: float) -> None:
        self._writer = writer
        self._clock = clock
        self._sweep_secs = sweep_secs
        self._earliest: UnixSeconds | None = None
        self._sweeping: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pruned_at = Instant(0)
        self._looking: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._stopped = False

    async def start(self) -> None:
        """Rolls back what ran out while no daemon was there; learns when the next lease ends.

        Where the disk is full that is done later: what can be read is worth a daemon.
        """
        try:
            await self._sweep()
        except Unavailable as error:
            if error.reason != "disk_full":
                raise
            _log_failure(error)
            self._earliest = UnixSeconds(0)  # Something may have lapsed.
            self._arm(after_failure=True)
        else:
            self._arm()

    async def stop(self) -> None:
        """Sweeps no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            await self._looking

    def notice(self, effects: Effects) -> None:
        """Learns of a lease that ends earlier than those known."""
        earliest = effects.earliest_expiry
        if earliest is not None and (self._earliest is None or earliest < self._earliest):
            self._earliest = earliest
            if not self._stopped and self._timer is not None:
                self._arm()

    def forget(self) -> None:
        """The earliest end is behind us."""
        self._earliest = None

    async def expire_what_is_due(self) -> None:
        """Rolls back what has lapsed, if anything has. Cheap when nothing has.

        Where that cannot be written, on a full disk say, it stays as it is: whoever reads can
        still read, and sees by the lease's end that it is over.
        """
        try:
            await self._expire_due()
        except AgentdError as error:
            _log_failure(error)

    async def _expire_due(self) -> None:
        earliest = self._earliest
        if earliest is not None and has_passed(earliest, self._clock.now()):
            await self._sweep()

    async def _sweep(self) -> None:
        if self._sweeping is None:
            self._sweeping = self._loop.create_task(self._expire_all())
            self._sweeping.add_done_callback(self._swept)
        await asyncio.shield(self._sweeping)

    def _swept(self, _: asyncio.Future[None]) -> None:
        self._sweeping = None

    async def _expire_all(self) -> None:
        while await self._perform(_Sweep(self)) >= SWEPT_AT_ONCE:
            pass

    async def _prune_now_and_then(self) -> None:
        now = self._clock.now()
        if now - self._pruned_at >= _PRUNE_EVERY_MILLIS:
            self._pruned_at = now
            await self._perform(Chore(prune))

    async def _perform(self, chore: Chore) -> int:
        self._writer.submit(chore)
        done: int = await chore.done
        return done

    def _arm(self, *, after_failure: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = self._sweep_secs
        if self._earliest is not None and not after_failure:
            delay = min(delay, max(0.0, self._earliest - self._clock.now() / 1000))
        self._timer = self._loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        self._looking = self._loop.create_task(self._look())

    async def _look(self) -> None:
        failed = False
        try:
            await self._expire_due()
            await self._prune_now_and_then()
        except AgentdError as error:
            _log_failure(error)
            failed = True
        if not self._stopped:
            # What is overdue stays so when a sweep fails: without a pause it would spin.
            self._arm(after_failure=failed)


def _log_failure(error: AgentdError) -> None:
    logger.warning("sweep failed", extra={"fields": {"reason": error.reason}})
