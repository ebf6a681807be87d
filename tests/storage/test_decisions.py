"""Review records, and the traces they leave in the journal."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from agentd.errors import AlreadyExists
from agentd.protocol.examples import EXAMPLES
from tests.fakes.core import Core
from tests.storage.workers import Worker, register


def bundle(name: str, **source: Any) -> dict[str, Any]:
    return {"bundle_id": name, "owner": f"{name}-owner", "provider": "openai", "source": source}


def review(**members: Any) -> dict[str, Any]:
    return {
        "review_id": str(uuid4()),
        "created_at": "2026-01-31T12:00:00.000Z",
        "repository": "/repo",
        "target": {"ref": "refs/heads/main", "commit": "0" * 40},
        **members,
    }


def decision(name: str, action: str) -> dict[str, Any]:
    return {
        "bundle_id": name,
        "action": action,
        "reasons": [{"reason": "r", "message": "m", "evidence": {"x": [1]}}],
    }


async def test_a_record_comes_back_as_it_was_sent(core: Core) -> None:
    sent = review(
        bundles=[{**bundle("b1"), "paths": ["a.py"], "extra": {"kept": True}}],
        findings=[{"kind": "odd", "anything": None}],
        policy={"digest": "d"},
        git_version="2.39",
    )
    answer = core.write("RecordDecision", review=sent)
    listed = await core.read("ListDecisions")
    assert listed == {"reviews": [sent], "last_seq": answer["seq"]}
    assert answer["review_id"] == sent["review_id"]


def test_each_bundle_has_its_decision_in_the_journal(core: Core) -> None:
    register(core)
    sent = review(
        bundles=[bundle("b1"), bundle("b2")],
        decisions=[decision("b1", "merge"), decision("b2", "wait"), decision("lost", "reject")],
    )
    answer = core.write("RecordDecision", review=sent)
    first, second, third = core.events("decision")
    assert answer["seq"] == first["seq"] == 2
    assert first["payload"] == {
        "review_id": sent["review_id"],
        "repository": "/repo",
        "target": sent["target"],
        **decision("b1", "merge"),
    }
    assert (second["owner"], second["provider"]) == ("b2-owner", "openai")
    assert second["payload"]["action"] == "wait"
    assert third["owner"] is None
    assert core.effects.last_seq == third["seq"] == 4


async def test_events_stand_at_the_nodes_that_the_bundles_came_from(core: Core) -> None:
    one = Worker(core, register(core, {})["task_id"])
    two = Worker(core, register(core, {})["task_id"])
    sources = [
        {"task_id": worker.lease["task_id"], "node_id": worker.node_id} for worker in (one, two)
    ]
    sent = review(
        bundles=[
            bundle("b1", **sources[0]),
            bundle("b2", **sources[1]),
            bundle("b3"),
            bundle("b4", task_id=str(uuid4()), node_id=one.node_id),
            bundle("b5", task_id=5, node_id=[]),
        ],
        findings=[
            {"kind": "content_conflict", "severity": "error", "bundles": ["b1", "b3"], "path": "a"},
            {"kind": "same_function", "severity": "warning", "bundles": ["b2", "b3"]},
            {"kind": "does_not_apply", "severity": "error", "bundles": ["b2"]},
            {"kind": "odd", "severity": "error", "bundles": "b2"},
        ],
        decisions=[decision(name, "merge") for name in ("b1", "b2", "b3", "b4", "b5")],
    )
    core.write("RecordDecision", review=sent)
    (conflict,) = core.events("conflict")
    assert conflict["payload"] == {
        "review_id": sent["review_id"],
        "repository": "/repo",
        "bundle_id": "b1",
        "conflicts_with": ["b3"],
        "findings": [sent["findings"][0]],
    }

    async def about(worker: Worker) -> list[str]:
        events = (await core.read("ListEvents", node_id=worker.node_id))["events"]
        return [event["action_type"] for event in events]

    assert await about(one) == ["node.acquired", "decision", "conflict"]
    assert await about(two) == ["node.acquired", "decision"]


async def test_a_review_of_nothing_is_kept_as_well(core: Core) -> None:
    answer = core.write("RecordDecision", review=review())
    (event,) = core.events("decision")
    assert answer["seq"] == event["seq"] == 1
    assert event["payload"]["bundle_id"] is None
    assert len((await core.read("ListDecisions"))["reviews"]) == 1


def test_a_review_is_recorded_once(core: Core) -> None:
    sent = review()
    core.write("RecordDecision", review=sent)
    with pytest.raises(AlreadyExists) as caught:
        core.write("RecordDecision", review={**sent, "repository": "/other"})
    assert (caught.value.reason, caught.value.data) == ("id_in_use", {"id": sent["review_id"]})
    assert len(core.events()) == 1


async def test_records_are_found_by_what_they_are_about(core: Core) -> None:
    task_id = str(uuid4())
    for number in range(6):
        core.write(
            "RecordDecision",
            review=review(
                repository=f"/repo{number % 2}",
                bundles=[bundle(f"b{number % 3}", task_id=task_id if number > 3 else str(uuid4()))],
                decisions=[decision(f"b{number % 3}", "merge")],
                number=number,
            ),
        )

    async def numbers(**params: Any) -> list[int]:
        page = await core.read("ListDecisions", **params)
        return [record["number"] for record in page["reviews"]]

    assert await numbers() == [0, 1, 2, 3, 4, 5]
    assert await numbers(repository="/repo1") == [1, 3, 5]
    assert await numbers(bundle_id="b0") == [0, 3]
    assert await numbers(task_id=task_id) == [4, 5]
    assert await numbers(task_id=task_id, repository="/repo0", bundle_id="b1") == [4]
    assert await numbers(bundle_id="b0", after_seq=1) == [3]
    assert await numbers(repository="/none") == []
    page = await core.read("ListDecisions", repository="/repo0", limit=2)
    assert page["last_seq"] == 3
    rest = await core.read("ListDecisions", repository="/repo0", limit=2, after_seq=3)
    assert ([record["number"] for record in rest["reviews"]], rest["last_seq"]) == ([4], 6)


def test_the_documented_example_is_accepted(core: Core) -> None:
    example = EXAMPLES["RecordDecision"]
    assert core.write("RecordDecision", **example.params)["seq"] == 1
