"""Ending what has run out, and forgetting what is over: the sweep's part of the work.

Correctness never depends on it, because every operation decides expiry by itself; it makes
expiries visible early and keeps the tables small.
"""

from __future__ import annotations

import sqlite3

from agentd.core.clock import Instant, UnixSeconds
from agentd.core.limits import SETTLED_LEASE_SECS
from agentd.core.operations.idempotency import remembered_since
from agentd.core.operations.locks import expire_lock
from agentd.core.operations.nodes import expire_node
from agentd.core.operations.transaction import Transaction
from agentd.core.storage import idempotency, locks, nodes

PRUNED_ROWS_MAX = 5000
"""Of each table in one call: what a pruning may delay the requests behind it."""


def expire_due(tx: Transaction, now: Instant, limit: int) -> int:
    """Ends at most `limit` leases that have run out, the longest ago first; returns how many.

    Fewer than `limit` means that none is left.
    """
    lapsed_nodes = nodes.lapsed(tx.connection, now, limit=limit)
    for node in lapsed_nodes:
        expire_node(tx, node, now)
    lapsed_locks = locks.lapsed(tx.connection, now, limit - len(lapsed_nodes))
    for lock in lapsed_locks:
        expire_lock(tx, lock, now)
    return len(lapsed_nodes) + len(lapsed_locks)


def earliest_expiry(connection: sqlite3.Connection) -> UnixSeconds | None:
    """When the first of all leases runs out, or has run out; None when there is none."""
    ends = (nodes.next_expiry(connection), locks.next_expiry(connection))
    return min((end for end in ends if end is not None), default=None)


def prune(tx: Transaction, now: Instant) -> int:
    """Forgets ended locks and old answers, a bounded number in one call; returns how many."""
    settled_until = Instant(now - SETTLED_LEASE_SECS * 1000)
    return locks.prune(tx.connection, settled_until, PRUNED_ROWS_MAX) + idempotency.prune(
        tx.connection, remembered_since(now), PRUNED_ROWS_MAX
    )
