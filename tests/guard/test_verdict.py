"""Which paths somebody else has locked."""

from __future__ import annotations

import pytest

from agentd.guard.verdict import intrusions


def lock(key: str, owner: str = "other", mode: str = "exclusive") -> dict[str, object]:
    return {"resource_key": key, "owner": owner, "mode": mode}


@pytest.mark.parametrize(
    ("key", "is_in_the_way"),
    [
        ("file:src/app.py", True),
        ("dir:src", True),
        ("dir:.", True),
        ("dir:src/app.py", True),
        ("file:src", False),
        ("file:src/app.pyc", False),
        ("dir:src/app", False),
        ("artifact:src/app.py", False),
    ],
)
def test_what_covers_a_path(key: str, is_in_the_way: bool) -> None:
    found = intrusions(["src/app.py"], [lock(key)], {"me"})
    assert [each.holder["resource_key"] for each in found] == [key] * is_in_the_way


def test_own_and_shared_locks_are_in_nobodys_way() -> None:
    locks = [lock("file:a", "me"), lock("file:b", mode="shared"), lock("file:c", "my-branch")]
    assert intrusions(["a", "b", "c"], locks, {"me", "my-branch"}) == []


def test_each_path_once_in_its_order() -> None:
    locks = [lock("dir:src"), lock("file:src/b")]
    found = intrusions(["src/b", "src/a", "src/b", "z"], locks, set())
    assert [each.resource_key for each in found] == ["file:src/b", "file:src/a"]


def test_odd_names() -> None:
    paths = ["a\nb", "caf\udce9", "x" * 5_000, " ", "file:x"]
    assert (
        intrusions(paths, [lock("file:a\nb"), lock("dir:q")], set())[0].resource_key == "file:a\nb"
    )
