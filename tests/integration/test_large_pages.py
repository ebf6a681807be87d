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
