"""The clients of the simulation: what each would ask next, and what it makes of the answers.

Nobody here is a referee. Workers may be slow, fall silent, or come back with a lease that ran out
long ago; anybody may send a request twice. What they may be answered is `judge`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Json = dict[str, Any]

HOT_KEYS = (
    "dir:.",
    "dir:src",
    "dir:src/deep",
    "file:src/a.py",
    "file:src/b.py",
    "file:src/deep/c.py",
    "file:README.md",
    "tool:cargo-fmt",
    "artifact:docs/api.json",
)
CAPABILITIES = ("gpu", "browser")
REPEATABLE = frozenset({"CompleteNode", "FailNode", "ReleaseResourceLock", "CancelTask"})
"""What may be sent again without a key, because its lease or its state says that it was done."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How often a client does what it should not."""

    slow: float = 0.0
    """Does nothing with what it holds."""
    silent: float = 0.0
    """Forgets what it holds, and may come back to it."""
    zombie: float = 0.0
    """Acts on what it held once."""
    doubles: float = 0.0
    """Sends a request twice."""


HONEST = Temper()
TEMPERS = (
    HONEST,
    Temper(slow=0.7),
    Temper(silent=0.3),
    Temper(zombie=0.4, silent=0.2),
    Temper(doubles=0.5),
    Temper(slow=0.3, silent=0.1, zombie=0.2, doubles=0.2),
)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What a client asks; sent again, it is the same request."""

    tag: str
    """Stands in what the request does, so that its traces can be found."""
    sender: Actor
    method: str
    params: Json

    def __repr__(self) -> str:
        return f"{self.sender.name} > {self.method} {self.params}"

    @property
    def may_repeat(self) -> bool:
        """Whether sending it again can do no harm."""
        return "idempotency_key" in self.params or self.method in REPEATABLE

    @property
    def has_one_answer(self) -> bool:
        """Whether sending it again brings the first answer. (A task's counts go on changing.)"""
        return self.may_repeat and ("idempotency_key" in self.params or self.method != "CancelTask")

    @property
    def waits(self) -> bool:
        """Whether it may be answered late."""
        return bool(self.params.get("wait_secs"))


@dataclass(slots=True, eq=False)
class Hold:
    """A lease as its holder remembers it."""

    lease_id: str
    params: Json
    """What to show with it."""


@dataclass(slots=True, eq=False)
class Actor:
    """A client: remembers what it holds, what it held, and what was never answered."""

    name: str
    temper: Temper
    random: Random
    new_tag: Callable[[], str]
    holds: list[Hold] = field(default_factory=list)
    former: list[Hold] = field(default_factory=list)
    unanswered: list[Request] = field(default_factory=list)
    outstanding: int = 0
    retired: bool = False
    """Ends what it holds and begins nothing."""

    def act(self) -> list[Request]:
        """What it asks now: nothing, a request, or the same request twice."""
        if self.unanswered:
            return [self.unanswered.pop()]
        request = self._request_now()
        if request is None:
            return []
        if request.may_repeat and self._happens(self.temper.doubles):
            return [request, request]
        return [request]

    def hear(self, request: Request, response: Json | None) -> None:
        """Takes the answer, or learns that none will come."""
        if response is None or "error" in response:
            reason = None if response is None else response["error"]["data"]["reason"]
            if reason in (None, "disk_full") and request.may_repeat:
                self.unanswered.append(request)
            if reason in ("stale_lease", "lease_expired", "lease_released", "lock_not_found"):
                self._lost(request.params.get("lease_id"))
        elif response["result"] is not None:
            self._understand(request, response["result"])

    def _request_now(self) -> Request | None:
        raise NotImplementedError

    def _understand(self, request: Request, result: Any) -> None:
        raise NotImplementedError

    def _ask(self, method: str, params: Json, *, tag: str | None = None) -> Request:
        tag = tag or self.new_tag()
        if self._happens(0.5) and not method.startswith(("List", "TaskStatus")):
            params = {**params, "idempotency_key": tag}
        return Request(tag, self, method, params)

    def _held(self) -> Hold | None:
        """The lease to act on: one of its own, or, at times, one that it had."""
        if self.former and self._happens(self.temper.zombie):
            return self.random.choice(self.former)
        if not self.holds or self._happens(self.temper.slow):
            return None
        if self._happens(self.temper.silent):
            self._lost(self.random.choice(self.holds).lease_id)
            return None
        return self.random.choice(self.holds)

    def _lost(self, lease_id: str | None) -> None:
        for hold in [hold for hold in self.holds if hold.lease_id == lease_id]:
            self.holds.remove(hold)
            self.former.append(hold)

    def _happens(self, probability: float) -> bool:
        return self.random.random() < probability

    def _patience(self) -> Json:
        return {"wait_secs": self.random.choice((2, 10, 60))} if self._happens(0.4) else {}


@dataclass(slots=True, eq=False)
class Worker(Actor):
    """Runs nodes."""

    tasks: list[str] = field(default_factory=list)
    """Shared by all: the tasks that are known."""
    capabilities: tuple[str, ...] = ()

    def _request_now(self) -> Request | None:
        hold = self._held()
        if hold is not None:
            return self._about(hold)
        if self.outstanding or len(self.holds) > 1:
            return None
        tag = self.new_tag()
        params: Json = {"lease_owner": self.name, "provider": tag, **self._patience()}
        if self.tasks and self._happens(0.5):
            params["task_id"] = self.random.choice(self.tasks)
        if self.capabilities:
            params["capabilities"] = list(self.capabilities)
        if self._happens(0.7):
            params["lease_secs"] = self.random.choice((1, 5, 20, 60))
        if self.retired:
            params.pop("wait_secs", None)
        return self._ask("AcquireNextNode", params, tag=tag)

    def _about(self, hold: Hold) -> Request:
        shown = {**hold.params, "lease_id": hold.lease_id}
        choice = 0.0 if self.retired else self.random.random()
        if choice < 0.45:
            return self._ask("CompleteNode", {**shown, "result_payload": {"by": self.name}})
        if choice < 0.7:
            secs = {"lease_secs": self.random.choice((5, 30))} if self._happens(0.5) else {}
            return self._ask("HeartbeatNode", shown | secs)
        if choice < 0.85:
            tag = self.new_tag()
            event = {"action_type": "progress", "payload": {"request": tag}}
            return self._ask("CommitEvent", shown | event, tag=tag)
        retryable = self._happens(0.7)
        return self._ask("FailNode", {**shown, "error_payload": "no", "retryable": retryable})

    def _understand(self, request: Request, result: Any) -> None:
        if request.method == "AcquireNextNode":
            about = {"task_id": result["task_id"], "node_id": result["node_id"]}
            self.holds.append(Hold(result["lease_id"], about))
        elif request.method in ("CompleteNode", "FailNode"):
            self._lost(request.params["lease_id"])


@dataclass(slots=True, eq=False)
class Locker(Actor):
    """Wants what everybody wants."""

    def _request_now(self) -> Request | None:
        hold = self._held()
        if hold is not None and (self.retired or self._happens(0.7)):
            return self._about(hold)
        if self.retired or self.outstanding or len(self.holds) > 2:
            return None
        tag = self.new_tag()
        params: Json = {
            "owner": self.name,
            "provider": "simulated",
            "ttl_secs": self.random.choice((1, 5, 20, 60)),
            "metadata": {"request": tag},
            "mode": self.random.choice(("exclusive", "exclusive", "shared")),
            **self._patience(),
        }
        if self._happens(0.2):
            params["namespace"] = "other"
        if self._happens(0.3):
            params["if_held"] = "holder"
        if self._happens(0.3):
            keys = [self.random.choice(HOT_KEYS) for _ in range(self.random.randint(1, 3))]
            return self._ask("AcquireResourceLocks", {**params, "resource_keys": keys}, tag=tag)
        key = self.random.choice(HOT_KEYS)
        return self._ask("AcquireResourceLock", {**params, "resource_key": key}, tag=tag)

    def _about(self, hold: Hold) -> Request:
        shown = {"resource_key": hold.params["resource_key"], "lease_id": hold.lease_id}
        choice = 0.0 if self.retired else self.random.random()
        if choice < 0.6:
            return self._ask("ReleaseResourceLock", shown)
        tag = self.new_tag()
        new: Json = {"ttl_secs": self.random.choice((2, 10, 40))}
        if self._happens(0.4):
            new["metadata"] = {"request": hold.params["request"], "renewed_by": tag}
        if choice < 0.85:
            return self._ask("HeartbeatResourceLock", shown | new, tag=tag)
        return self._ask("AcquireResourceLock", {**shown, **new, "owner": self.name}, tag=tag)

    def _understand(self, request: Request, result: Any) -> None:
        if request.method == "ReleaseResourceLock":
            self._lost(request.params["lease_id"])
        if "lease_id" in request.params or result.get("granted") is False:
            return
        for lock in result.get("locks", [result]):
            about = {"resource_key": lock["resource_key"], "request": request.tag}
            if all(hold.lease_id != lock["lease_id"] for hold in self.holds):
                self.holds.append(Hold(lock["lease_id"], about))


@dataclass(slots=True, eq=False)
class Planner(Actor):
    """Registers tasks, cancels some, and looks at everything."""

    tasks: list[str] = field(default_factory=list)
    tasks_max: int = 5
    seen: int = 0
    """Until where it has followed the journal."""

    def _request_now(self) -> Request | None:
        if self.retired:
            return None
        choice = self.random.random()
        if choice < 0.35 and len(self.tasks) < self.tasks_max:
            return self._new_task()
        if choice < 0.4 and self.tasks:
            return self._ask("CancelTask", {"task_id": self.random.choice(self.tasks)})
        if choice < 0.55 and self.tasks:
            return self._ask("TaskStatus", {"task_id": self.random.choice(self.tasks)})
        if choice < 0.65:
            return self._ask("ListResourceLocks", {})
        if choice < 0.7:
            return self._ask("ListTasks", {})
        if self.outstanding:
            return None
        wait = {"wait_secs": 20} if self._happens(0.5) else {}
        return self._ask("ListEvents", {"after_seq": self.seen, "limit": 50, **wait})

    def _new_task(self) -> Request:
        tag = self.new_tag()
        names = [f"n{number}" for number in range(self.random.randint(1, 8))]
        nodes: list[Json] = []
        for position, name in enumerate(names):
            needs = [other for other in names[:position] if self._happens(0.3)]
            node: Json = {"key": name, "dependencies": needs}
            if self._happens(0.3):
                node["max_attempts"] = self.random.randint(1, 3)
            if self._happens(0.3):
                node["priority"] = self.random.randint(-2, 2)
            if self._happens(0.3):
                node["requires"] = [self.random.choice(CAPABILITIES)]
            if self._happens(0.3):
                node["timeout_secs"] = self.random.choice((3, 15))
            nodes.append(node)
        self.random.shuffle(nodes)
        params = {"goal": tag, "initial_nodes": nodes, "idempotency_key": tag}
        return Request(tag, self, "RegisterTask", params)

    def _understand(self, request: Request, result: Any) -> None:
        if request.method == "RegisterTask" and result["task_id"] not in self.tasks:
            self.tasks.append(result["task_id"])
        if request.method == "ListEvents":
            self.seen = max(self.seen, result["last_seq"])
