"""A DAG against its model: what opens, what becomes unreachable, what is cancelled."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from agentd.errors import InvalidState
from tests.property.task_machine import TaskMachine


class DagMachine(TaskMachine):
    """Up to seven nodes with dependencies."""

    max_nodes = 7
    with_edges = True

    @precondition(lambda self: self.task.nodes[0].status != "PENDING")
    @rule(really=st.integers(0, 5))
    def cancel(self, really: int) -> None:
        if really:  # Most tasks should go on.
            return
        was_active = self.task.state == "active"
        refused = False
        try:
            answer = self.core.write("CancelTask", task_id=self.task.task_id)
        except InvalidState:
            refused = True
        assert refused is not (was_active or self.task.cancelled)
        if refused:
            return
        if not self.task.cancelled:
            self.task.cancelled = True
            for node in self.task.nodes:
                if node.status == "PENDING":
                    node.status = "FAILED"
        assert answer["counts"] == self.task.counts()

    @invariant()
    def nothing_ran_before_its_dependencies(self) -> None:
        if not hasattr(self, "task"):
            return
        completed: set[int] = set()
        for action, node_pk in self.core.connection.execute(
            "SELECT action_type, node_pk FROM journal WHERE node_pk IS NOT NULL ORDER BY seq"
        ):
            if action == "node.acquired":
                needed = self.core.connection.execute(
                    "SELECT dependency_pk FROM node_dependencies WHERE node_pk = ?", (node_pk,)
                )
                assert {row[0] for row in needed} <= completed
            elif action == "node.completed":
                completed.add(node_pk)


DagMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestDag = DagMachine.TestCase
