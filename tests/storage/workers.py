"""A worker that has leased a node, for tests that tell what happens to it."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.errors import AgentdError
from tests.fakes.core import Core


def register(core: Core, *nodes: dict[str, Any], goal: str = "goal") -> dict[str, Any]:
    """Registers a task and returns the answer."""
    answer: dict[str, Any] = core.write("RegisterTask", goal=goal, initial_nodes=list(nodes))
    return answer


def chain(length: int) -> list[dict[str, Any]]:
    """Nodes n0, n1, … each of which depends on the one before."""
    return [
        {"key": f"n{number}", "dependencies": [f"n{number - 1}"] if number else []}
        for number in range(length)
    ]


async def statuses(core: Core, task_id: str) -> list[str]:
    """The states of a task's nodes, in their order."""
    return [node["status"] for node in (await core.read("TaskStatus", task_id=task_id))["nodes"]]


class Worker:
    """Holds one lease. Fails the test where it gets none."""

    def __init__(self, core: Core, task_id: str | None = None, **params: Any) -> None:
        self.core = core
        self.lease: dict[str, Any] = core.write("AcquireNextNode", task_id=task_id, **params)
        assert self.lease is not None
        self.node_id: str = self.lease["node_id"]
        self.lease_id: str = self.lease["lease_id"]

    @property
    def shown(self) -> dict[str, str]:
        """What the worker shows with each request."""
        return {
            "task_id": self.lease["task_id"],
            "node_id": self.node_id,
            "lease_id": self.lease_id,
        }

    def heartbeat(self, **params: Any) -> Any:
        """A sign of life."""
        return self.core.write("HeartbeatNode", **self.shown, **params)

    def complete(self, result: Any = None) -> Any:
        """The work is done."""
        return self.core.write("CompleteNode", **self.shown, result_payload=result)

    def fail(self, error: Any = None, *, retryable: bool = False) -> Any:
        """The work cannot be done."""
        return self.core.write("FailNode", **self.shown, error_payload=error, retryable=retryable)

    def refused(self, method: str, **params: Any) -> AgentdError:
        """The error that a request with the lease is answered with."""
        with pytest.raises(AgentdError) as caught:
            self.core.write(method, **self.shown, **params)
        return caught.value
