"""RegisterTask for tasks that are too large for one turn of the event loop or of the writer.

Their params are checked in a thread of their own, and their rows written in steps, between which
everybody else's requests are carried out. One large task is stored at a time. Knows the order of
the steps, not what they write.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, cast

from agentd.core.clock import Instant
from agentd.core.dispatch import Call, Chore
from agentd.core.ids import NodeId
from agentd.core.operations import registration
from agentd.core.operations.idempotency import is_remembered, request_digest, run_once
from agentd.core.operations.registration import TaskPlan
from agentd.core.operations.transaction import Transaction
from agentd.core.writer import Writer
from agentd.errors import AgentdError, Unavailable
from agentd.protocol.envelope import validate_params
from agentd.protocol.tasks import RegisterTaskParams

logger = logging.getLogger(__name__)

METHOD = "RegisterTask"
ResultT = TypeVar("ResultT")


class Registering:
    """The large tasks that are on their way into the database."""

    def __init__(self, writer: Writer, payload_bytes_max: int) -> None:
        self._writer = writer
        self._payload_bytes_max = payload_bytes_max
        self._one_at_a_time = asyncio.Lock()
        self._works: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self, call: Call) -> None:
        """Takes over a RegisterTask call."""
        if call.alone:
            self._spawn(call.conclude(self._register(call)))
        else:
            call.submit()

    def tidy_up(self) -> None:
        """Takes back what a daemon that was killed has left half done; nobody sees it meanwhile."""
        self._spawn(self._tidy_up())

    async def stop(self) -> None:
        """Breaks off what is under way. The next daemon takes it back."""
        self._stopping = True
        await asyncio.gather(*self._works)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    async def _register(self, call: Call) -> None:
        params = await asyncio.to_thread(validate_params, RegisterTaskParams, call.params)
        plan = await asyncio.to_thread(registration.plan_task, params, self._payload_bytes_max)
        call.params = params
        if not plan.is_large:
            call.submit()
            return
        async with self._one_at_a_time:
            await self._take_back()
            try:
                call.result = await self._store(plan)
            except AgentdError:
                await self._tidy_up_after_failure()
                raise
        call.finish()

    async def _store(self, plan: TaskPlan) -> Any:
        """The method's result, after all steps."""
        params, digest = plan.params, None
        if params.idempotency_key is not None:
            digest = await asyncio.to_thread(request_digest, params)
            if await self._perform(partial(is_remembered, params.idempotency_key)):
                return await self._once(params, digest, registration.register_task)
        begun = await self._perform(partial(registration.begin, plan))
        node_ids: list[NodeId] = []
        for positions in registration.node_steps(plan):
            step = partial(registration.add_nodes, plan, positions, begun)
            node_ids += await self._perform(step)
        for rows in registration.dependency_steps(plan, begun):
            await self._perform(partial(registration.add_dependencies, rows))

        def publish(tx: Transaction, _: RegisterTaskParams, now: Instant) -> dict[str, Any]:
            return registration.publish(plan, node_ids, begun, tx, now)

        return await self._once(params, digest, publish)

    async def _once(
        self,
        params: RegisterTaskParams,
        digest: bytes | None,
        operation: Callable[[Transaction, RegisterTaskParams, Instant], Any],
    ) -> Any:
        return await self._perform(
            lambda tx, now: run_once(tx, METHOD, params, now, operation, digest=digest)
        )

    async def _take_back(self) -> None:
        while await self._perform(registration.take_back):
            pass

    async def _tidy_up_after_failure(self) -> None:
        try:
            await self._take_back()
        except AgentdError as error:  # The next large task, or the next daemon, takes it back.
            logger.warning("registration left", extra={"fields": {"reason": error.reason}})

    async def _tidy_up(self) -> None:
        async with self._one_at_a_time:
            await self._tidy_up_after_failure()

    async def _perform(self, operation: Callable[[Transaction, Instant], ResultT]) -> ResultT:
        if self._stopping:
            raise Unavailable("shutting_down", "the daemon is stopping")
        chore = Chore(operation)
        self._writer.submit(chore)
        return cast("ResultT", await chore.done)
