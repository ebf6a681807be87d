"""CommitEvent and ListEvents: the journal from outside."""

from __future__ import annotations

from typing import Any, Final

from agentd.core.clock import Instant, has_passed
from agentd.core.ids import LeaseId, NodeId, TaskId
from agentd.core.journal import NewEvent
from agentd.core.leases import NodeLease
from agentd.core.operations.nodes import current_lease, ended_lease, expire_node, find_node
from agentd.core.operations.recording import json_text, record
from agentd.core.operations.transaction import Transaction
from agentd.core.states import RESERVED_ACTION_PREFIXES
from agentd.core.storage import journal, nodes, tasks
from agentd.core.storage.database import Reader
from agentd.errors import InvalidParams, NotFound
from agentd.protocol.journal import CommitEventParams, ListEventsParams

EVENTS_INDEXED_AT_ONCE: Final = 10_000
"""As few as hold up the requests behind them for some milliseconds only."""


def commit_event(tx: Transaction, params: CommitEventParams, now: Instant) -> dict[str, Any]:
    """Appends an agent's own event about a node or a task."""
    if params.action_type.startswith(RESERVED_ACTION_PREFIXES):
        raise InvalidParams(
            "invalid_field",
            f"`action_type` {params.action_type!r} is the name of an event of the daemon's own",
            hint="Use intent, progress, result, conflict or a name without such a prefix.",
            path="action_type",
            rule=f"may not begin with {', '.join(RESERVED_ACTION_PREFIXES)}",
        )
    payload = json_text(tx, params.payload, "payload")
    task_id = TaskId(params.task_id)
    owner = provider = node_pk = None
    if params.node_id is None:
        if params.lease_id is not None:
            raise InvalidParams(
                "invalid_field",
                "`node_id` is required with a `lease_id`",
                path="node_id",
                rule="is required with a lease_id, which is a node's",
            )
        task_pk = tasks.pk_of(tx.connection, task_id)
        if task_pk is None:
            raise NotFound("task_not_found", f"there is no task {task_id}")
    else:
        node = find_node(tx, task_id, NodeId(params.node_id))
        task_pk, node_pk = node.task_pk, node.pk
        lease = _author(tx, node, params.lease_id, now)
        if lease is not None:
            owner, provider = lease.owner, lease.provider
    event = NewEvent(params.action_type, payload, None, owner, provider, task_pk, node_pk)
    event_id, seq = record(tx, event, now)
    tx.effects.count("committed_events")
    return {"event_id": event_id, "seq": seq}


def _author(
    tx: Transaction, node: nodes.Node, shown: LeaseId | None, now: Instant
) -> NodeLease | None:
    """The lease that vouches for an event; None where the node needs none."""
    if shown is not None:
        return current_lease(tx, node, shown, now, ended_lease(tx, node, shown))
    lease = node.lease
    if lease is None:
        return None
    if has_passed(lease.expires_at, now):
        expire_node(tx, node, now)
        return None
    raise InvalidParams(
        "invalid_field",
        f"`lease_id` is required while node {node.id} is RUNNING",
        hint="Show the lease_id that AcquireNextNode returned; others wait until the node ends.",
        path="lease_id",
        rule="is required while the node is RUNNING",
    )


def index_resources(tx: Transaction, now: Instant) -> int:
    """Brings the index by resource nearer to the journal's end; returns up to where."""
    return journal.index_resources(tx.connection, EVENTS_INDEXED_AT_ONCE)


async def list_events(reader: Reader, params: ListEventsParams, now: Instant) -> dict[str, Any]:
    """Returns a page of the journal, oldest first; waiting for a first event is the caller's."""
    async with reader.snapshot() as connection:
        last_seq = await journal.read_last_seq(connection)
        task_pk = await journal.read_task_pk(connection, params.task_id)
        node_pk = await journal.read_node_pk(connection, params.node_id)
        if (params.task_id and task_pk is None) or (params.node_id and node_pk is None):
            return {"events": [], "last_seq": last_seq}  # Nothing can have happened to it.
        wanted = journal.Filter(
            task_pk=task_pk,
            node_pk=node_pk,
            session_id=params.session_id,
            resource_key=params.resource_key,
            action_types=params.action_types,
        )
        page = await journal.read_page(connection, wanted, params.after_seq, params.limit)
    reached = last_seq if page.reaches_the_end else page.events[-1]["seq"]
    return {"events": page.events, "last_seq": reached}
