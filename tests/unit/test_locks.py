"""Which lock excludes which, and what a lock's lease is worth."""

from __future__ import annotations

import pytest

from agentd.core.clock import Instant, UnixSeconds
from agentd.core.locks import Lock, excludes, last_to_end, refusal
from agentd.core.resource_keys import ResourceKey
from agentd.core.states import LockMode, LockState

KEY = ResourceKey("file:a")


def lock(
    state: LockState = LockState.LIVE,
    *,
    mode: LockMode = LockMode.EXCLUSIVE,
    token: int = 1,
    expires_at: int = 100,
) -> Lock:
    return Lock(
        token,
        "secret",
        "",
        KEY,
        mode.value,
        "codex",
        "openai",
        state.value,
        Instant(0),
        UnixSeconds(expires_at),
        "{}",
    )


@pytest.mark.parametrize(
    ("held", "wanted", "excluded"),
    [
        (LockMode.EXCLUSIVE, LockMode.EXCLUSIVE, True),
        (LockMode.EXCLUSIVE, LockMode.SHARED, True),
        (LockMode.SHARED, LockMode.EXCLUSIVE, True),
        (LockMode.SHARED, LockMode.SHARED, False),
    ],
)
def test_modes(held: LockMode, wanted: LockMode, excluded: bool) -> None:
    assert excludes(lock(mode=held), wanted) is excluded


@pytest.mark.parametrize(
    ("stored", "now", "held_by_another", "reason"),
    [
        (lock(), 99_999, False, None),
        (lock(), 99_999, True, None),
        (lock(), 100_000, False, "lease_expired"),
        (lock(), 100_000, True, "stale_lease"),
        (lock(LockState.EXPIRED), 200_000, False, "lease_expired"),
        (lock(LockState.EXPIRED), 200_000, True, "stale_lease"),
        (lock(LockState.RELEASED), 0, False, "lease_released"),
        (lock(LockState.RELEASED), 0, True, "lease_released"),
        (None, 0, False, "lock_not_found"),
        (None, 0, True, "stale_lease"),
    ],
)
def test_the_shown_lease(
    stored: Lock | None, now: int, held_by_another: bool, reason: str | None
) -> None:
    error = refusal(stored, KEY, Instant(now), held_by_another=held_by_another)
    assert (error.reason if error else None) == reason
    if error is not None:
        assert "secret" not in error.message + str(error.data)


def test_the_last_to_end_is_named() -> None:
    locks = [lock(token=1, expires_at=5), lock(token=2, expires_at=9), lock(token=3, expires_at=9)]
    assert last_to_end(locks).fencing_token == 3
