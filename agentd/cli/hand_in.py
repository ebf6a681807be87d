"""Hands a bundle in as what came of a task's node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentd.cli.connect import connected_client


def hand_in_result(
    bundle: Mapping[str, Any], *, task_id: str, node_id: str | None, lease_id: str | None
) -> int:
    """The number of the `result` event that the bundle becomes.

    Raises what the daemon refuses it with, such as `stale_lease`.
    """
    params = {
        "task_id": task_id,
        "node_id": node_id,
        "lease_id": lease_id,
        "action_type": "result",
        "payload": dict(bundle),
    }
    with connected_client() as client:
        committed = client.call("CommitEvent", params)
    return int(committed["seq"])
