"""What the writer remembers of the locks against a plain list of them, whatever is rolled back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentd.core.clock import Instant, UnixSeconds
from agentd.core.locks import Lock
from agentd.core.resource_keys import ResourceKey
from agentd.core.storage.lock_memory import LockMemory

NAMESPACES = ["", "other"]
KEYS = ["file:a", "file:b", "dir:a"]
LARGE = "x" * 5000

STEPS = st.lists(
    st.sampled_from(
        ["grant", "grant", "end", "renew", "savepoint", "undo to it", "commit", "roll back"]
    ),
    max_size=40,
)


def lock(token: int, namespace: str, key: str, metadata: str) -> Lock:
    instant, end = Instant(1000), UnixSeconds(100)
    return Lock(
        token,
        "8-s",
        namespace,
        ResourceKey(key),
        "shared",
        "o",
        "p",
        "LIVE",
        instant,
        end,
        metadata,
    )


@given(st.data(), STEPS)
def test_it_knows_every_live_lock_and_no_row_that_is_not_there(
    data: st.DataObject, steps: list[str]
) -> None:
    memory = LockMemory([])
    live: dict[int, Lock] = {}
    committed: dict[int, Lock] = {}
    saved: tuple[int, dict[int, Lock]] | None = None
    token = 0
    for step in steps:
        if step == "grant":
            token += 1
            new = lock(
                token,
                data.draw(st.sampled_from(NAMESPACES)),
                data.draw(st.sampled_from(KEYS)),
                data.draw(st.sampled_from(["{}", LARGE])),
            )
            live[token] = new
            memory.granted(new)
        elif step in ("end", "renew") and live:
            chosen = live[data.draw(st.sampled_from(sorted(live)))]
            if step == "end":
                del live[chosen.fencing_token]
                memory.ended(chosen)
            else:
                metadata = data.draw(st.sampled_from(['{"new": 1}', LARGE]))
                live[chosen.fencing_token] = chosen._replace(metadata=metadata)
                memory.rewritten(live[chosen.fencing_token])
        elif step == "savepoint":
            saved = memory.mark(), dict(live)
        elif step == "undo to it" and saved is not None:
            mark, live = saved[0], dict(saved[1])
            memory.undo(mark)
        elif step == "commit":
            memory.settle()
            committed, saved = dict(live), None
        elif step == "roll back":
            memory.undo()
            live, saved = dict(committed), None
        check(memory, live, token)


def check(memory: LockMemory, live: dict[int, Lock], tokens: int) -> None:
    covered = {(held.namespace, held.resource_key) for held in live.values()}
    for namespace in NAMESPACES:
        for key in KEYS:
            assert memory.is_any_held(namespace, [key]) is ((namespace, key) in covered)
    for token in range(1, tokens + 1):
        remembered = memory.row(lock(token, "", "k", "{}").lease_id)
        assert remembered in (None, live.get(token))


def test_what_was_there_before_is_known() -> None:
    memory = LockMemory([("", "file:a"), ("", "file:a"), ("other", "file:b")])
    assert memory.is_any_held("", ["file:x", "file:a"])
    assert memory.is_any_held("other", ["file:b"])
    assert not memory.is_any_held("", ["file:b"])
    assert not memory.is_any_held("nobody's", ["file:a"])


def test_the_rows_written_last_are_remembered_and_no_more_than_some_thousand() -> None:
    memory = LockMemory([])
    granted = [lock(token, "", "file:a", "{}") for token in range(1, 6001)]
    for each in granted:
        memory.granted(each)
    remembered = [each for each in granted if memory.row(each.lease_id)]
    assert remembered == granted[-len(remembered) :]
    assert 1000 < len(remembered) < 6000
