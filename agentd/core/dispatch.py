"""From a line of text to the answer to it: finds the method, checks its params, has it run.

The one place where an exception becomes an error on the wire. Knows no socket: a line comes with a
`Caller`, who takes the answer. What writes goes to the writer without a task of its own; what
reads runs as a task. What waits is handed to whoever registered for its method.
"""

# ruff: noqa: BLE001 - a bug in one request must not end the daemon; it is logged as an incident.

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Protocol

from agentd.core.clock import Clock, Instant
from agentd.core.incidents import record_incident
from agentd.core.metrics import MethodMetrics, Metrics
from agentd.core.operations.idempotency import run_once
from agentd.core.operations.table import BRIEF, ReadOperation, WriteOperation
from agentd.core.operations.transaction import Effects, Transaction
from agentd.core.storage.database import Reader
from agentd.core.writer import Writer, database_failure
from agentd.errors import AgentdError, Unavailable
from agentd.protocol.envelope import (
    BadRequest,
    RequestId,
    encode_error,
    encode_result,
    parse_request,
    validate_params,
)
from agentd.protocol.fields import Params
from agentd.protocol.methods import METHODS, Access, Method, find_method

logger = logging.getLogger(__name__)

LocalOperation = Callable[[Any], Awaitable[Any]]
"""Answers from what the daemon itself knows."""


class Caller(Protocol):
    """Where the answer to one request goes."""

    def answer(self, line: bytes) -> None:
        """Takes the response."""
        ...

    def step_aside(self, give_up: Callable[[], None]) -> None:
        """Lets later answers overtake this one; calls `give_up` when nobody is left to hear it."""
        ...


@dataclass(slots=True)
class Route:
    """What belongs to one method, looked up once."""

    method: Method
    metrics: MethodMetrics
    operation: Any = None
    is_write: bool = False
    is_brief: bool = False
    start: Callable[[Call], None] | None = None
    """Takes over calls that may wait, or that others may have to wait behind."""
    unchecked_from: int | None = None
    """Bytes of a line from which on the params are left to `start` to check."""


class Call:
    """One request on its way, and what has become of it; for the writer, a `Write`."""

    __slots__ = (
        "_dispatcher",
        "alone",
        "behind_waiter",
        "caller",
        "error",
        "params",
        "parked",
        "received",
        "request_id",
        "result",
        "route",
        "started",
        "tried",
    )

    def __init__(
        self,
        dispatcher: Dispatcher,
        route: Route,
        request_id: RequestId,
        params: Params | dict[str, Any],
        caller: Caller,
        *,
        alone: bool = False,
    ) -> None:
        self._dispatcher = dispatcher
        self.route = route
        self.request_id = request_id
        self.params: Any = params
        self.caller = caller
        self.alone = alone
        """Its params are not checked yet, which takes long, so it has its lane for itself."""
        self.started = perf_counter_ns()
        self.behind_waiter = False
        self.received = Instant(0)
        self.parked = False
        self.result: Any = None
        self.error: AgentdError | None = None
        self.tried: Callable[[Effects], None] | None = None
        """Takes the outcome instead of the caller, when the call may be tried again."""

    @property
    def is_brief(self) -> bool:
        """Whether it may run on the event loop."""
        return self.route.is_brief

    @property
    def lane(self) -> object:
        """Calls of one connection run beside one another if they have the same, else in order."""
        return self if self.alone else self.route.is_write

    def start(self) -> None:
        """Runs the method."""
        if self.route.start is not None:
            self.route.start(self)
        elif self.route.is_write:
            self._dispatcher.writer.submit(self)
        else:
            self._dispatcher.spawn(self.read())

    def submit(self) -> None:
        """Has the operation tried, once more if it was before."""
        self._dispatcher.writer.submit(self)

    def park(self, give_up: Callable[[], None]) -> None:
        """From here on the call waits and holds nothing else up."""
        self.parked = True
        self.caller.step_aside(give_up)

    def run(self, tx: Transaction, now: Instant) -> bool:
        """The operation, for the writer."""
        try:
            params = self.params
            if params.idempotency_key is None:
                self.result = self.route.operation(tx, params, now)
            else:
                self.result = run_once(
                    tx, self.route.method.name, params, now, self.route.operation
                )
        except Exception as error:
            self.error = wire_error(error, during=self.route.method.name)
            return False
        self.error = None
        return True

    def settle(self, effects: Effects) -> None:
        """The transaction is on disk."""
        if self.tried is None:
            self.finish()
        else:
            self.tried(effects)

    def abandon(self, error: AgentdError) -> None:
        """The transaction failed."""
        self.error = error
        self.settle(Effects())

    def refuse(self, error: AgentdError) -> None:
        """Answers with an error."""
        self.error = error
        self.finish()

    async def conclude(self, work: Awaitable[None]) -> None:
        """Awaits what leads to the answer; an exception is the answer as well."""
        try:
            await work
        except Exception as error:
            self.refuse(wire_error(error, during=self.route.method.name))

    async def read(self) -> None:
        """The method, for one that changes nothing."""
        await self.attempt_read()
        self.finish()

    async def attempt_read(self) -> None:
        """Runs the reading operation and keeps its outcome."""
        dispatcher = self._dispatcher
        try:
            if self.route.method.access is Access.READ:
                await dispatcher.freshness.expire_what_is_due()
            self.result = await dispatcher.answer_of(self.route, self.params)
        except Exception as error:
            self.error = wire_error(error, during=self.route.method.name)

    def finish(self) -> None:
        """Sends the outcome to the caller and counts it."""
        metrics = self.route.metrics
        if self.parked:
            metrics.observe_untimed(failed=self.error is not None)
        else:
            micros = (perf_counter_ns() - self.started) // 1000
            metrics.observe(micros, failed=self.error is not None)
        if self.error is None:
            try:
                line = encode_result(self.request_id, self.result)
            except TypeError as error:  # What orjson raises for a value that is no JSON.
                self.error = record_incident(error, during=self.route.method.name)
        if self.error is not None:
            line = encode_error(self.request_id, self.error)
        self.caller.answer(line)


