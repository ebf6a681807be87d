"""One simulation: a seed drives clients, clocks, the writer, the disk and the daemon's deaths.

`python -m tests.simulation SEED` runs one and prints what happened.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, cast
from unittest import mock

from agentd.core.states import TaskState
from agentd.core.storage.database import open_writer
from tests.fakes.ids import SequentialIds
from tests.simulation.actors import (
    CAPABILITIES,
    HONEST,
    TEMPERS,
    Actor,
    Json,
    Locker,
    Planner,
    Request,
    Temper,
    Worker,
)
from tests.simulation.fold import Violation, require
from tests.simulation.judge import Batch, Exchange, Judge
from tests.simulation.observer import Observer
from tests.simulation.process import SWEEP_SECS, Fault, Killed, Process
from tests.simulation.time_and_turns import SimulatedLoop, SimulatedTime

_TURNS_MAX = 2000
_FINAL_ROUNDS_MAX = 400
_FORGOTTEN_SECS = 25 * 3600
"""Longer than answers and ended locks are remembered."""
_COUNTED_ACTIONS = {
    "registered_tasks": "task.registered",
    "acquired_nodes": "node.acquired",
    "completed_nodes": "node.completed",
    "committed_events": "progress",
    "timeout_rollbacks": "node.expired",
    "locks_granted": "lock.acquired",
    "locks_expired": "lock.expired",
}


class _Sending:
    """The `Caller` of one exchange."""

    def __init__(self, simulation: Simulation, exchange: Exchange) -> None:
        self._simulation = simulation
        self._exchange = exchange

    def answer(self, line: bytes) -> None:
        """Takes the response."""
        self._simulation.answered(self._exchange, line)

    def step_aside(self, give_up: Callable[[], None]) -> None:
        """The call waits."""
        self._exchange.parked = True
        self._exchange.give_up = give_up


class Simulation:
    """Everything that one seed decides."""

    def __init__(self, seed: int, path: Path, *, steps: int) -> None:
        self._random = Random(seed)
        self._path = path
        self._steps_left = steps
        self._time = SimulatedTime()
        self._ids = SequentialIds()
        self._last_tag = 0
        self._last_order = 0
        open_writer(path).close()
        self.observer = Observer(path)
        self._judge = Judge(self.observer)
        self._outstanding: dict[int, Exchange] = {}
        self._sent: set[Request] = set()
        self._batches: list[Batch] = []
        """Of the answers that are not delivered yet."""
        self._batch: Batch | None = None
        """Whose answers are being delivered."""
        self._violation: Violation | None = None
        self._process: Process
        self._loop: SimulatedLoop
        self._actions_before: dict[str, int] = {}
        self._disk_is_full = False
        self.trace: list[str] = []
        self._tasks: list[str] = []
        self._actors = self._make_actors()

    def run(self) -> None:
        """Plays all steps, then lets everything finish. Raises `Violation`."""
        with (
            closing(self.observer),
            mock.patch("agentd.core.clock.time", self._time),
        ):
            alive = False
            while not alive:
                loop = SimulatedLoop(self._time)
                loop.set_exception_handler(self._failed)
                with closing(loop):
                    alive = loop.run_until_complete(self._live())
            self.observer.look_from_the_start()

    def _make_actors(self) -> list[Actor]:
        random = self._random
        shared: list[Actor] = []

        def make(kind: type[Any], name: str, temper: Temper, **more: Any) -> None:
            shared.append(kind(name, temper, random, self._new_tag, **more))

        for number in range(random.randint(2, 5)):
            # The first can do everything and the others may not, so that every node has its worker.
            capabilities = CAPABILITIES if number == 0 else CAPABILITIES[: random.randint(0, 2)]
            temper = random.choice(TEMPERS)
            make(Worker, f"worker-{number}", temper, tasks=self._tasks, capabilities=capabilities)
        for number in range(random.randint(2, 5)):
            make(Locker, f"locker-{number}", random.choice(TEMPERS))
        make(Planner, "planner", random.choice(TEMPERS), tasks=self._tasks)
        return shared

    def _new_tag(self) -> str:
        self._last_tag += 1
        return f"request-{self._last_tag}"

    async def _live(self) -> bool:
        """One life of the daemon; false when there must be another."""
        self._loop = cast(SimulatedLoop, asyncio.get_running_loop())
        self._process = Process(self._path, self._ids)
        self._batches.clear()
        self._actions_before = dict(self.observer.fold.actions)
        self._disk_is_full = False
        self._note("start")
        try:
            self.observer.look_from_the_start()
            starting = self._loop.create_task(self._process.expiry.start())
            await self._settle()
            require(starting.done(), "it does not start", starting)
            while self._steps_left:
                self._steps_left -= 1
                if await self._step():
                    await self._stop()
                    return False
            await self._finish()
            await self._stop()
        except Killed as death:
            self._note(str(death))
            self._outstanding_are_lost()
            return False
        finally:
            await self._process.end()
            self.observer.look()
        return True

    async def _step(self) -> bool:
        """Something happens. True: the daemon is to be restarted."""
        choice = self._random.random()
        if choice < 0.6:
            for actor in self._random.sample(self._actors, self._random.randint(1, 3)):
                self._send_all(actor.act())
            await self._quiet()
            if self._random.random() < 0.6:
                await self._settle()
        elif choice < 0.75:
            await self._one_turn()
        elif choice < 0.85:
            await self._settle()
        elif choice < 0.95:
            await self._let_time_pass()
        elif choice < 0.975:
            self._break_something()
        elif choice < 0.99:
            self._somebody_leaves()
        else:
            return self._random.random() < 0.3
        return False

    async def _let_time_pass(self) -> None:
        random = self._random
        if random.random() < 0.15:
            secs = random.uniform(-20, 40)
            self._note(f"wall clock {secs:+.3f}")
            self._time.set_wall(secs)
            return
        secs = random.choice((0.3, 1.0, 2.5, 7.0, 25.0))
        if random.random() < 0.03:
            await self._settle()
            if not self._outstanding:
                secs = _FORGOTTEN_SECS
                for actor in self._actors:
                    actor.unanswered.clear()
        self._note(f"time +{secs}")
        # A sweep that failed is tried again a while after it learns of that, which may be only now.
        healthy = not (self._process.connection.fault or self._disk_is_full or self._loop.mail)
        self._time.advance(secs)
        await self._settle()
        if secs >= SWEEP_SECS and healthy:
            now = self._process.clock.now()
            for about, lease in self.observer.view.leases.items():
                require(now < lease.expires_at * 1000, "not swept", about, lease, now)

    def _break_something(self) -> None:
        connection = self._process.connection
        if self._disk_is_full:
            self._note("disk free")
            connection.free_disk()
            self._disk_is_full = False
        elif self._random.random() < 0.3:
            self._note("disk full")
            connection.fill_disk(to_the_last_byte=self._random.random() < 0.5)
            self._disk_is_full = True
        else:
            connection.fault = self._random.choice(list(Fault))
            self._note(f"fault: {connection.fault}")

    def _somebody_leaves(self) -> None:
        parked = [exchange for exchange in self._outstanding.values() if exchange.parked]
        if parked:
            exchange = self._random.choice(parked)
            exchange.lost = True
            self._note(f"{exchange.request.sender.name} leaves")
            assert exchange.give_up is not None
            exchange.give_up()

    def _send_all(self, requests: list[Request]) -> None:
        for request in requests:
            self._send(request)

    def _send(self, request: Request) -> None:
        self._last_order += 1
        lost = not request.sender.retired and self._random.random() < 0.05
        again = request in self._sent
        self._sent.add(request)
        exchange = Exchange(self._last_order, request, again=again, lost=lost)
        if exchange.wants_locks:
            in_line = self._judge.in_line
            exchange.blocked_at_start = any(
                other.request.waits and exchange.conflicts_with(other) for other in in_line.values()
            )
            in_line[exchange.order] = exchange
        self._outstanding[exchange.order] = exchange
        request.sender.outstanding += 1
        self._note(f"{request.sender.name} > {request.method} {json.dumps(request.params)}")
        line = json.dumps(
            {"id": exchange.order, "method": request.method, "params": request.params}
        )
        call = self._process.dispatcher.receive(line.encode(), _Sending(self, exchange))
        assert call is not None, "the simulation sends nothing that is malformed"
        exchange.call = call
        call.start()

    def answered(self, exchange: Exchange, line: bytes) -> None:
        """A response comes."""
        response: Json = json.loads(line)
        self._note(f"{exchange.request.sender.name} < {line.decode().strip()}")
        try:
            require(exchange.order in self._outstanding, "answered twice", exchange, response)
            require(response.pop("id") == exchange.order, "another's id", exchange, response)
            self._judge.answer(exchange, response, self._batch)
        except Violation as violation:
            # The daemon would make an incident of it; the simulation must hear of it.
            self._violation = self._violation or violation
        self._forget(exchange)
        exchange.request.sender.hear(exchange.request, None if exchange.lost else response)

    def _forget(self, exchange: Exchange) -> None:
        exchange.request.sender.outstanding -= 1
        self._outstanding.pop(exchange.order, None)
        self._judge.in_line.pop(exchange.order, None)

    def _outstanding_are_lost(self) -> None:
        for exchange in list(self._outstanding.values()):
            self._forget(exchange)
            exchange.request.sender.hear(exchange.request, None)

    async def _quiet(self) -> None:
        await self._loop.quiet()
        if self._violation is not None:
            raise self._violation

    async def _settle(self) -> None:
        """Goes on until everything that was sent is answered, or waits."""
        await self._quiet()
        for _ in range(_TURNS_MAX):
            if not await self._one_turn():
                self._nobody_oversleeps()
                return
        raise Violation("it never comes to rest")

    async def _one_turn(self) -> bool:
        """The writer's thread or the event loop goes on; false when neither can."""
        choices: list[Callable[[], None]] = []
        if self._process.writer.has_work:
            choices.append(self._work)
        if self._loop.mail:
            choices.append(self._deliver)
        if not choices:
            return False
        self._random.choice(choices)()
        await self._quiet()
        return True

    def _work(self) -> None:
        before, seq_before = self.observer.view, self.observer.fold.seq
        granted_before = len(self.observer.fold.granted)
        try:
            self._process.writer.work()
        finally:
            after = self.observer.look()
            granted = list(self.observer.fold.granted.values())[granted_before:]
            self._judge.order_of_grants(granted)
        self._batches.append(Batch(before, after, seq_before, granted))
        require(len(self._batches) == len(self._loop.mail), "a batch without its answers")

    def _deliver(self) -> None:
        self._batch = self._batches.pop(0)
        self._loop.mail.popleft()._run()
        self._batch = None

    def _nobody_oversleeps(self) -> None:
        """Nothing is left that could be answered now."""
        view, fold = self.observer.view, self.observer.fold
        ahead: list[Exchange] = []
        for exchange in self._outstanding.values():
            request = exchange.request
            require(exchange.parked, "never answered", request)
            if request.method == "AcquireNextNode":
                ready = list(self._judge.runnable(request, view))
                require(not ready, "overslept a runnable node", request, ready)
            elif request.method == "ListEvents":
                require(fold.seq <= request.params["after_seq"], "overslept an event", request)
            else:
                held = any(
                    exchange.conflicts(row.namespace, row.key, row.mode)
                    for row in view.locks.values()
                )
                behind = any(exchange.conflicts_with(other) for other in ahead)
                require(held or behind, "overslept a free lock", request, view.locks)
                ahead.append(exchange)

    async def _finish(self) -> None:
        """The faults stop and everybody is honest: then everything must finish."""
        self._note("the faults stop")
        self._process.connection.fault = None
        self._process.connection.free_disk()
        self._disk_is_full = False
        for actor in self._actors:
            actor.temper, actor.retired = HONEST, True
        for _ in range(_FINAL_ROUNDS_MAX):
            for actor in self._actors:
                self._send_all(actor.act())
            await self._settle()
            self._time.advance(5)
            await self._settle()
            if self._is_over():
                break
        view = self.observer.view
        require(self._is_over(), "it never ends", view.task_states, view.leases, self._outstanding)
        self._counters_are_right()

    def _is_over(self) -> bool:
        view = self.observer.view
        finished = all(state != TaskState.ACTIVE.value for state in view.task_states.values())
        return finished and not view.leases and not self._outstanding

    def _counters_are_right(self) -> None:
        counts, actions = self._process.metrics.counts, self.observer.fold.actions
        for counter, name in _COUNTED_ACTIONS.items():
            recount = actions.get(name, 0) - self._actions_before.get(name, 0)
            require(counts[counter] == recount, "counter", counter, counts[counter], recount)
        require(self._process.metrics.waiters == len(self._outstanding), "counter of waiters")

    async def _stop(self) -> None:
        """The daemon is asked to stop: everybody is answered."""
        self._note("stop")
        self._process.dispatcher.refuse_new()
        self._process.room.close()
        await self._settle()
        require(not self._outstanding, "left without an answer", self._outstanding)
        if not self._disk_is_full:
            self._counters_are_right()

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if self._violation is None:
            self._violation = Violation(f"{context['message']}: {error!r}")
            self._violation.__cause__ = error

    def _note(self, what: str) -> None:
        self.trace.append(f"{self._time.time_ns() // 1_000_000} {what}")
