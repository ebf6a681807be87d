"""A retry with the same key returns the first answer and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from agentd.core.limits import IDEMPOTENCY_SECS
from agentd.core.operations.table import WRITES
from agentd.errors import AgentdError, AlreadyExists
from agentd.protocol.methods import METHODS, Access
from tests.fakes.core import Core
from tests.storage.workers import Worker, register


def counts(core: Core) -> tuple[int, ...]:
    tables = ("tasks", "nodes", "journal", "locks", "attempts", "reviews")
    return tuple(core.one(f"SELECT count(*) FROM {table}") for table in tables)


def test_every_writing_method_has_an_operation_that_takes_a_key() -> None:
    writing = [name for name, method in METHODS.items() if method.access is Access.WRITE]
    assert sorted(writing) == sorted(WRITES)
    assert all("idempotency_key" in METHODS[name].params.model_fields for name in writing)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("RegisterTask", {"goal": "g", "initial_nodes": [{}, {}]}),
        ("AcquireNextNode", {}),
        ("AcquireResourceLock", {"resource_key": "file:a", "metadata": {"b": 1, "a": 2}}),
        ("AcquireResourceLocks", {"resource_keys": ["a", "b"]}),
    ],
)
def test_a_retry_returns_the_first_answer(core: Core, method: str, params: dict[str, Any]) -> None:
    register(core, {}, {})
    first = core.write(method, **params, idempotency_key="k")
    before = counts(core)
    core.tick(IDEMPOTENCY_SECS - 1)
    assert core.write(method, **params, idempotency_key="k") == first
    assert counts(core) == before
    assert core.effects.counts == {}
    assert core.write(method, **params, idempotency_key="other") != first


def test_how_long_to_wait_is_not_part_of_the_request(core: Core) -> None:
    first = core.write("AcquireResourceLock", resource_key="a", idempotency_key="k")
    again = core.write("AcquireResourceLock", resource_key="a", idempotency_key="k", wait_secs=9)
    assert again == first


def test_a_key_stands_for_one_request(core: Core) -> None:
    core.write("RegisterTask", goal="g", idempotency_key="k")
    for method, params in [("RegisterTask", {"goal": "h"}), ("AcquireNextNode", {})]:
        with pytest.raises(AlreadyExists) as caught:
            core.write(method, **params, idempotency_key="k")
        assert caught.value.reason == "idempotency_mismatch"


def test_an_error_is_not_remembered(core: Core) -> None:
    worker = Worker(core, register(core, {})["task_id"])
    lock = {"resource_key": "a", "lease_id": "x", "idempotency_key": "k"}
    with pytest.raises(AgentdError):
        core.write("ReleaseResourceLock", **lock)
    assert core.write("CompleteNode", **worker.shown, idempotency_key="k")["task_finished"]


def test_a_null_is_remembered_unless_the_call_may_wait(core: Core) -> None:
    held = core.write("AcquireResourceLock", resource_key="a")
    ask = {"resource_key": "a", "owner": "b"}
    assert core.write("AcquireResourceLock", **ask, idempotency_key="now") is None
    waiting = {**ask, "wait_secs": 5}
    assert core.write("AcquireResourceLock", **waiting, idempotency_key="wait") is None
    shown = {**waiting, "if_held": "holder", "idempotency_key": "shown"}
    assert core.write("AcquireResourceLock", **shown)["granted"] is False
    core.write("ReleaseResourceLock", resource_key="a", lease_id=held["lease_id"])
    assert core.write("AcquireResourceLock", **ask, idempotency_key="now") is None
    granted = core.write("AcquireResourceLock", **waiting, idempotency_key="wait")
    assert granted["owner"] == "b"
    assert core.write("AcquireResourceLock", **waiting, idempotency_key="wait") == granted


def test_a_key_is_forgotten_after_a_day(core: Core) -> None:
    first = core.write("RegisterTask", goal="g", idempotency_key="k")
    core.tick(IDEMPOTENCY_SECS)
    second = core.write("RegisterTask", goal="other", idempotency_key="k")
    assert second["task_id"] != first["task_id"]
    core.tick(IDEMPOTENCY_SECS)
    assert core.prune() == 1
    assert core.one("SELECT count(*) FROM idempotency") == 0
