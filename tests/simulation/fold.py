"""What the journal says happened: read event by event, each held against what may happen then.

The second opinion of the simulation: it knows the rules of PROTOCOL and the journal, not the
tables. What it makes of the journal must be what the tables say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agentd.core.resource_keys import ResourceKey, overlap
from agentd.core.states import AGENT_ACTIONS, TRANSITIONS, Action, LockMode, NodeStatus


class Violation(AssertionError):
    """Something happened that must not."""


def require(holds: bool, what: str, *about: object) -> None:
    """Raises `Violation` unless it holds."""
    if not holds:
        raise Violation(f"{what}: {', '.join(map(repr, about))}")


class Event(NamedTuple):
    """A row of the journal, ids as the outside knows them."""

    seq: int
    event_id: str
    at: int
    action: str
    task_id: str | None
    node_id: str | None
    resource_key: str | None
    owner: str | None
    provider: str | None
    payload_text: str

    @property
    def payload(self) -> Any:
        """What the event carries."""
        return json.loads(self.payload_text)


@dataclass(slots=True)
class FoldedNode:
    """A node as its events leave it."""

    status: NodeStatus = NodeStatus.PENDING
    attempt: int = 0
    owner: str | None = None
    spent: int = 0
    """Attempts that ran out or were given up to be tried again."""


class FoldedLock(NamedTuple):
    """A lock that is held, as its events tell."""

    token: int
    namespace: str
    key: str
    mode: str
    owner: str
    provider: str
    metadata: str

    @property
    def request(self) -> str:
        """Which request made it: the simulation writes it into the metadata."""
        request: str = json.loads(self.metadata)["request"]
        return request

    def excludes(self, other: FoldedLock) -> bool:
        """Whether both may not be held at once."""
        return (
            self.namespace == other.namespace
            and LockMode.EXCLUSIVE.value in (self.mode, other.mode)
            and overlap(ResourceKey(self.key), ResourceKey(other.key))
        )


_STEPS = {
    (transition.source, transition.action.value): transition.target for transition in TRANSITIONS
}
# A lease that ran out on the last allowed attempt, or on a cancelled task, is two events.
_STEPS[NodeStatus.PENDING, Action.NODE_FAILED.value] = NodeStatus.FAILED

_ENDS = {
    Action.NODE_COMPLETED.value,
    Action.NODE_FAILED.value,
    Action.NODE_RETRIED.value,
    Action.NODE_EXPIRED.value,
}


@dataclass(slots=True)
class Fold:
    """All events until `seq`, folded."""

    dependencies: Mapping[str, Sequence[str]]
    """Of each node: what had to be COMPLETED first. Known from the registration."""
    seq: int = 0
    at: int = 0
    token: int = 0
    nodes: dict[str, FoldedNode] = field(default_factory=dict)
    locks: dict[int, FoldedLock] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    granted: dict[int, Event] = field(default_factory=dict)
    """`lock.acquired` by fencing token."""
    released: set[int] = field(default_factory=set)
    requests: dict[str, Event] = field(default_factory=dict)
    """The first event of each request that tags what it does."""
    actions: dict[str, int] = field(default_factory=dict)
    """How many events of each kind there are."""

    def apply(self, event: Event) -> None:
        """Takes the next event. Raises `Violation` if it may not happen now."""
        require(event.seq == self.seq + 1, "a gap in the journal", self.seq, event)
        require(event.at >= self.at, "time went backwards", self.at, event)
        require(event.event_id not in self.events, "an event twice", event)
        if event.action.startswith("node."):
            self._apply_to_node(event)
        elif event.action.startswith("lock."):
            self._apply_to_lock(event)
        elif event.action == Action.TASK_REGISTERED.value:
            self._happens_once(event.payload["goal"], event)
        elif event.action in AGENT_ACTIONS:
            self._happens_once(event.payload["request"], event)
        self.seq, self.at = event.seq, event.at
        self.events[event.event_id] = event
        self.actions[event.action] = self.actions.get(event.action, 0) + 1

    def node(self, node_id: str) -> FoldedNode:
        """A node; PENDING where nothing has happened to it."""
        return self.nodes.get(node_id) or FoldedNode()

    def _apply_to_node(self, event: Event) -> None:
        assert event.node_id is not None
        node, payload = self.nodes.setdefault(event.node_id, FoldedNode()), event.payload
        target = _STEPS.get((node.status, event.action))
        require(target is not None, "no such transition", node, event)
        assert target is not None
        if event.action == Action.NODE_ACQUIRED.value:
            for dependency in self.dependencies[event.node_id]:
                status = self.node(dependency).status
                require(status is NodeStatus.COMPLETED, "ran too early", event, dependency, status)
            require(payload["attempt"] == node.attempt + 1, "not the next attempt", node, event)
            node.attempt, node.owner = payload["attempt"], event.owner
            self._happens_once(event.provider, event)
        elif event.action in _ENDS:
            require(payload["attempt"] == node.attempt, "another attempt's end", node, event)
            require(event.owner == node.owner, "another worker's end", node, event)
        if event.action == Action.NODE_EXPIRED.value:
            require(payload["expired_at"] * 1000 <= event.at, "expired too early", event)
        if event.action == Action.NODE_FAILED.value and node.status is NodeStatus.PENDING:
            last = list(self.events.values())[-1]
            exhausted = last.action == Action.NODE_EXPIRED.value and last.node_id == event.node_id
            require(exhausted, "failed while nobody ran it", last, event)
        if event.action in (Action.NODE_EXPIRED.value, Action.NODE_RETRIED.value):
            node.spent += 1
        node.status = target

    def _apply_to_lock(self, event: Event) -> None:
        payload = event.payload
        token, ended = payload["fencing_token"], event.action
        if event.action == Action.LOCK_ACQUIRED.value:
            require(token > self.token, "the fencing token did not grow", self.token, event)
            self.token = token
            lock = self._lock(event)
            for other in self.locks.values():
                # Keys of one request may overlap: they have one holder.
                together = other.request == lock.request
                require(together or not lock.excludes(other), "two hold the same", other, event)
            self.locks[token] = lock
            self.granted[token] = event
            self._happens_once(f"{lock.request} {lock.key}", event)
            return
        require(token in self.locks, "the lock was not held", event)
        if ended == Action.LOCK_RENEWED.value:
            self.locks[token] = self._lock(event)
            return
        lapsed = payload["expires_at"] * 1000 <= event.at
        require(lapsed == (ended == Action.LOCK_EXPIRED.value), "not the lock's end", event)
        del self.locks[token]
        if ended == Action.LOCK_RELEASED.value:
            self.released.add(token)

    @staticmethod
    def _lock(event: Event) -> FoldedLock:
        payload = event.payload
        metadata = json.dumps(payload["metadata"], separators=(",", ":"))
        assert event.resource_key is not None
        assert event.owner is not None
        assert event.provider is not None
        return FoldedLock(
            payload["fencing_token"],
            payload["namespace"],
            event.resource_key,
            payload["mode"],
            event.owner,
            event.provider,
            metadata,
        )

    def _happens_once(self, request: str | None, event: Event) -> None:
        assert request is not None
        require(request not in self.requests, "one request was carried out twice", request, event)
        self.requests[request] = event
