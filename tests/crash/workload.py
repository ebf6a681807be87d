"""Clients that load a daemon until it dies, and remember what it had promised them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.raw_client import BlockingRawClient

KEYS = [f"file:src/{number}.py" for number in range(12)] + ["dir:src", "tool:fmt"]


@dataclass
class Promises:
    """What was answered, and so must be there after any crash."""

    granted: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Locks, by fencing token."""
    released: set[int] = field(default_factory=set)
    events: dict[int, str] = field(default_factory=dict)
    """Events of agents: seq to event_id."""
    tasks: set[str] = field(default_factory=set)
    completed: set[str] = field(default_factory=set)
    """Nodes."""


class Worker:
    """One client that goes on until its connection breaks."""

    def __init__(self, path: Path, seed: int, answered: Callable[[], None]) -> None:
        self.promises = Promises()
        self._random = random.Random(seed)
        self._owner = f"worker-{seed}"
        self._path = path
        self._answered = answered

    def run(self) -> None:
        """Does one thing after another."""
        try:
            with BlockingRawClient(self._path) as client:
                while True:
                    self._random.choice((self._lock, self._lock, self._work))(client)
        except (EOFError, ConnectionError):
            return  # The daemon is dead.

    def _call(self, client: BlockingRawClient, method: str, **params: Any) -> Any:
        result = client.call(method, **params)
        self._answered()
        return result

    def _lock(self, client: BlockingRawClient) -> None:
        promises = self.promises
        lock = self._call(
            client,
            "AcquireResourceLock",
            resource_key=self._random.choice(KEYS),
            owner=self._owner,
            metadata={"intent": self._random.random()},
        )
        if lock is None:
            return
        token = lock["fencing_token"]
        promises.granted[token] = lock
        shown = {"resource_key": lock["resource_key"], "lease_id": lock["lease_id"]}
        self._call(client, "ReleaseResourceLock", **shown)
        promises.released.add(token)

    def _work(self, client: BlockingRawClient) -> None:
        promises = self.promises
        task = self._call(client, "RegisterTask", goal="g", initial_nodes=[{}])["task_id"]
        promises.tasks.add(task)
        node = self._call(client, "AcquireNextNode", task_id=task, lease_owner=self._owner)
        shown = {name: node[name] for name in ("task_id", "node_id", "lease_id")}
        for _ in range(3):
            event = self._call(client, "CommitEvent", **shown, payload={"text": "x" * 200})
            promises.events[event["seq"]] = event["event_id"]
        self._call(client, "CompleteNode", **shown)
        promises.completed.add(node["node_id"])


def load_until(path: Path, seed: int, answers: int, kill: Callable[[], None]) -> list[Promises]:
    """Runs some workers, and kills the daemon under them after so many answers."""
    countdown = threading.Semaphore(0)
    workers = [Worker(path, seed * 100 + number, countdown.release) for number in range(6)]
    with ThreadPoolExecutor(len(workers)) as threads:
        running = [threads.submit(worker.run) for worker in workers]
        reached = all(countdown.acquire(timeout=PATIENCE_SECS) for _ in range(answers))
        kill()
        for thread in running:
            thread.result(PATIENCE_SECS)  # Raises what went wrong in it.
    assert reached, "the daemon did not answer"
    return [worker.promises for worker in workers]
