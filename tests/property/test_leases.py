"""Leases of a few independent nodes against their model: much time, many zombies."""

from __future__ import annotations

from hypothesis import settings

from tests.property.task_machine import TaskMachine


class LeaseMachine(TaskMachine):
    """Two nodes that many workers fight for."""

    max_nodes = 2
    with_edges = False


LeaseMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLeases = LeaseMachine.TestCase
