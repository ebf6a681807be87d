"""More locks than a page of them holds."""

from __future__ import annotations

from typing import Any

from agentd.client.sync_client import Client
from agentd.core.limits import LOCKS_PER_REQUEST_MAX, PAGE_ROWS_MAX


def lock_many(client: Client, last: str, **params: Any) -> None:
    """Takes as many locks on directories as two pages hold, and a last one that is listed after
    them."""
    keys = [f"dir:!{number:05}" for number in range(2 * PAGE_ROWS_MAX)]
    assert last > keys[-1]
    for first in range(0, len(keys), LOCKS_PER_REQUEST_MAX):
        some = keys[first : first + LOCKS_PER_REQUEST_MAX]
        client.call("AcquireResourceLocks", {"resource_keys": some, **params})
    client.call("AcquireResourceLocks", {"resource_keys": [last], **params})
