"""The tools about tasks: lease a node, tell about it, end it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Final, TypeVar

from mcp.server.mcpserver import Context
from pydantic import Field

from agentd.errors import LeaseLost
from agentd.mcp.answers import Committed, NextNode, Node, NodeEnded, Task, TaskNode, quoted
from agentd.mcp.errors import told
from agentd.mcp.session import NODE_LEASE_SECS, HeldNode, Session
from agentd.protocol.nodes import NodeLease

_WAIT_SECS_MAX: Final = 50
_EVENTS_SHOWN_MAX: Final = 20

TaskId = Annotated[str, Field(description="The task.")]
Answer = TypeVar("Answer")
NodeId = Annotated[
    str | None,
    Field(description="A node that this session holds; may be left out while it holds one only."),
]


class NodeTools:
    """What a session can do with tasks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def next_node(
        self,
        context: Context,
        task_id: Annotated[str | None, Field(description="Left out: of any task.")] = None,
        capabilities: Annotated[
            list[str] | None, Field(description="What you can do, where nodes ask for it.")
        ] = None,
        wait_secs: Annotated[float, Field(ge=0, le=_WAIT_SECS_MAX)] = 0,
    ) -> NextNode:
        """Leases the next runnable node of a task for this session, with all that is known about
        it. The lease is renewed until you complete or fail the node, or this session ends.
        """
        with told():
            who = self._session.identity(context)
            lease = await self._session.client.acquire_next_node(
                task_id=task_id,
                lease_owner=who.owner,
                provider=who.provider,
                capabilities=capabilities,
                lease_secs=NODE_LEASE_SECS,
                wait_secs=wait_secs,
            )
        if lease is None:
            return NextNode(node=None, advice="Nothing can run now. Ask again with wait_secs.")
        self._session.nodes[lease.node_id] = HeldNode(lease.task_id, lease.node_id, lease.lease_id)
        advice = (
            "Tell what you do with commit_event (intent, progress), hand files in with "
            "submit_bundle, and end with complete_node or fail_node."
        )
        return NextNode(node=_node(lease), advice=advice)

    async def commit_event(
        self,
        action_type: Annotated[
            str, Field(description="intent, progress, result, conflict, or a name of your own.")
        ],
        payload: Annotated[dict[str, Any], Field(description="What there is to know.")],
        node_id: NodeId = None,
        task_id: Annotated[
            str | None, Field(description="For an event about a whole task, without a node.")
        ] = None,
    ) -> Committed:
        """Appends an event to the journal: what you intend, have done, or found in conflict."""
        with told():
            if task_id is not None and node_id is None:
                about: dict[str, str] = {"task_id": task_id}
            else:
                about = self._session.node(node_id).shown
            committed = await self._session.client.commit_event(
                **about, action_type=action_type, payload=payload
            )
        return Committed(seq=committed.seq, event_id=committed.event_id)

    async def complete_node(
        self,
        result: Annotated[
            dict[str, Any], Field(description="What workers of the nodes after it are shown.")
        ],
        node_id: NodeId = None,
    ) -> NodeEnded:
        """Completes a node that this session holds."""
        with told():
            node = self._session.node(node_id)
            ended = await self._ending(
                node, self._session.client.complete_node(**node.shown, result_payload=result)
            )
        return NodeEnded(
            node_id=node.node_id,
            status="COMPLETED",
            unblocked=ended.unblocked,
            task_finished=ended.task_finished,
        )

    async def fail_node(
        self,
        message: Annotated[str, Field(description="Why it cannot be done.")],
        retryable: Annotated[
            bool, Field(description="Whether another attempt, by anybody, makes sense.")
        ] = True,
        node_id: NodeId = None,
    ) -> NodeEnded:
        """Gives a node back that this session cannot do."""
        with told():
            node = self._session.node(node_id)
            ended = await self._ending(
                node,
                self._session.client.fail_node(
                    **node.shown, error_payload={"message": message}, retryable=retryable
                ),
            )
        return NodeEnded(
            node_id=node.node_id, status=ended.status.value, unblocked=[], task_finished=None
        )

    async def task_status(self, task_id: TaskId) -> Task:
        """Says where a task stands: its nodes, who works on them, and their results."""
        with told():
            status = await self._session.client.task_status(task_id=task_id)
        return Task(
            task_id=status.task.id,
            goal=status.task.goal,
            state=status.state.value,
            counts={state.value: count for state, count in status.counts.items()},
            nodes=[
                TaskNode(
                    node_id=node.id,
                    key=node.key,
                    status=node.status.value,
                    lease_owner=quoted(node.lease_owner) if node.lease_owner else None,
                    attempts=node.attempts,
                    blocked_by=node.blocked_by,
                    result=node.result_payload,
                )
                for node in status.nodes
            ],
        )

    async def _ending(self, node: HeldNode, call: Awaitable[Answer]) -> Answer:
        """Ends a node's lease; one that was lost is forgotten, too."""
        try:
            answer = await call
        except LeaseLost:
            self._session.nodes.pop(node.node_id, None)
            raise
        self._session.nodes.pop(node.node_id, None)
        return answer


def _node(lease: NodeLease) -> Node:
    context = lease.context
    events = [event.model_dump(mode="json") for event in context.event_journal]
    return Node(
        task_id=lease.task_id,
        node_id=lease.node_id,
        key=context.node.key,
        attempt=lease.attempt,
        goal=context.task.goal,
        task_context=context.task.context,
        payload_schema=context.node.payload_schema,
        dependency_results={
            done.key or done.node_id: done.result_payload for done in context.completed_dependencies
        },
        previous_attempts=[each.model_dump(mode="json") for each in context.previous_attempts],
        recent_events=events[-_EVENTS_SHOWN_MAX:],
    )
