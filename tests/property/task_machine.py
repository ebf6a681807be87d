"""The rules that the machines for leases and for DAGs share: each acts on database and model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agentd.core.clock import Instant, expiry
from agentd.core.ids import TaskId
from agentd.core.storage import tasks
from agentd.errors import AgentdError
from tests.fakes.core import NODE_TIMEOUT_SECS, Core
from tests.property.task_model import Attempt, ModelNode, ModelTask

CAPABILITIES = st.frozensets(st.sampled_from(["gpu", "rust"]))
PAYLOADS = st.sampled_from([None, 1, {"a": 1}])


class TaskMachine(RuleBasedStateMachine):
    """One task, several workers."""

    max_nodes: ClassVar[int]
    with_edges: ClassVar[bool]

    @initialize(data=st.data())
    def start(self, data: st.DataObject) -> None:
        self.core = Core(Path(":memory:"))
        specs: list[dict[str, Any]] = []
        for number in range(data.draw(st.integers(1, self.max_nodes))):
            before = st.lists(st.integers(0, number - 1), unique=True, max_size=3)
            needs = data.draw(before) if number and self.with_edges else []
            specs.append(
                {
                    "key": f"n{number}",
                    "dependencies": [f"n{needed}" for needed in needs],
                    "priority": data.draw(st.integers(0, 2)),
                    "requires": sorted(data.draw(CAPABILITIES)) if number % 3 == 2 else [],
                    "max_attempts": data.draw(st.none() | st.integers(1, 2)),
                }
            )
        answer = self.core.write("RegisterTask", goal="g", initial_nodes=specs)
        self.task = ModelTask(answer["task_id"], [])
        for order, spec in enumerate(specs):
            self.task.nodes.append(
                ModelNode(
                    answer["node_ids"][order],
                    order,
                    [self.task.nodes[int(name[1:])] for name in spec["dependencies"]],
                    spec["priority"],
                    frozenset(spec["requires"]),
                    spec["max_attempts"],
                )
            )

    def teardown(self) -> None:
        if hasattr(self, "core"):
            self.core.connection.close()

    def an_attempt(self, data: st.DataObject) -> Attempt:
        """Any lease that was ever granted, the running ones more often than the others."""
        attempts = list(self.task.attempts())
        running = [attempt for attempt in attempts if attempt.outcome is None]
        return data.draw(st.sampled_from(running * 3 + attempts))

    def show(self, attempt: Attempt, method: str, **params: Any) -> tuple[str | None, Any]:
        """Sends a request with a lease; returns why it was refused, or its answer."""
        try:
            return None, self.core.write(
                method,
                task_id=self.task.task_id,
                node_id=attempt.node.node_id,
                lease_id=attempt.lease_id,
                **params,
            )
        except AgentdError as error:
            return error.reason, None

    @rule(
        capabilities=CAPABILITIES,
        lease_secs=st.none() | st.integers(1, 9) | st.integers(1, 9),
        any_task=st.booleans(),
    )
    def acquire(self, capabilities: frozenset[str], lease_secs: int | None, any_task: bool) -> None:
        expected = self.task.first_runnable(capabilities)
        lease = self.core.write(
            "AcquireNextNode",
            task_id=None if any_task else self.task.task_id,
            capabilities=sorted(capabilities),
            lease_secs=lease_secs,
        )
        assert (lease and lease["node_id"]) == (expected and expected.node_id)
        if expected is None:
            return
        secs = lease_secs or NODE_TIMEOUT_SECS
        attempt = Attempt(
            lease["lease_id"],
            expected,
            len(expected.attempts) + 1,
            secs,
            expiry(self.core.now, secs),
        )
        assert lease["attempt"] == attempt.number
        assert lease["lease_expires_at"] == attempt.expires_at
        previous = lease["context"]["previous_attempts"]
        assert [one["outcome"] for one in previous] == [one.outcome for one in expected.attempts]
        expected.status, expected.running = "RUNNING", attempt
        expected.attempts.append(attempt)

    @precondition(lambda self: any(self.task.attempts()))
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        attempt = self.an_attempt(data)
        reason, answer = self.show(attempt, "HeartbeatNode")
        assert reason == self.task.verdict(attempt)
        if reason is None:
            attempt.expires_at = expiry(self.core.now, attempt.lease_secs)
            assert answer["lease_expires_at"] == attempt.expires_at
            assert answer["cancel_requested"] is self.task.cancelled

    @precondition(lambda self: any(self.task.attempts()))
    @rule(data=st.data())
    def commit_event(self, data: st.DataObject) -> None:
        attempt = self.an_attempt(data)
        reason, _ = self.show(attempt, "CommitEvent")
        assert reason == self.task.verdict(attempt)

    @precondition(lambda self: any(self.task.attempts()))
    @rule(data=st.data(), payload=PAYLOADS)
    def complete(self, data: st.DataObject, payload: Any) -> None:
        attempt = self.an_attempt(data)
        reason, answer = self.show(attempt, "CompleteNode", result_payload=payload)
        if attempt.content == ("complete", payload):
            assert answer == attempt.answer
            return
        assert reason == self.task.verdict(attempt)
        if reason is not None:
            return
        node = attempt.node
        before = {other.node_id for other in self.task.nodes if other.runnable}
        node.status, node.running, attempt.outcome = "COMPLETED", None, "completed"
        attempt.content, attempt.answer = ("complete", payload), answer
        opened = [one.node_id for one in self.task.nodes if one.runnable]
        assert answer["unblocked"] == [one for one in opened if one not in before]
        assert answer["task_finished"] is (self.task.state != "active")

    @precondition(lambda self: any(self.task.attempts()))
    @rule(data=st.data(), payload=PAYLOADS, retryable=st.booleans())
    def fail(self, data: st.DataObject, payload: Any, retryable: bool) -> None:
        attempt = self.an_attempt(data)
        reason, answer = self.show(attempt, "FailNode", error_payload=payload, retryable=retryable)
        if attempt.content == ("fail", payload, retryable):
            assert answer == attempt.answer
            return
        assert reason == self.task.verdict(attempt)
        if reason is not None:
            return
        node = attempt.node
        attempt.content, attempt.answer = ("fail", payload, retryable), answer
        if retryable:
            status = self.task.end_spent(attempt, "retried")
            attempt.outcome = "retried" if status == "PENDING" else "failed"
        else:
            node.status, node.running, attempt.outcome = "FAILED", None, "failed"
        assert (answer["status"], answer["attempts"]) == (node.status, attempt.number)

    @rule(millis=st.integers(0, 12_000))
    def tick(self, millis: int) -> None:
        self.core.tick(millis / 1000)
        self.task.pass_time(self.core.now)

    @precondition(lambda self: any(node.running for node in self.task.nodes))
    @rule(early=st.sampled_from([0, 0, 1]))
    def tick_to_the_next_expiry(self, early: int) -> None:
        ends = [node.running.expires_at for node in self.task.nodes if node.running]
        self.core.now = Instant(min(ends) * 1000 - early)
        self.task.pass_time(self.core.now)

    @rule(limit=st.integers(1, 2))
    def sweep(self, limit: int) -> None:
        self.core.sweep(limit)

    @invariant()
    def the_tables_are_the_model(self) -> None:
        if not hasattr(self, "task"):
            return
        rows = self.core.connection.execute(
            "SELECT id, status, expires_at, open_dependencies FROM nodes ORDER BY position"
        ).fetchall()
        lapsed_unseen = False
        for node, (node_id, status, expires_at, open_dependencies) in zip(
            self.task.nodes, rows, strict=True
        ):
            assert node_id == node.node_id
            if status == "RUNNING" and self.core.now >= expires_at * 1000:
                lapsed_unseen = True
                assert node.attempts[-1].outcome == "expired"
            else:
                assert status == node.status
            unfinished = [one for one in node.dependencies if one.status != "COMPLETED"]
            assert open_dependencies == len(unfinished)
        if not lapsed_unseen:
            stored = tasks.by_id(self.core.connection, TaskId(self.task.task_id))
            assert stored is not None
            assert (stored.state, tasks.counts_result(stored)) == (
                self.task.state,
                self.task.counts(),
            )

    @invariant()
    def the_journal_is_gapless(self) -> None:
        if hasattr(self, "core"):
            count, last = self.core.connection.execute(
                "SELECT count(*), max(seq) FROM journal"
            ).fetchone()
            assert count == last
