"""Who waits behind whom, who is woken, and which waits close a circle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentd.core.lock_queue import LockQueue, Place, Wanted
from agentd.core.resource_keys import ResourceKey, overlap
from agentd.core.states import LockMode

EXCLUSIVE, SHARED = LockMode.EXCLUSIVE, LockMode.SHARED


def wanted(*keys: str, owner: str = "a", mode: LockMode = EXCLUSIVE, namespace: str = "") -> Wanted:
    return Wanted(namespace, tuple(ResourceKey(key) for key in keys), mode, owner)


def freed(queue: LockQueue, key: str, namespace: str = "") -> list[str]:
    return [place.wanted.owner for place in queue.freed([(namespace, ResourceKey(key))])]


def test_an_empty_queue_holds_nobody_up() -> None:
    queue = LockQueue()
    assert not queue.is_behind(wanted("file:a"))
    assert queue.freed([("", ResourceKey("file:a"))]) == []


def test_later_requests_come_behind_those_that_overlap() -> None:
    queue = LockQueue()
    queue.join(wanted("file:src/a.py"))
    assert queue.is_behind(wanted("file:src/a.py"))
    assert queue.is_behind(wanted("dir:src"))
    assert queue.is_behind(wanted("dir:."))
    assert queue.is_behind(wanted("tool:fmt", "file:src/a.py", mode=SHARED))
    assert not queue.is_behind(wanted("file:src/b.py"))
    assert not queue.is_behind(wanted("file:src/a.py", namespace="other"))


def test_shared_requests_do_not_hold_each_other_up() -> None:
    queue = LockQueue()
    queue.join(wanted("dir:src", mode=SHARED))
    assert not queue.is_behind(wanted("file:src/a.py", mode=SHARED))
    assert queue.is_behind(wanted("file:src/a.py"))


def test_a_request_is_not_behind_those_that_came_later() -> None:
    queue = LockQueue()
    first = queue.join(wanted("k"))
    second = queue.join(wanted("k", owner="b"))
    assert not queue.is_behind(first.wanted, first.order)
    assert queue.is_behind(second.wanted, second.order)


def test_what_is_freed_goes_to_the_first_who_waits() -> None:
    queue = LockQueue()
    queue.join(wanted("dir:src", owner="first"))
    queue.join(wanted("file:src/a", owner="second"))
    queue.join(wanted("file:doc/a", owner="elsewhere"))
    assert freed(queue, "file:src/a") == ["first"]
    assert freed(queue, "dir:.") == ["first", "elsewhere"]


def test_all_shared_requests_at_the_front_are_woken_together() -> None:
    queue = LockQueue()
    for owner in ("a", "b"):
        queue.join(wanted("k", owner=owner, mode=SHARED))
    queue.join(wanted("k", owner="c"))
    queue.join(wanted("k", owner="d", mode=SHARED))
    assert freed(queue, "k") == ["a", "b"]


def test_whoever_leaves_lets_those_behind_go_on() -> None:
    queue = LockQueue()
    blocking = queue.join(wanted("dir:src", owner="a"))
    queue.join(wanted("file:src/x", owner="b"))
    queue.join(wanted("file:src/y", owner="c"))
    assert [place.wanted.owner for place in queue.leave(blocking)] == ["b", "c"]


def test_two_who_wait_for_each_other_are_a_circle() -> None:
    queue = LockQueue()
    first = queue.join(wanted("y", owner="a"))
    queue.blocked(first, ("b",))
    assert queue.circle(first) == []
    second = queue.join(wanted("x", owner="b"))
    queue.blocked(second, ("a",))
    assert queue.circle(second) == ["b", "a", "b"]


def test_a_circle_may_be_long_and_lead_through_the_queue() -> None:
    queue = LockQueue()
    # b waits for x, which a holds, and for y; so a, who asks for the free y, comes behind b.
    waiting = queue.join(wanted("x", "y", owner="b"))
    queue.blocked(waiting, ("a",))
    behind = queue.join(wanted("y", owner="a"))
    assert queue.circle(behind) == ["a", "b", "a"]


def test_a_circle_is_over_when_one_leaves_it() -> None:
    queue = LockQueue()
    first = queue.join(wanted("y", owner="a"))
    queue.blocked(first, ("b",))
    queue.leave(first)
    second = queue.join(wanted("x", owner="b"))
    queue.blocked(second, ("a",))
    assert queue.circle(second) == []


def test_names_are_no_credentials() -> None:
    queue = LockQueue()
    itself = queue.join(wanted("x", owner="a"))
    queue.blocked(itself, ("a",))
    assert queue.circle(itself) == []
    nobody = queue.join(wanted("z", owner="anonymous"))
    queue.blocked(nobody, ("b",))
    waits_for_nobody = queue.join(wanted("w", owner="b"))
    queue.blocked(waits_for_nobody, ("anonymous",))
    assert queue.circle(waits_for_nobody) == []


KEYS = ["dir:.", "dir:src", "file:src", "file:src/a", "dir:src/a", "file:src/a/b", "file:z", "k"]
requests = st.builds(
    Wanted,
    st.sampled_from(["", "other"]),
    st.lists(st.sampled_from(KEYS).map(ResourceKey), min_size=1, max_size=3).map(tuple),
    st.sampled_from(LockMode),
    st.sampled_from("abcde"),
)


def conflict(one: Wanted, other: Wanted) -> bool:
    return (
        one.namespace == other.namespace
        and (one.mode is EXCLUSIVE or other.mode is EXCLUSIVE)
        and any(overlap(a, b) for a in one.keys for b in other.keys)
    )


@given(st.lists(st.tuples(requests, st.booleans())), st.sampled_from(KEYS).map(ResourceKey))
def test_order_is_kept_among_all_that_conflict(
    arrivals: list[tuple[Wanted, bool]], key: ResourceKey
) -> None:
    queue = LockQueue()
    waiting: list[Place] = []
    for request, stays in arrivals:
        place = queue.join(request)
        waiting.append(place)
        if not stays:
            queue.leave(waiting.pop(len(waiting) // 2))
    for index, place in enumerate(waiting):
        behind = any(conflict(place.wanted, before.wanted) for before in waiting[:index])
        assert queue.is_behind(place.wanted, place.order) is behind
    may_go = [
        place
        for place in waiting
        if place.wanted.namespace == ""
        and any(overlap(key, own) for own in place.wanted.keys)
        and not queue.is_behind(place.wanted, place.order)
    ]
    assert queue.freed([("", key)]) == may_go