def wire_error(error: Exception, *, during: str) -> AgentdError:
    """The error that the caller gets for an exception."""
    if isinstance(error, AgentdError):
        return error
    return database_failure(error) or record_incident(error, during=during)


class Freshness(Protocol):
    """Whoever sees to it that readers find no lease alive that has run out."""

    async def expire_what_is_due(self) -> None:
        """Rolls back what has lapsed, if anything has."""
        ...


class Dispatcher:
    """All methods, and what they run on."""

    def __init__(
        self,
        *,
        writer: Writer,
        reader: Reader,
        clock: Clock,
        metrics: Metrics,
        freshness: Freshness,
        writes: Mapping[str, WriteOperation],
        reads: Mapping[str, ReadOperation],
        local: Mapping[str, LocalOperation],
    ) -> None:
        self.writer = writer
        self.freshness = freshness
        self._reader = reader
        self._clock = clock
        self._metrics = metrics
        self._local = local
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._routes = {
            name: Route(
                method,
                metrics.method(name),
                writes.get(name) or reads.get(name),
                is_write=method.access is Access.WRITE,
                is_brief=name in BRIEF,
            )
            for name, method in METHODS.items()
        }
        self._by_any_name: dict[str, Route] = dict(self._routes)

    def take_over(
        self,
        method_name: str,
        start: Callable[[Call], None],
        *,
        unchecked_from: int | None = None,
    ) -> None:
        """Has `start` called for each call of a method, instead of running it at once.

        Lines of more than `unchecked_from` bytes come to it as calls that are `alone`.
        """
        route = self._routes[method_name]
        route.start, route.unchecked_from = start, unchecked_from

    def refuse_new(self) -> None:
        """From here on every request is answered with `shutting_down`."""
        self._draining = True

    def receive(self, line: bytes, caller: Caller) -> Call | None:
        """The call that a line asks for, not started yet; None when it is already answered."""
        request_id: RequestId = None
        route: Route | None = None
        try:
            request = parse_request(line)
            request_id = request.id
            route = self._by_any_name.get(request.method) or self._route(request.method)
            if self._draining:
                raise Unavailable("shutting_down", "the daemon is stopping")
            if route.unchecked_from is not None and len(line) > route.unchecked_from:
                return Call(self, route, request_id, request.params, caller, alone=True)
            params = validate_params(route.method.params, request.params)
        except BadRequest as bad:
            caller.answer(encode_error(bad.request_id, bad.error))
            return None
        except AgentdError as error:
            if route is not None:
                route.metrics.observe_untimed(failed=True)
            caller.answer(encode_error(request_id, error))
            return None
        except Exception as error:
            caller.answer(encode_error(request_id, record_incident(error, during="parsing")))
            return None
        return Call(self, route, request_id, params, caller)

    def _route(self, name: str) -> Route:
        route = self._routes[find_method(name).name]
        self._by_any_name[name] = route
        return route

    async def answer_of(self, route: Route, params: Params) -> Any:
        """What a method that changes nothing answers."""
        local = self._local.get(route.method.name)
        if local is not None:
            return await local(params)
        return await route.operation(self._reader, params, self._clock.now())

    def spawn(self, work: Any) -> None:
        """Runs a coroutine that handles its own errors, and keeps it alive."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Chore:
    """A write of the daemon's own, that somebody awaits."""

    __slots__ = ("_error", "_operation", "_result", "behind_waiter", "done", "received")

    def __init__(self, operation: Callable[[Transaction, Instant], Any]) -> None:
        self._operation = operation
        self._error: AgentdError | None = None
        self._result: Any = None
        self.behind_waiter = False
        self.received = Instant(0)
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @property
    def is_brief(self) -> bool:
        """Never for sure."""
        return False

    @property
    def failed(self) -> bool:
        """Whether it did not work."""
        return self._error is not None

    def run(self, tx: Transaction, now: Instant) -> bool:
        """The work, for the writer."""
        try:
            self._result = self._operation(tx, now)
        except Exception as error:
            self._error = wire_error(error, during="sweep")
            return False
        self._error = None
        return True

    def settle(self, effects: Effects) -> None:
        """The transaction is on disk."""
        if self.done.cancelled():
            return
        if self._error is not None:
            self.done.set_exception(self._error)
        else:
            self.done.set_result(self._result)

    def abandon(self, error: AgentdError) -> None:
        """The transaction failed."""
        self._error = error
        self.settle(Effects())
