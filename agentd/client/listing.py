"""Lists that come by the page, followed to their end: for the methods that take a `cursor`.

What changes between two pages may be missed or, where it moved, come twice; what stays is there
once. Any client will do, a blocking one or asyncio's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, Protocol

PAGE_ROWS: Final = 1000


class Caller(Protocol):
    """Whoever passes a call on to the daemon."""

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The result of a method, as plain JSON values."""
        ...


class AsyncCaller(Protocol):
    """The same in an event loop."""

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The result of a method, as plain JSON values."""
        ...


def pages(client: Caller, method: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The pages of a list, at least one."""
    wanted: dict[str, Any] | None = {**params, "limit": PAGE_ROWS}
    while wanted is not None:
        page = client.call(method, wanted)
        yield page
        wanted = _wanted_after(page, wanted)


async def pages_async(
    client: AsyncCaller, method: str, params: Mapping[str, Any]
) -> AsyncIterator[dict[str, Any]]:
    """The pages of a list, at least one."""
    wanted: dict[str, Any] | None = {**params, "limit": PAGE_ROWS}
    while wanted is not None:
        page = await client.call(method, wanted)
        yield page
        wanted = _wanted_after(page, wanted)


def _wanted_after(page: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """What to ask for after a page; None: it was the last one."""
    cursor = page.get("next_cursor")
    return None if cursor is None else {**wanted, "cursor": cursor}


def all_locks(client: Caller, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The locks that ListResourceLocks finds."""
    return [lock for page in pages(client, "ListResourceLocks", params) for lock in page["locks"]]


async def all_locks_async(client: AsyncCaller, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The locks that ListResourceLocks finds."""
    listed = pages_async(client, "ListResourceLocks", params)
    return [lock async for page in listed for lock in page["locks"]]


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
