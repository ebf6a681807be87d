"""What tasks, nodes and leases should do, as simply as it can be said: the tests' second opinion.

Time passes at once here: whatever has run out is rolled back the moment it does. The database may
learn it later, but must never show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Attempt:
    """A lease that was granted."""

    lease_id: str
    node: ModelNode
    number: int
    lease_secs: int
    expires_at: int
    outcome: str | None = None
    content: Any = None
    answer: Any = None


@dataclass
class ModelNode:
    """A node."""

    node_id: str
    order: int
    dependencies: list[ModelNode]
    priority: int
    requires: frozenset[str]
    max_attempts: int | None
    status: str = "PENDING"
    running: Attempt | None = None
    attempts: list[Attempt] = field(default_factory=list)
    spent: int = 0

    @property
    def runnable(self) -> bool:
        """Whether it may be leased."""
        return self.status == "PENDING" and all(
            node.status == "COMPLETED" for node in self.dependencies
        )

    @property
    def hopeless(self) -> bool:
        """Whether it is PENDING behind something that FAILED."""
        return self.status == "PENDING" and any(
            node.status == "FAILED" or node.hopeless for node in self.dependencies
        )


@dataclass
class ModelTask:
    """A task."""

    task_id: str
    nodes: list[ModelNode]
    cancelled: bool = False

    @property
    def state(self) -> str:
        """What ListTasks should say."""
        statuses = [node.status for node in self.nodes]
        if "RUNNING" in statuses or any(
            node.status == "PENDING" and not node.hopeless for node in self.nodes
        ):
            return "active"
        return "failed" if "FAILED" in statuses else "completed"

    def counts(self) -> dict[str, int]:
        """What TaskStatus should say."""
        statuses = [node.status for node in self.nodes]
        return {
            name: statuses.count(name) for name in ("PENDING", "RUNNING", "COMPLETED", "FAILED")
        }

    def attempts(self) -> Iterator[Attempt]:
        """Every lease that was ever granted."""
        return (attempt for node in self.nodes for attempt in node.attempts)

    def first_runnable(self, capabilities: frozenset[str]) -> ModelNode | None:
        """Whom AcquireNextNode should lease."""
        able = [node for node in self.nodes if node.runnable and node.requires <= capabilities]
        return min(able, key=lambda node: (-node.priority, node.order), default=None)

    def end_spent(self, attempt: Attempt, outcome: str) -> str:
        """Ends an attempt that brought nothing; returns the status of its node."""
        node = attempt.node
        attempt.outcome, node.running = outcome, None
        node.spent += 1
        exhausted = node.max_attempts is not None and node.spent >= node.max_attempts
        node.status = "FAILED" if exhausted or self.cancelled else "PENDING"
        return node.status

    def pass_time(self, now: int) -> None:
        """Rolls back what has run out."""
        for node in self.nodes:
            if node.running is not None and now >= node.running.expires_at * 1000:
                self.end_spent(node.running, "expired")

    def verdict(self, attempt: Attempt) -> str | None:
        """Why a request that shows this lease is refused."""
        running = attempt.node.running
        if running is attempt:
            return None
        if attempt.outcome != "expired":
            return "lease_released"
        return "stale_lease" if running is not None else "lease_expired"
