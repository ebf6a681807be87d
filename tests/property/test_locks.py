"""Locks against a model of them: whatever is done in whatever order, at whatever time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from agentd.core.clock import Instant, expiry
from agentd.core.resource_keys import normalise, overlap
from agentd.errors import AgentdError
from tests.fakes.core import Core

KEYS = st.sampled_from(
    ["file:a", "file:a/b", "dir:a", "dir:a/b", "dir:.", "file:c", "tool:x", "file:ab", "dir:c"]
)
MODES = st.sampled_from(["exclusive", "exclusive", "shared"])
NAMESPACES = st.sampled_from(["", "", "other"])
OWNERS = st.sampled_from(["codex", "claude", "gemini"])
SECS = st.integers(1, 20)


@dataclass
class Held:
    """A lock as the model knows it."""

    lease_id: str
    token: int
    namespace: str
    key: str
    mode: str
    owner: str
    expires_at: int
    metadata: dict[str, int]
    state: str = "LIVE"


class LockMachine(RuleBasedStateMachine):
    """Does to the operations and to a list of locks the same things."""

    leases = Bundle("leases")

    @initialize()
    def start(self) -> None:
        self.core = Core(Path(":memory:"))
        self.locks: list[Held] = []

    def teardown(self) -> None:
        if hasattr(self, "core"):
            self.core.connection.close()

    def live(self) -> list[Held]:
        return [lock for lock in self.locks if lock.state == "LIVE"]

    def excluded(self, namespace: str, key: str, mode: str) -> list[Held]:
        return [
            lock
            for lock in self.live()
            if lock.namespace == namespace
            and overlap(normalise(lock.key), normalise(key))
            and "exclusive" in (lock.mode, mode)
        ]

    def granted(self, answer: Any, **expected: Any) -> Held:
        assert answer["fencing_token"] > max((lock.token for lock in self.locks), default=0)
        lock = Held(answer["lease_id"], answer["fencing_token"], **expected)
        assert answer["lease_id"] not in {known.lease_id for known in self.locks}
        assert {name: answer[name] for name in ("mode", "owner", "metadata", "expires_at")} == {
            "mode": lock.mode,
            "owner": lock.owner,
            "metadata": lock.metadata,
            "expires_at": lock.expires_at,
        }
        self.locks.append(lock)
        return lock

    @rule(target=leases, key=KEYS, mode=MODES, namespace=NAMESPACES, owner=OWNERS, ttl=SECS)
    def acquire(self, key: str, mode: str, namespace: str, owner: str, ttl: int) -> Held | None:
        blockers = self.excluded(namespace, key, mode)
        answer = self.core.write(
            "AcquireResourceLock",
            resource_key=key,
            mode=mode,
            namespace=namespace,
            owner=owner,
            ttl_secs=ttl,
            metadata={"ttl": ttl},
            if_held="holder",
        )
        if blockers:
            assert answer["granted"] is False
            last = max(blockers, key=lambda lock: (lock.expires_at, lock.token))
            assert answer["holder"]["fencing_token"] == last.token
            assert {blocker.owner for blocker in self.core.effects.blockers} == {
                blocker.owner for blocker in blockers
            }
            return None
        return self.granted(
            answer,
            namespace=namespace,
            key=key,
            mode=mode,
            owner=owner,
            expires_at=expiry(self.core.now, ttl),
            metadata={"ttl": ttl},
        )

    @rule(keys=st.lists(KEYS, min_size=1, max_size=4), mode=MODES, owner=OWNERS, ttl=SECS)
    def acquire_several(self, keys: list[str], mode: str, owner: str, ttl: int) -> None:
        blocked = any(self.excluded("", key, mode) for key in keys)
        answer = self.core.write(
            "AcquireResourceLocks", resource_keys=keys, mode=mode, owner=owner, ttl_secs=ttl
        )
        assert (answer is None) is blocked
        if blocked:
            return
        assert [lock["resource_key"] for lock in answer["locks"]] == keys
        by_key = {lock["resource_key"]: lock for lock in answer["locks"]}
        for key, lock in by_key.items():
            self.granted(
                lock,
                namespace="",
                key=key,
                mode=mode,
                owner=owner,
                expires_at=expiry(self.core.now, ttl),
                metadata={},
            )

    def verdict(self, lock: Held, method: str) -> str | None:
        match lock.state:
            case "LIVE":
                return None
            case "RELEASED":
                return None if method == "ReleaseResourceLock" else "lease_released"
            case _:
                replaced = any(
                    (other.key, other.namespace) == (lock.key, lock.namespace)
                    and "exclusive" in (other.mode, lock.mode)
                    for other in self.live()
                )
                return "stale_lease" if replaced else "lease_expired"

    def show(self, lock: Held, method: str, **params: Any) -> Any:
        """Sends a request with a lease; None when it was refused, as it should have been."""
        answer = reason = None
        try:
            answer = self.core.write(
                method, resource_key=lock.key, lease_id=lock.lease_id, **params
            )
        except AgentdError as error:
            reason = error.reason
        assert reason == self.verdict(lock, method)
        return answer

    @rule(lock=leases, ttl=SECS, metadata=st.none() | st.just({"new": 1}))
    def heartbeat(self, lock: Held | None, ttl: int, metadata: dict[str, int] | None) -> None:
        if lock is None:
            return
        answer = self.show(lock, "HeartbeatResourceLock", ttl_secs=ttl, metadata=metadata)
        if answer is not None:
            lock.expires_at = expiry(self.core.now, ttl)
            lock.metadata = lock.metadata if metadata is None else metadata
            assert answer["expires_at"] == lock.expires_at

    @rule(lock=leases, ttl=SECS)
    def renew(self, lock: Held | None, ttl: int) -> None:
        if lock is None:
            return
        answer = self.show(lock, "AcquireResourceLock", ttl_secs=ttl)
        if answer is not None:
            lock.expires_at = expiry(self.core.now, ttl)
            assert answer["fencing_token"] == lock.token
            assert answer["metadata"] == lock.metadata

    @rule(lock=leases)
    def release(self, lock: Held | None) -> None:
        if lock is not None and self.show(lock, "ReleaseResourceLock"):
            lock.state = "RELEASED"

    @rule(lock=consumes(leases))
    def lose_the_lease(self, lock: Held | None) -> None:
        """A holder died: nobody shows this lease any more."""

    @rule(millis=st.integers(0, 15_000))
    def tick(self, millis: int) -> None:
        self.move_to(Instant(self.core.now + millis))

    @precondition(lambda self: self.live())
    @rule(early=st.sampled_from([0, 0, 1]))
    def tick_to_the_next_expiry(self, early: int) -> None:
        self.move_to(Instant(min(lock.expires_at for lock in self.live()) * 1000 - early))

    def move_to(self, now: Instant) -> None:
        self.core.now = now
        for lock in self.live():
            if self.core.now >= lock.expires_at * 1000:
                lock.state = "EXPIRED"

    @rule(limit=st.integers(1, 3))
    def sweep(self, limit: int) -> None:
        self.core.sweep(limit)

    @invariant()
    def the_table_is_the_model(self) -> None:
        if not hasattr(self, "core"):
            return
        rows = self.core.connection.execute(
            "SELECT fencing_token, namespace, resource_key, mode, owner, expires_at FROM locks"
            " WHERE state = 'LIVE' AND expires_at > ?",
            (self.core.now // 1000,),
        )
        assert sorted(rows) == sorted(
            (lock.token, lock.namespace, lock.key, lock.mode, lock.owner, lock.expires_at)
            for lock in self.live()
        )

    @invariant()
    def the_journal_tells_the_same(self) -> None:
        if not hasattr(self, "core"):
            return
        held: dict[int, dict[str, int]] = {}
        for event in self.core.events():
            token = event["payload"]["fencing_token"]
            match event["action_type"]:
                case "lock.acquired":
                    assert token not in held
                    held[token] = event["payload"]["metadata"]
                case "lock.renewed":
                    held[token] = event["payload"]["metadata"]
                case _:
                    del held[token]
        live = {lock.token: lock.metadata for lock in self.live()}
        assert live.items() <= held.items()
        unseen = {lock.token for lock in self.locks if lock.state == "EXPIRED"}
        assert held.keys() - live.keys() <= unseen


LockMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLocks = LockMachine.TestCase
