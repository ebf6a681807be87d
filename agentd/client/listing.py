"""Lists that come by the page, followed to their end: for the methods that take a `cursor`.

What changes between two pages may be missed or, where it moved, come twice; what stays is there
once. Any blocking client will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

PAGE_ROWS: Final = 1000


class Caller(Protocol):
    """Whoever passes a call on to the daemon."""

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The result of a method, as plain JSON values."""
        ...


def pages(client: Caller, method: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The pages of a list, at least one."""
    cursor: str | None = None
    while True:
        at = {} if cursor is None else {"cursor": cursor}
        page = client.call(method, {**params, "limit": PAGE_ROWS, **at})
        yield page
        cursor = page.get("next_cursor")
        if cursor is None:
            return


def all_locks(client: Caller, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The locks that ListResourceLocks finds."""
    return [lock for page in pages(client, "ListResourceLocks", params) for lock in page["locks"]]


def all_tasks(client: Caller, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tasks that ListTasks finds."""
    return [task for page in pages(client, "ListTasks", params) for task in page["tasks"]]


def whole_task(client: Caller, task_id: str) -> dict[str, Any]:
    """What TaskStatus says of a task, with all its nodes; state and counts as of the last page."""
    nodes: list[dict[str, Any]] = []
    for page in pages(client, "TaskStatus", {"task_id": task_id}):
        nodes += page["nodes"]
    del page["next_cursor"]
    return {**page, "nodes": nodes}
