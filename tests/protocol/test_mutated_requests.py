"""Whatever a client sends, it gets an answer that is in the contract, and never a bug."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from agentd.protocol.methods import METHODS, Method, reasons_of
from tests.conftest import RunningDaemon
from tests.fakes.raw_client import Json

REQUESTS = 700
ODDITIES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 10**25),
    *("", "a", "\0", "é", "😀" * 10, "x" * 300, "x" * 2000, "\n", " ", "null"),
    *("file:a", "dir:.", "dir:src", "..", "file:..", "shared", "holder", "prometheus"),
    *("11111111-1111-4111-8111-111111111111", [], {}, [1], [None], {"": {}}, [[]]),
)


class Requests:
    """Examples of the methods, with live ids put in and something changed, from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._tasks: list[str] = []
        self._leases: list[Json] = []
        self._locks: list[Json] = []

    def next(self) -> tuple[Method, Json]:
        """A method and its params."""
        choose, chance = self._random.choice, self._random.random
        method = choose(list(METHODS.values()))
        params = copy.deepcopy(dict(method.example.params))
        for name in method.params.model_fields:
            if name not in params and chance() < 0.3:
                params[name] = choose(ODDITIES)
        for known, field in ((self._leases, "node_id"), (self._locks, "resource_key")):
            if known and field in params and "lease_id" in params and chance() < 0.7:
                params.update(choose(known))
        if self._tasks and "task_id" in params and chance() < 0.5:
            params["task_id"] = choose(self._tasks)
        if chance() < 0.6:
            params = self._changed(params)
        params.pop("wait_secs", None)  # Waiting is another test's matter.
        return method, params

    def learn(self, method: Method, result: Any) -> None:
        """Keeps the ids of what was made."""
        match method.name:
            case "RegisterTask":
                self._tasks.append(result["task_id"])
            case "AcquireNextNode" if result is not None:
                self._leases.append({n: result[n] for n in ("task_id", "node_id", "lease_id")})
            case "AcquireResourceLock" if result is not None and "lease_id" in result:
                self._locks.append({n: result[n] for n in ("resource_key", "lease_id")})

    def _changed(self, params: Json) -> Json:
        if not params:
            return {self._random.choice(["x", "", "task_id"]): 1}
        name = self._random.choice(list(params))
        value = params[name]
        if isinstance(value, dict) and value and self._random.random() < 0.8:
            return {**params, name: self._changed(value)}
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return {**params, name: [self._changed(value[0]), *value[1:]]}
        return {**params, name: self._random.choice(ODDITIES)}


@pytest.mark.parametrize("seed", range(3))
async def test_every_answer_is_in_the_contract(running_daemon: RunningDaemon, seed: int) -> None:
    client = await running_daemon.client()
    requests = Requests(seed)
    succeeded = 0
    for _ in range(REQUESTS):
        method, params = requests.next()
        response = await client.request(method.name, **params)
        if "error" in response:
            assert response["error"]["data"]["reason"] in {*reasons_of(method)} - {"bug"}, params
        else:
            method.result_adapter.validate_python(response["result"])
            requests.learn(method, response["result"])
            succeeded += 1
    assert succeeded > REQUESTS / 10  # Else the changes were so wild that they tested little.
