"""Whether an answer may be what it is: held against the tables before and after its batch.

A lease that is current must not be refused, one that is not must not be honoured; what is granted,
acknowledged or reported must be in the journal by the time the answer goes out; and the answer to a
repeated request is the first one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from agentd.core.clock import Instant
from agentd.core.dispatch import Call
from agentd.core.resource_keys import ResourceKey, overlap
from agentd.core.states import NodeStatus
from tests.simulation.actors import Json, Request
from tests.simulation.fold import Event, Fold, require
from tests.simulation.observer import UUID, NodeRow, Observer, View

LEASE_LOST = {"stale_lease", "lease_expired", "lease_released"}
_ALLOWED = {
    "RegisterTask": set[str](),
    "CancelTask": {"task_finished"},
    "AcquireNextNode": {"too_many_waiters"},
    "HeartbeatNode": LEASE_LOST,
    "CommitEvent": LEASE_LOST,
    "CompleteNode": LEASE_LOST,
    "FailNode": LEASE_LOST,
    "AcquireResourceLock": {*LEASE_LOST, "lock_not_found", "too_many_waiters", "wait_cycle"},
    "AcquireResourceLocks": {"too_many_waiters", "wait_cycle"},
    "HeartbeatResourceLock": {*LEASE_LOST, "lock_not_found"},
    "ReleaseResourceLock": {*LEASE_LOST, "lock_not_found"},
    "ListEvents": {"too_many_waiters"},
    "TaskStatus": set[str](),
    "ListTasks": set[str](),
    "ListResourceLocks": set[str](),
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What was seen of one batch."""

    before: View
    after: View
    seq_before: int
    """The last event before it."""
    granted: list[Event]
    """The locks that it granted."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One sending of a request."""

    order: int
    request: Request
    again: bool
    """The same request was sent before, so this may be the first answer to it."""
    lost: bool
    """Its answer never arrives."""
    blocked_at_start: bool = False
    """Somebody who waited longer was in its way when it was sent."""
    parked: bool = False
    call: Call | None = None
    give_up: Callable[[], None] | None = None

    @property
    def received(self) -> Instant:
        """By when it is judged: when it was submitted, the last time if it waits."""
        assert self.call is not None
        return self.call.received

    @property
    def keys(self) -> list[str]:
        """The resources that it asks for."""
        params = self.request.params
        if "resource_keys" in params:
            return list(params["resource_keys"])
        return [params["resource_key"]] if "resource_key" in params else []

    @property
    def wants_locks(self) -> bool:
        """Whether it stands in the queue for locks."""
        is_acquisition = self.request.method.startswith("AcquireResourceLock")
        return is_acquisition and "lease_id" not in self.request.params

    def conflicts(self, namespace: str, key: str, mode: str) -> bool:
        """Whether it may not have its locks while somebody has this one."""
        params = self.request.params
        return (
            params.get("namespace", "") == namespace
            and "exclusive" in (params["mode"], mode)
            and any(overlap(ResourceKey(key), ResourceKey(own)) for own in self.keys)
        )

    def conflicts_with(self, other: Exchange) -> bool:
        """Whether both may not be granted at once."""
        params = other.request.params
        namespace, mode = params.get("namespace", ""), params["mode"]
        return any(self.conflicts(namespace, key, mode) for key in other.keys)


def lock_of(granted: Event) -> tuple[str, str, str]:
    """Namespace, key and mode of a lock that was granted."""
    assert granted.resource_key is not None
    return granted.payload["namespace"], granted.resource_key, granted.payload["mode"]


