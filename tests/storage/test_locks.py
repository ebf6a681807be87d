"""Resource locks: who gets one, who does not, and what remains of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from agentd.core.clock import expiry
from agentd.core.limits import SETTLED_LEASE_SECS
from agentd.core.operations.table import WRITES
from agentd.core.operations.transaction import Blocker, Freed
from agentd.core.resource_keys import ResourceKey
from agentd.core.storage.locks import prune
from agentd.errors import AgentdError, InvalidParams, LeaseLost, NotFound, ResourceExhausted
from agentd.protocol.envelope import validate_params
from agentd.protocol.methods import METHODS
from tests.fakes.core import PAYLOAD_BYTES_MAX, START, Core

BUNDLE = {"intent": "tidy", "touched_paths": ["src/a.py"], "nested": {"b": [1, 2.5, None]}}


def acquire(core: Core, key: str, owner: str = "codex", /, **params: Any) -> Any:
    return core.write("AcquireResourceLock", resource_key=key, owner=owner, **params)


def refused(core: Core, method: str, /, **params: Any) -> AgentdError:
    with pytest.raises(AgentdError) as caught:
        core.write(method, **params)
    return caught.value


def test_a_granted_lock_shows_everything_to_its_holder(core: Core) -> None:
    core.now = type(START)(START + 250)
    lock = acquire(core, "file:src/a.py", provider="openai", ttl_secs=60, metadata=BUNDLE)
    assert lock.pop("lease_id")
    assert lock == {
        "resource_key": "file:src/a.py",
        "namespace": "",
        "owner": "codex",
        "provider": "openai",
        "mode": "exclusive",
        "fencing_token": 1,
        "acquired_at": "2023-11-14T22:13:20.250Z",
        "expires_at": 1_700_000_061,
        "metadata": BUNDLE,
    }
    assert core.effects.earliest_expiry == 1_700_000_061
    assert core.effects.counts == {"locks_granted": 1}


def test_defaults_are_those_of_the_contract(core: Core) -> None:
    lock = core.write("AcquireResourceLock", resource_key="tool:cargo-fmt")
    assert (lock["owner"], lock["provider"], lock["metadata"]) == ("anonymous", "unknown", {})
    assert lock["expires_at"] == core.now // 1000 + 300


def test_a_held_lock_is_null_for_everybody_even_its_owner(core: Core) -> None:
    acquire(core, "file:a", "codex")
    assert acquire(core, "file:a", "antigravity") is None
    assert acquire(core, "file:a", "codex") is None
    assert core.effects.counts == {"locks_denied": 1}
    assert core.effects.blockers == (Blocker("codex", expiry(core.now, 300)),)
    assert core.actions() == ["lock.acquired"]


def test_a_denied_request_that_waits_is_not_counted_as_denied_yet(core: Core) -> None:
    acquire(core, "file:a")
    assert acquire(core, "file:a", "other", wait_secs=5) is None
    assert core.effects.counts == {}


def test_the_holder_is_shown_without_its_lease_when_asked_for(core: Core) -> None:
    lock = acquire(core, "dir:src", "codex", provider="openai", metadata=BUNDLE)
    denied = acquire(core, "file:src/a.py", "b", if_held="holder")
    del lock["lease_id"]
    assert denied == {"granted": False, "holder": lock}


def test_of_several_holders_the_one_that_ends_last_is_shown(core: Core) -> None:
    acquire(core, "file:src/a", "short", ttl_secs=10)
    acquire(core, "file:src/b", "long", ttl_secs=1000)
    acquire(core, "file:src/c", "middle", ttl_secs=100)
    denied = acquire(core, "dir:src", "d", if_held="holder")
    assert denied["holder"]["owner"] == "long"
    assert {blocker.owner for blocker in core.effects.blockers} == {"short", "long", "middle"}


@pytest.mark.parametrize(
    ("held", "wanted", "free"),
    [
        ("dir:src", "file:src/deep/a.py", False),
        ("file:src/deep/a.py", "dir:src", False),
        ("dir:src", "dir:src/deep", False),
        ("dir:src/deep", "dir:src", False),
        ("dir:.", "file:a", False),
        ("file:a", "dir:.", False),
        ("dir:a", "file:a", False),
        ("file:./src//a.py", "file:src/a.py", False),
        ("dir:src/", "dir:src", False),
        ("dir:src", "file:src2/a", True),
        ("dir:src", "file:src.py", True),
        ("file:a", "file:b", True),
        ("dir:.", "tool:fmt", True),
        ("artifact:docs", "artifact:docs/api.json", True),
        ("src/a.py", "file:src/a.py", True),
        ("dir:ä", "file:ä/ö", False),
    ],
)
def test_what_excludes_what(core: Core, held: str, wanted: str, free: bool) -> None:
    assert acquire(core, held)
    assert (acquire(core, wanted, "other") is not None) is free


def test_a_path_deeper_than_a_compound_query_may_be(core: Core) -> None:
    deep = "/".join("a" * 500)
    assert acquire(core, "dir:a/a")
    assert acquire(core, f"file:{deep}", "b") is None
    assert acquire(core, f"file:b/{deep}", "b")
    assert acquire(core, f"dir:b/{deep}", "c") is None


@pytest.mark.parametrize("key", ["", "  ", "file:", "file:/etc", "dir:a/../b", "a\0b", "x" * 1025])
def test_a_bad_key_is_refused_by_its_name(core: Core, key: str) -> None:
    error = refused(core, "AcquireResourceLock", resource_key=key)
    assert (error.reason, error.data["path"]) == ("bad_resource_key", "resource_key")


@pytest.mark.parametrize("secs", [0, -5, 7 * 24 * 3600 + 1])
def test_a_ttl_out_of_range_is_refused(core: Core, secs: int) -> None:
    assert refused(core, "AcquireResourceLock", resource_key="a", ttl_secs=secs).reason == (
        "ttl_out_of_range"
    )


def test_shared_locks_share_and_exclude_exclusive_ones(core: Core) -> None:
    assert acquire(core, "file:a", "r1", mode="shared")
    assert acquire(core, "file:a", "r2", mode="shared")
    assert acquire(core, "dir:.", "r3", mode="shared")
    assert acquire(core, "file:a", "w") is None
    assert acquire(core, "file:b", "w") is None
    assert acquire(core, "tool:x", "w")
    assert acquire(core, "tool:x", "r", mode="shared") is None


def test_namespaces_keep_equal_keys_apart(core: Core) -> None:
    assert acquire(core, "dir:.", namespace="/repo/one")
    assert acquire(core, "dir:.", namespace="/repo/two")
    assert acquire(core, "dir:.")
    assert acquire(core, "file:a", namespace="/repo/two") is None


def test_a_lapsed_lock_met_on_the_way_is_expired_with_its_event(core: Core) -> None:
    acquire(core, "dir:src", "codex", ttl_secs=10, metadata=BUNDLE)
    core.tick(9.999)
    assert acquire(core, "file:src/a", "b") is None
    core.tick(0.001)
    lock = acquire(core, "file:src/a", "b")
    assert lock["fencing_token"] == 2
    assert core.actions() == ["lock.acquired", "lock.expired", "lock.acquired"]
    (expired,) = core.events("lock.expired")
    assert (expired["owner"], expired["resource_key"]) == ("codex", "dir:src")
    assert expired["payload"]["metadata"] == BUNDLE
    assert core.effects.freed == [Freed("", ResourceKey("dir:src"))]
    assert core.effects.counts == {"locks_expired": 1, "locks_granted": 1}


@pytest.mark.parametrize("key", ["dir:.", "dir:src", "file:a", "tool:x"])
def test_a_lapsed_lock_on_the_same_key_is_expired_once(core: Core, key: str) -> None:
    acquire(core, key, ttl_secs=10)
    core.tick(10)
    assert acquire(core, key, "b")
    assert core.actions() == ["lock.acquired", "lock.expired", "lock.acquired"]


def test_a_denied_request_still_expires_what_has_lapsed(core: Core) -> None:
    acquire(core, "file:src/a", "gone", ttl_secs=10)
    acquire(core, "file:src/b", "there", ttl_secs=100)
    core.tick(20)
    assert acquire(core, "dir:src", "c") is None
    assert core.actions()[-1] == "lock.expired"


def test_fencing_tokens_only_grow_also_when_locks_are_forgotten(core: Core) -> None:
    first = acquire(core, "a")
    core.write("ReleaseResourceLock", resource_key="a", lease_id=first["lease_id"])
    core.tick(SETTLED_LEASE_SECS + 1)
    assert core.prune() == 0  # The newest stays, because the next token is the one after it.
    second = acquire(core, "a")
    assert second["fencing_token"] == 2
    assert core.prune() == 1
    core.write("ReleaseResourceLock", resource_key="a", lease_id=second["lease_id"])
    core.tick(SETTLED_LEASE_SECS + 1)
    assert core.prune() == 0
    assert core.one("SELECT count(*) FROM locks") == 1
    assert acquire(core, "a")["fencing_token"] == 3


def test_a_lease_is_worth_nothing_if_any_of_its_digits_is_wrong(core: Core) -> None:
    acquire(core, "a")
    lease_id = acquire(core, "b")["lease_id"]
    for at, digit in enumerate(lease_id):
        for other in ("0" if digit != "0" else "1", digit.upper(), "é", "-", " "):
            forged = lease_id[:at] + other + lease_id[at + 1 :]
            if forged != lease_id:
                shown = {"resource_key": "b", "lease_id": forged}
                assert refused(core, "ReleaseResourceLock", **shown).reason == "stale_lease"
    for forged in (lease_id[:-1], lease_id + "0", lease_id[:13], "x", "00000000"):
        shown = {"resource_key": "b", "lease_id": forged}
        assert refused(core, "ReleaseResourceLock", **shown).reason == "stale_lease"
    core.write("ReleaseResourceLock", resource_key="b", lease_id=lease_id)


def test_a_lease_is_found_by_a_token_of_any_length(core: Core) -> None:
    core.connection.execute(  # A token that needs more than the first group of digits.
        "INSERT INTO locks (fencing_token, lease_secret, namespace, resource_key, mode, owner,"
        " provider, acquired_at, expires_at, metadata)"
        " VALUES (0x123456789abc, 's', '', 'x', 'exclusive', 'o', 'p', 1, 2, '{}')"
    )
    lock = acquire(core, "a")
    assert lock["lease_id"].startswith("12345678-9abd-8")
    assert lock["fencing_token"] == 0x123456789ABD
    core.write("ReleaseResourceLock", resource_key="a", lease_id=lock["lease_id"])


def test_behind_somebody_who_waits_a_free_lock_is_not_granted(core: Core) -> None:
    core.behind_waiter = True
    assert acquire(core, "a") is None
    assert acquire(core, "a", if_held="holder") is None
    assert core.write("AcquireResourceLocks", resource_keys=["a", "b"]) is None
    assert core.effects.blockers == ()
    core.behind_waiter = False
    acquire(core, "a")
    core.behind_waiter = True
    denied = acquire(core, "a", "c", if_held="holder")
    assert denied["holder"]["owner"] == "codex"


# Renewal.


def test_the_holder_renews_in_place_with_its_lease(core: Core) -> None:
    first = acquire(core, "file:a", metadata=BUNDLE)
    core.tick(100)
    renewed = acquire(core, "file:./a", lease_id=first["lease_id"], ttl_secs=50)
    assert renewed == {**first, "expires_at": core.now // 1000 + 50}
    assert core.effects.earliest_expiry == core.now // 1000 + 50
    assert core.actions() == ["lock.acquired"]


def test_a_renewal_with_new_metadata_is_an_event_that_carries_it(core: Core) -> None:
    first = acquire(core, "a", metadata={"v": 1})
    renewed = acquire(core, "a", lease_id=first["lease_id"], metadata={"v": 2})
    assert renewed["metadata"] == {"v": 2}
    assert renewed["fencing_token"] == first["fencing_token"]
    (event,) = core.events("lock.renewed")
    assert event["payload"]["metadata"] == {"v": 2}
    acquire(core, "a", lease_id=first["lease_id"], metadata={"v": 2})
    assert len(core.events("lock.renewed")) == 1


def test_a_renewal_goes_through_while_others_wait(core: Core) -> None:
    first = acquire(core, "a")
    core.behind_waiter = True
    assert acquire(core, "a", lease_id=first["lease_id"])


def test_a_renewal_cannot_change_mode_or_namespace(core: Core) -> None:
    first = acquire(core, "a", mode="shared", namespace="one")
    lease = {"resource_key": "a", "lease_id": first["lease_id"]}
    assert acquire(core, "a", lease_id=first["lease_id"])["mode"] == "shared"
    error = refused(core, "AcquireResourceLock", **lease, mode="exclusive")
    assert (error.reason, error.data["path"]) == ("invalid_field", "mode")
    assert refused(core, "AcquireResourceLock", **lease, namespace="two").reason == "lock_not_found"


LEASE_METHODS = ["AcquireResourceLock", "HeartbeatResourceLock", "ReleaseResourceLock"]


@pytest.mark.parametrize("method", LEASE_METHODS)
def test_a_lapsed_lease_is_refused_before_and_after_the_sweep(core: Core, method: str) -> None:
    lock = acquire(core, "a", ttl_secs=10)
    core.tick(10)
    for swept in (0, 1):
        error = refused(core, method, resource_key="a", lease_id=lock["lease_id"])
        assert isinstance(error, LeaseLost)
        assert (error.reason, error.data["expired_at"]) == ("lease_expired", lock["expires_at"])
        assert core.sweep() == 1 - swept


@pytest.mark.parametrize("method", LEASE_METHODS)
def test_a_replaced_lease_is_stale(core: Core, method: str) -> None:
    lock = acquire(core, "a", ttl_secs=10)
    core.tick(10)
    acquire(core, "a", "b")
    error = refused(core, method, resource_key="a", lease_id=lock["lease_id"])
    assert error.reason == "stale_lease"


@pytest.mark.parametrize("swept", [False, True])
def test_a_lapsed_lease_is_not_replaced_by_what_it_would_not_have_excluded(
    core: Core, swept: bool
) -> None:
    lock = acquire(core, "a", mode="shared", ttl_secs=10)
    acquire(core, "a", "b", mode="shared")
    acquire(core, "a", "c", namespace="other")
    core.tick(10)
    if swept:
        core.sweep()
    error = refused(core, "HeartbeatResourceLock", resource_key="a", lease_id=lock["lease_id"])
    assert error.reason == "lease_expired"


@pytest.mark.parametrize("method", LEASE_METHODS)
def test_an_unknown_lease_is_stale_on_a_held_key_and_not_found_on_a_free_one(
    core: Core, method: str
) -> None:
    acquire(core, "held")
    assert refused(core, method, resource_key="held", lease_id="x").reason == "stale_lease"
    error = refused(core, method, resource_key="free", lease_id="x")
    assert isinstance(error, NotFound)
    assert error.reason == "lock_not_found"


@pytest.mark.parametrize("method", LEASE_METHODS)
def test_a_lease_counts_only_for_its_own_key(core: Core, method: str) -> None:
    lock = acquire(core, "a")
    error = refused(core, method, resource_key="b", lease_id=lock["lease_id"])
    assert error.reason == "lock_not_found"


@pytest.mark.parametrize("method", LEASE_METHODS[:2])
def test_a_released_lease_is_told_so(core: Core, method: str) -> None:
    lock = acquire(core, "a")
    lease = {"resource_key": "a", "lease_id": lock["lease_id"]}
    core.write("ReleaseResourceLock", **lease)
    assert refused(core, method, **lease).reason == "lease_released"
    acquire(core, "a", "b")
    assert refused(core, method, **lease).reason == "lease_released"


# Heartbeat, release, list.


def test_a_heartbeat_moves_the_end_and_is_no_event(core: Core) -> None:
    lock = acquire(core, "a")
    core.tick(200)
    beat = core.write(
        "HeartbeatResourceLock", resource_key="a", lease_id=lock["lease_id"], ttl_secs=60
    )
    assert beat == {"ok": True, "expires_at": core.now // 1000 + 60}
    assert core.actions() == ["lock.acquired"]
    core.tick(59)
    assert acquire(core, "a", "b") is None
    core.tick(1)
    assert acquire(core, "a", "b")


async def test_a_heartbeat_can_replace_the_metadata(core: Core) -> None:
    lock = acquire(core, "a", metadata={"v": 1})
    lease = {"resource_key": "a", "lease_id": lock["lease_id"]}
    core.write("HeartbeatResourceLock", **lease, metadata={"w": 2})
    listed = await core.read("ListResourceLocks")
    assert listed["locks"][0]["metadata"] == {"w": 2}
    assert core.actions() == ["lock.acquired", "lock.renewed"]
    core.write("HeartbeatResourceLock", **lease)
    assert (await core.read("ListResourceLocks"))["locks"][0]["metadata"] == {"w": 2}


def test_a_release_frees_the_key_and_keeps_the_metadata_in_the_journal(core: Core) -> None:
    lock = acquire(core, "a", "codex", provider="openai", metadata=BUNDLE)
    lease = {"resource_key": "a", "lease_id": lock["lease_id"]}
    assert core.write("ReleaseResourceLock", **lease) == {"ok": True}
    assert core.effects.freed == [Freed("", ResourceKey("a"))]
    (event,) = core.events("lock.released")
    assert (event["owner"], event["provider"]) == ("codex", "openai")
    assert event["payload"] == {
        "namespace": "",
        "mode": "exclusive",
        "fencing_token": 1,
        "expires_at": lock["expires_at"],
        "metadata": BUNDLE,
    }
    assert acquire(core, "a", "b")


def test_a_repeated_release_is_answered_like_the_first(core: Core) -> None:
    lock = acquire(core, "a")
    lease = {"resource_key": "a", "lease_id": lock["lease_id"]}
    core.write("ReleaseResourceLock", **lease)
    core.tick(1000)
    acquire(core, "a", "b")
    assert core.write("ReleaseResourceLock", **lease) == {"ok": True}
    assert core.effects.freed == []
    assert len(core.events("lock.released")) == 1
    assert acquire(core, "a", "c") is None


async def test_the_list_shows_what_is_held_now_without_leases(core: Core) -> None:
    acquire(core, "file:src/b", "x", namespace="n")
    acquire(core, "file:src/a", "y")
    acquire(core, "file:src2", "y", ttl_secs=10)
    released = acquire(core, "tool:z", "y")
    core.write("ReleaseResourceLock", resource_key="tool:z", lease_id=released["lease_id"])

    async def keys(**params: Any) -> list[str]:
        locks = (await core.read("ListResourceLocks", **params))["locks"]
        assert not any("lease_id" in lock for lock in locks)
        return [lock["resource_key"] for lock in locks]

    assert await keys() == ["file:src/a", "file:src/b", "file:src2"]
    assert await keys(prefix="file:src/") == ["file:src/a", "file:src/b"]
    assert await keys(prefix="file:src") == ["file:src/a", "file:src/b", "file:src2"]
    assert await keys(namespace="n") == ["file:src/b"]
    assert await keys(namespace="") == ["file:src/a", "file:src2"]
    assert await keys(owner="y") == ["file:src/a", "file:src2"]
    assert await keys(owner="nobody") == []
    core.tick(10)
    assert await keys(owner="y") == ["file:src/a"]


async def test_no_lease_id_is_in_journal_or_lists(core: Core) -> None:
    lock = acquire(core, "a", metadata=BUNDLE)
    lease = {"resource_key": "a", "lease_id": lock["lease_id"]}
    core.write("HeartbeatResourceLock", **lease, metadata={})
    listed = await core.read("ListResourceLocks")
    core.write("ReleaseResourceLock", **lease)
    events = await core.read("ListEvents")
    assert len(events["events"]) == 3
    assert lock["lease_id"] not in str(events) + str(listed)


@pytest.mark.parametrize("method", ["AcquireResourceLock", "HeartbeatResourceLock"])
def test_metadata_over_the_limit_is_refused(core: Core, method: str) -> None:
    lock = acquire(core, "a")
    error = refused(
        core,
        method,
        resource_key="a",
        lease_id=lock["lease_id"],
        metadata={"patch": "x" * PAYLOAD_BYTES_MAX},
    )
    assert isinstance(error, ResourceExhausted)
    assert error.reason == "payload_too_large"
    assert error.data == {"path": "metadata", "limit": PAYLOAD_BYTES_MAX}


# Several at once.


def test_several_locks_are_granted_in_the_order_asked_for(core: Core) -> None:
    answer = core.write(
        "AcquireResourceLocks", resource_keys=["file:b", "file:a", "tool:x"], owner="c", ttl_secs=9
    )
    assert [lock["resource_key"] for lock in answer["locks"]] == ["file:b", "file:a", "tool:x"]
    assert len({lock["lease_id"] for lock in answer["locks"]}) == 3
    assert core.actions() == ["lock.acquired"] * 3


def test_several_locks_are_all_or_none(core: Core) -> None:
    acquire(core, "file:b", "other")
    wanted = ["file:a", "file:b", "file:c"]
    assert core.write("AcquireResourceLocks", resource_keys=wanted) is None
    denied = core.write("AcquireResourceLocks", resource_keys=wanted, if_held="holder")
    assert denied["holder"]["resource_key"] == "file:b"
    assert acquire(core, "file:a")


def test_keys_of_one_request_do_not_exclude_one_another(core: Core) -> None:
    wanted = ["dir:src", "file:src/a.py", "dir:./src", "dir:."]
    locks = core.write("AcquireResourceLocks", resource_keys=wanted)["locks"]
    assert [lock["resource_key"] for lock in locks] == [
        "dir:src",
        "file:src/a.py",
        "dir:src",
        "dir:.",
    ]
    assert locks[0] == locks[2]
    assert len({lock["lease_id"] for lock in locks}) == 3
    for lock in (locks[0], locks[3]):
        core.write(
            "ReleaseResourceLock", resource_key=lock["resource_key"], lease_id=lock["lease_id"]
        )
    assert acquire(core, "file:src/a.py", "b") is None
    assert acquire(core, "file:src/b.py", "b")


def test_a_bad_key_among_several_is_named(core: Core) -> None:
    error = refused(core, "AcquireResourceLocks", resource_keys=["ok", "file:../x"])
    assert isinstance(error, InvalidParams)
    assert (error.reason, error.data["path"]) == ("bad_resource_key", "resource_keys[1]")


# Sweeping and forgetting.


def test_the_sweep_expires_what_is_due_a_bounded_number_at_a_time(core: Core) -> None:
    for number in range(5):
        acquire(core, f"k{number}", ttl_secs=10 + number)
    acquire(core, "later", ttl_secs=100)
    core.tick(20)
    assert [core.sweep(3), core.sweep(3), core.sweep(3)] == [3, 2, 0]
    assert [event["resource_key"] for event in core.events("lock.expired")] == [
        f"k{number}" for number in range(5)
    ]


def test_ended_locks_are_forgotten_after_a_day_live_ones_never(core: Core) -> None:
    released = acquire(core, "a")
    lease = {"resource_key": "a", "lease_id": released["lease_id"]}
    acquire(core, "b", ttl_secs=7 * 24 * 3600)
    core.write("ReleaseResourceLock", **lease)
    for_long = acquire(core, "c", ttl_secs=7 * 24 * 3600)
    core.tick(SETTLED_LEASE_SECS - 1)
    assert core.prune() == 0
    assert core.write("ReleaseResourceLock", **lease) == {"ok": True}
    core.tick(1)
    assert core.prune() == 1
    assert refused(core, "ReleaseResourceLock", **lease).reason == "lock_not_found"
    assert acquire(core, "b", "other") is None
    core.write("ReleaseResourceLock", resource_key="c", lease_id=for_long["lease_id"])
    acquire(core, "d")
    core.tick(SETTLED_LEASE_SECS - 1)
    assert core.prune() == 0  # Ended less than a day ago, however long ago it was acquired.
    core.tick(1)
    assert core.prune() == 1


def test_locks_are_forgotten_a_bounded_number_at_a_time(core: Core) -> None:
    for number in range(5):
        acquire(core, f"k{number}", ttl_secs=10)
    acquire(core, "newest", ttl_secs=10)
    core.tick(20)
    core.sweep()
    core.tick(SETTLED_LEASE_SECS)
    with core.transaction() as tx:
        assert [prune(tx.connection, core.now, 3) for _ in range(3)] == [3, 2, 0]


async def pages_of(core: Core, limit: int, **params: Any) -> list[list[str]]:
    """The keys of the locks, page by page."""
    found: list[list[str]] = []
    cursor = None
    while True:
        page = await core.read("ListResourceLocks", limit=limit, cursor=cursor, **params)
        found.append([lock["resource_key"] for lock in page["locks"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_locks_are_listed_in_pages(core: Core) -> None:
    for namespace in ("", "m", "n"):
        for key in ("file:a/b", "file:a", "tool:z"):
            acquire(core, key, namespace=namespace)
    for owner in ("x", "y", "z"):
        acquire(core, "tool:shared", owner, mode="shared")
    whole = [lock["resource_key"] for lock in (await core.read("ListResourceLocks"))["locks"]]
    assert len(whole) == 12
    for limit in range(1, 13):
        pages = await pages_of(core, limit)
        assert [key for page in pages for key in page] == whole
        assert all(len(page) == limit for page in pages[:-1])
        assert len(pages) == -(-12 // limit)
    assert await pages_of(core, 2, prefix="tool:s") == [["tool:shared"] * 2, ["tool:shared"]]
    assert await pages_of(core, 2, namespace="m") == [["file:a", "file:a/b"], ["tool:z"]]
    assert await pages_of(core, 5, prefix="nothing") == [[]]


async def test_a_page_of_locks_goes_on_behind_a_lock_that_is_gone(core: Core) -> None:
    leases = {key: acquire(core, key)["lease_id"] for key in "abcd"}
    page = await core.read("ListResourceLocks", limit=2)
    for key in "bc":
        core.write("ReleaseResourceLock", resource_key=key, lease_id=leases[key])
    rest = await core.read("ListResourceLocks", cursor=page["next_cursor"])
    assert [lock["resource_key"] for lock in rest["locks"]] == ["d"]
    assert rest["next_cursor"] is None
    other = await core.read("ListResourceLocks", prefix="d", cursor=page["next_cursor"])
    assert [lock["resource_key"] for lock in other["locks"]] == ["d"]


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "[]", "7", "null", '"abc"', "[" * 300, '{"a": 1, "b": 2, "c": 3}', '["a", 1, 1]'),
        *('["a", "", "1"]', '["a", "", true]', '["a", "", -1]', f'["a", "", {10**30}]'),
    ],
)
async def test_a_cursor_of_something_else_is_refused(core: Core, cursor: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        await core.read("ListResourceLocks", cursor=cursor)
    assert (caught.value.reason, caught.value.data["path"]) == ("invalid_field", "cursor")


def test_a_sign_of_life_that_came_in_time_counts_however_late_it_is_read(core: Core) -> None:
    lock = acquire(core, "k", ttl_secs=10)
    shown = {"resource_key": "k", "lease_id": lock["lease_id"], "ttl_secs": 10}
    core.tick(9)
    core.busy_secs = 60
    answer = core.write("HeartbeatResourceLock", **shown)
    assert answer["expires_at"] == expiry(core.now, 10) + 60


def undone(core: Core, method: str, **params: Any) -> None:
    """Carries out a write in a transaction that is rolled back."""
    checked = validate_params(METHODS[method].params, params)

    def write() -> None:
        with core.transaction() as tx:
            WRITES[method](tx, checked, core.now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()


def test_a_lock_of_a_transaction_that_was_undone_keeps_nobody_out(core: Core) -> None:
    undone(core, "AcquireResourceLock", resource_key="file:a")
    assert acquire(core, "file:a")["fencing_token"] == 1


def test_a_release_that_was_undone_frees_nothing(core: Core) -> None:
    held = acquire(core, "file:a")
    shown = {"resource_key": "file:a", "lease_id": held["lease_id"]}
    undone(core, "ReleaseResourceLock", **shown)
    assert acquire(core, "file:a") is None
    assert core.write("HeartbeatResourceLock", **shown)["ok"]


def test_what_another_program_does_to_the_table_is_seen(core: Core) -> None:
    held, other = acquire(core, "file:a"), acquire(core, "file:b")
    with closing(sqlite3.connect(core.path)) as connection, connection:
        connection.execute(
            "UPDATE locks SET state = 'EXPIRED', ended_at = acquired_at WHERE fencing_token = ?",
            (held["fencing_token"],),
        )
        connection.execute(
            "UPDATE locks SET resource_key = 'file:c' WHERE fencing_token = ?",
            (other["fencing_token"],),
        )
    assert acquire(core, "file:c") is None
    assert acquire(core, "file:b")["fencing_token"] == 3
    late = refused(core, "HeartbeatResourceLock", resource_key="file:a", lease_id=held["lease_id"])
    assert isinstance(late, LeaseLost)


def test_metadata_that_is_too_large_to_remember_is_kept_all_the_same(core: Core) -> None:
    metadata = {"patch": "+" * 9000}
    held = acquire(core, "file:a", metadata=metadata)
    again = acquire(core, "file:a", lease_id=held["lease_id"])
    assert again["metadata"] == metadata
    renewed = acquire(core, "file:a", lease_id=held["lease_id"], metadata={"small": 1})
    assert renewed["metadata"] == {"small": 1}
    core.write("ReleaseResourceLock", resource_key="file:a", lease_id=held["lease_id"])
    assert core.events("lock.released")[0]["payload"]["metadata"] == {"small": 1}
