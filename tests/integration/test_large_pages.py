"""A page of what is large ends early, and whoever goes on gets all of it, once and in order."""

from __future__ import annotations

from uuid import UUID

from agentd.core.limits import PAGE_CHARS_MAX
from tests.conftest import RunningDaemon
from tests.fakes.raw_client import Json, RawClient

_LARGE = "x" * 900_000
_COUNT = 12
assert len(_LARGE) * (_COUNT - 1) > PAGE_CHARS_MAX


async def pages(client: RawClient, method: str, member: str, **params: object) -> list[list[Json]]:
    """All pages until the empty one."""
    found: list[list[Json]] = []
    after_seq = 0
    while True:
        page = await client.call(method, after_seq=after_seq, **params)
        if not page[member]:
            return found
        assert page["last_seq"] > after_seq
        after_seq = page["last_seq"]
        found.append(page[member])


async def test_large_events_come_in_more_pages(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    task = await client.call("RegisterTask", goal="g")
    sent = [
        await client.call("CommitEvent", task_id=task["task_id"], payload=f"{number}{_LARGE}")
        for number in range(_COUNT)
    ]
    found = await pages(client, "ListEvents", "events", action_types=["COMMIT_EVENT"])
    assert [len(page) for page in found] == [9, 3]
    assert [event["event_id"] for page in found for event in page] == [
        event["event_id"] for event in sent
    ]
    assert len((await client.call("ListEvents", limit=3))["events"]) == 3


async def test_large_events_of_a_resource_come_in_more_pages(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    lock = await client.call("AcquireResourceLock", resource_key="file:a")
    shown = {"resource_key": "file:a", "lease_id": lock["lease_id"]}
    for number in range(_COUNT):
        metadata = {"note": f"{number}{_LARGE}"}
        await client.call("HeartbeatResourceLock", **shown, metadata=metadata)
    found = await pages(client, "ListEvents", "events", resource_key="file:a")
    assert [len(page) for page in found] == [10, 3]


async def test_large_reviews_come_in_more_pages(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    ids = [str(UUID(int=number + 1)) for number in range(_COUNT)]
    for review_id in ids:
        review = {
            "review_id": review_id,
            "created_at": "2026-01-31T12:00:00.000Z",
            "repository": "/r",
            "target": {"ref": None, "commit": "c"},
            "note": _LARGE,
        }
        await client.call("RecordDecision", review=review)
    found = await pages(client, "ListDecisions", "reviews")
    assert [len(page) for page in found] == [9, 3]
    assert [review["review_id"] for page in found for review in page] == ids


async def followed(
    client: RawClient, method: str, member: str, **params: object
) -> list[list[Json]]:
    """All pages of a list with cursors."""
    found: list[list[Json]] = []
    cursor = None
    while True:
        page = await client.call(method, cursor=cursor, **params)
        found.append(page[member])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_locks_with_large_metadata_come_in_more_pages(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    keys = [f"file:{number:02}" for number in range(_COUNT)]
    for key in keys:
        await client.call("AcquireResourceLock", resource_key=key, metadata={"note": _LARGE})
    found = await followed(client, "ListResourceLocks", "locks", limit=1000)
    assert [len(page) for page in found] == [9, 3]
    assert [lock["resource_key"] for page in found for lock in page] == keys
    whole = await client.call("ListResourceLocks")
    assert [lock["resource_key"] for lock in whole["locks"]] == keys
    assert "next_cursor" not in whole


async def test_nodes_with_large_results_come_in_more_pages(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    nodes: list[Json] = [{"key": str(number)} for number in range(_COUNT)]
    task_id = (await client.call("RegisterTask", goal="g", initial_nodes=nodes))["task_id"]
    for _ in nodes:
        node = await client.call("AcquireNextNode", task_id=task_id)
        shown = {name: node[name] for name in ("task_id", "node_id", "lease_id")}
        await client.call("CompleteNode", **shown, result_payload=_LARGE)
    found = await followed(client, "TaskStatus", "nodes", task_id=task_id, limit=1000)
    assert [len(page) for page in found] == [9, 3]
    assert [node["key"] for page in found for node in page] == [node["key"] for node in nodes]
    whole = await client.call("TaskStatus", task_id=task_id)
    assert len(whole["nodes"]) == _COUNT
    assert "next_cursor" not in whole


async def test_nodes_with_many_dependencies_come_in_more_pages(
    running_daemon: RunningDaemon,
) -> None:
    client = await running_daemon.client()
    first: list[Json] = [{"key": f"{number:x}"} for number in range(1000)]
    keys = [node["key"] for node in first]
    nodes = [*first, *({"key": f"all{number}", "dependencies": keys} for number in range(120))]
    task_id = (await client.call("RegisterTask", goal="g", initial_nodes=nodes))["task_id"]
    found = await followed(client, "TaskStatus", "nodes", task_id=task_id, limit=1000)
    assert [len(page) for page in found] == [1000, 103, 17]
    assert all(len(node["blocked_by"]) == 1000 for page in found[1:] for node in page)


async def test_tasks_with_long_goals_come_in_more_pages(running_daemon: RunningDaemon) -> None:
    client = await running_daemon.client()
    goals = [f"{number} {'g' * 65_000}" for number in range(130)]
    for goal in goals:
        await client.call("RegisterTask", goal=goal, context={"note": "c"})
    found = await followed(client, "ListTasks", "tasks", limit=1000)
    assert [len(page) for page in found] == [124, 6]
    assert [task["goal"] for page in found for task in page] == goals[::-1]