@dataclass(slots=True)
class Judge:
    """Remembers what was answered before."""

    observer: Observer
    first_results: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    """Fencing tokens by lease id."""
    attempts: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Node and attempt by lease id."""
    ended_by: set[str] = field(default_factory=set)
    """Events that ended attempts and were answered with: the same end again needs no lease."""
    extended: dict[str, tuple[Batch, int]] = field(default_factory=dict)
    """The newest heartbeat of each lease: its batch, and the end that it was answered with."""
    in_line: dict[int, Exchange] = field(default_factory=dict)
    """Requests for locks that are not answered yet, in their order."""

    @property
    def _fold(self) -> Fold:
        return self.observer.fold

    def order_of_grants(self, granted: Iterable[Event]) -> None:
        """Nobody who waits is overtaken."""
        served: set[str] = set()
        for event in granted:
            tag = event.payload["metadata"]["request"]
            served.add(tag)
            own = [order for order, other in self.in_line.items() if other.request.tag == tag]
            require(bool(own), "granted to nobody", event)
            for order, other in self.in_line.items():
                if order < own[0] and other.request.waits and other.request.tag not in served:
                    overtaken = other.conflicts(*lock_of(event))
                    require(not overtaken, "overtaken", other.request, event)

    def answer(self, exchange: Exchange, response: Json, batch: Batch | None) -> None:
        """Raises `Violation` where the answer is wrong. `batch` is None outside of batches."""
        request = exchange.request
        self._check_secrets(request, response)
        if "error" in response:
            self._check_error(exchange, response["error"], batch)
            return
        result = response["result"]
        denied = result is None or (isinstance(result, dict) and result.get("granted") is False)
        if request.method in _REPORTS:
            _REPORTS[request.method](self, request, result)
        elif request.has_one_answer and request.tag in self.first_results:
            first = self.first_results[request.tag]
            require(result == first, "another answer to the same request", request, result, first)
        elif denied:
            if batch is not None and not request.waits and not exchange.again:
                self._check_denial(exchange, batch)
        else:
            require(batch is not None, "granted by nobody", request, result)
            assert batch is not None
            _GRANTS[request.method](self, exchange, result, batch)
        if not denied or not request.waits:
            self.first_results.setdefault(request.tag, result)

    def _check_secrets(self, request: Request, response: Json) -> None:
        shown = self.observer.lease_ids.intersection(UUID.findall(json.dumps(response)))
        result = response.get("result")
        locks = result.get("locks", [result]) if isinstance(result, dict) else []
        own = {lock.get("lease_id") for lock in locks}
        allowed = own if request.method.startswith("Acquire") else set()
        require(shown <= allowed, "a lease id shown to others", request, response)

    def _check_error(self, exchange: Exchange, error: Json, batch: Batch | None) -> None:
        request = exchange.request
        reason = error["data"]["reason"]
        if reason == "shutting_down" or (reason == "disk_full" and request.method not in _REPORTS):
            return
        require(reason in _ALLOWED[request.method], "unexpected error", request, error)
        if reason in LEASE_LOST or reason == "lock_not_found":
            assert batch is not None
            refused = request.params["lease_id"]
            require(
                not batch.after.is_current(refused, exchange.received), "robbed", request, error
            )
        if reason == "wait_cycle":
            waiting = {
                other.request.sender.name for other in self.in_line.values() if other.request.waits
            }
            named = set(error["data"]["cycle"])
            require(named <= waiting, "no circle: not all of them wait", error, waiting)

    def _check_denial(self, exchange: Exchange, batch: Batch) -> None:
        if exchange.wants_locks:
            held = [
                (row.namespace, row.key, row.mode)
                for row in batch.before.locks.values()
                if exchange.received
                < max(row.expires_at * 1000, self._extended_until(row.lease_id, batch))
            ]
            held += map(lock_of, batch.granted)
            blocked = any(exchange.conflicts(*lock) for lock in held)
            require(
                blocked or exchange.blocked_at_start, "denied a free lock", exchange.request, held
            )
            return
        for row in self.runnable(exchange.request, batch.after):
            was = batch.before.nodes.get(row.id)
            free_all_the_time = (
                was is not None
                and was.status == row.status
                and was.attempts == row.attempts
                and was.open_dependencies == 0
            )
            require(not free_all_the_time, "a runnable node was withheld", exchange.request, row)
        for row in batch.after.nodes.values():
            lapsed = row.expires_at is not None and row.expires_at * 1000 <= exchange.received
            mine = exchange.request.params.get("task_id") in (None, row.task_id)
            require(not (lapsed and mine), "a lapsed node was left lying", exchange.request, row)

    @staticmethod
    def runnable(request: Request, view: View) -> Iterable[NodeRow]:
        """The nodes that an AcquireNextNode request could have."""
        capabilities = set(request.params.get("capabilities", ()))
        task_id = request.params.get("task_id")
        for row in view.nodes.values():
            if (
                row.status == NodeStatus.PENDING.value
                and row.open_dependencies == 0
                and task_id in (None, row.task_id)
                and capabilities.issuperset(json.loads(row.requires))
            ):
                yield row

    def _node_granted(self, exchange: Exchange, result: Json, batch: Batch) -> None:
        request = exchange.request
        event = self._fold.requests[request.tag]
        attempt = event.payload["attempt"]
        require(event.node_id == result["node_id"], "another node", event, result)
        require(attempt == result["attempt"], "another attempt", event, result)
        require(event.owner == result["lease_owner"] == request.sender.name, "owner", event)
        self.attempts[result["lease_id"]] = (result["node_id"], attempt)
        if event.seq > batch.seq_before:
            row = batch.after.nodes[result["node_id"]]
            require(row.lease_id == result["lease_id"], "another lease", row, result)
        context = result["context"]
        events = context["event_journal"]
        require(len(events) <= context["event_journal_limit"], "too many events", events)
        seqs = [shown["seq"] for shown in events]
        require(seqs == sorted(seqs), "events out of order", seqs)
        for dependency in context["completed_dependencies"]:
            status = self._fold.node(dependency["node_id"]).status
            require(status is NodeStatus.COMPLETED, "not completed", dependency)

    def _node_ended(self, exchange: Exchange, result: Json, batch: Batch) -> None:
        request = exchange.request
        event = self._fold.events[result["event_id"]]
        node_id, attempt = self.attempts[request.params["lease_id"]]
        require(event.node_id == node_id, "another node's end", event, request)
        require(event.payload["attempt"] == attempt, "another attempt's end", event, request)
        if request.method == "FailNode":
            again = result["status"] == NodeStatus.PENDING.value
            action = "node.retried" if again else "node.failed"
            row, spent = batch.after.nodes[node_id], self._fold.node(node_id).spent
            last = bool(row.cancelled) or (row.max_attempts or spent + 2) <= spent + 1
            given_up = exchange.again or again or last or not request.params["retryable"]
            require(given_up, "no attempt more, though some are left", request, row, spent)
        else:
            action = "node.completed"
            state = batch.after.task_states[request.params["task_id"]]
            require(not result["task_finished"] or state != "active", "not finished", result)
        require(event.action == action, "another end", event, request)
        # Else it is the first answer to the same content.
        if event.seq > batch.seq_before and result["event_id"] not in self.ended_by:
            self._still_held(exchange, batch)
        self.ended_by.add(result["event_id"])

    def _extended_until(self, lease_id: str, batch: Batch) -> int:
        """When a lease ends by a heartbeat of the same batch, in milliseconds; 0 without one."""
        extended_in, expires_at = self.extended.get(lease_id, (None, 0))
        return expires_at * 1000 if extended_in is batch else 0

    def _still_held(self, exchange: Exchange, batch: Batch) -> None:
        shown = exchange.request.params["lease_id"]
        held = batch.before.is_current(shown, exchange.received)
        held = held or exchange.received < self._extended_until(shown, batch)
        require(held or exchange.again, "a dead lease was honoured", exchange.request)

    def _heartbeat(self, exchange: Exchange, result: Json, batch: Batch) -> None:
        self._still_held(exchange, batch)
        expires_at = result.get("lease_expires_at", result.get("expires_at"))
        assert isinstance(expires_at, int)
        require(exchange.again or expires_at * 1000 > exchange.received, "no time", result)
        self.extended[exchange.request.params["lease_id"]] = (batch, expires_at)

    def _committed(self, exchange: Exchange, result: Json, batch: Batch) -> None:
        request = exchange.request
        event = self._fold.events[result["event_id"]]
        require(event.seq == result["seq"], "another seq", event, result)
        require(event.payload == {"request": request.tag}, "another event", event, result)
        require(event.owner == request.sender.name, "another author", event)
        self._still_held(exchange, batch)

    def _registered(self, exchange: Exchange, result: Json, batch: Batch) -> None:
        request = exchange.request
        event = self._fold.requests[request.tag]
        require(event.task_id == result["task_id"], "another task", event, result)
        rows = [batch.after.nodes[node_id] for node_id in result["node_ids"]]
        require(all(row.task_id == event.task_id for row in rows), "nodes elsewhere", rows)

    def _cancelled(self, exchange: Exchange, result: Json, batch: Batch) -> None:
        require(result["counts"]["PENDING"] == 0, "something can still start", result)

    def _locks_granted(self, exchange: Exchange, result: Json, batch: Batch) -> None:
        request = exchange.request
        if "lease_id" in request.params:
            self._still_held(exchange, batch)
            token = self.tokens[request.params["lease_id"]]
            require(result["fencing_token"] == token, "a renewal is no new lock", result)
            return
        for lock in result.get("locks", [result]):
            event = self._fold.requests[f"{request.tag} {lock['resource_key']}"]
            require(event.payload["fencing_token"] == lock["fencing_token"], "token", event, lock)
            require(event.owner == lock["owner"] == request.sender.name, "owner", event, lock)
            if event.seq > batch.seq_before:
                row = batch.after.locks[lock["fencing_token"]]
                require(row.lease_id == lock["lease_id"], "another lease", row, lock)
            self.tokens[lock["lease_id"]] = lock["fencing_token"]

    def _released(self, exchange: Exchange, result: Json, batch: Batch) -> None:
        request = exchange.request
        token = self.tokens[request.params["lease_id"]]
        require(token in self._fold.released, "not released", request, result)

    def _events(self, request: Request, result: Json) -> None:
        after, seqs = request.params["after_seq"], [event["seq"] for event in result["events"]]
        require(seqs == list(range(after + 1, after + 1 + len(seqs))), "events missing", seqs)
        for event in result["events"]:
            known = self._fold.events[event["event_id"]]
            require(known.payload == event["payload"], "another payload", known, event)

    def _look(self, request: Request, result: Json) -> None:
        view = self.observer.view
        if request.method == "TaskStatus":
            for node in result["nodes"]:
                row = view.nodes[node["id"]]
                require(row.status == node["status"], "another status", row, node)
                require(row.lease_owner == node["lease_owner"], "another owner", row, node)
        elif request.method == "ListResourceLocks":
            tokens = {lock["fencing_token"] for lock in result["locks"]}
            require(tokens <= view.locks.keys(), "locks that are not there", tokens)
        else:
            states = {task["id"]: task["state"] for task in result["tasks"]}
            require(states == view.task_states, "other states", states, view.task_states)


_GRANTS: dict[str, Callable[[Judge, Exchange, Any, Batch], None]] = {
    "RegisterTask": Judge._registered,
    "CancelTask": Judge._cancelled,
    "AcquireNextNode": Judge._node_granted,
    "HeartbeatNode": Judge._heartbeat,
    "CommitEvent": Judge._committed,
    "CompleteNode": Judge._node_ended,
    "FailNode": Judge._node_ended,
    "AcquireResourceLock": Judge._locks_granted,
    "AcquireResourceLocks": Judge._locks_granted,
    "HeartbeatResourceLock": Judge._heartbeat,
    "ReleaseResourceLock": Judge._released,
}
_REPORTS: dict[str, Callable[[Judge, Request, Any], None]] = {
    "ListEvents": Judge._events,
    "TaskStatus": Judge._look,
    "ListTasks": Judge._look,
    "ListResourceLocks": Judge._look,
}
