"""The player's own judgement: what it calls unlike, and what it takes for like."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.core.clock import Instant
from tests.protocol.player import Unlike, play
from tests.protocol.stage import staged
from tests.protocol.transcript_file import Values, read

NOW = Instant(1_800_000_000_000)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1, "...": "..."}, {"b": 1}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": None}, {"a": False}),
        ([1], [1, 2]),
        ([{"a": 1}], [{"a": 2}]),
        ("@now+300", 1_800_000_301),
        ("@now", "2027-01-15T08:00:00.001Z"),
        ("@time", "2027-01-15 08:00:00"),
        ("@number", True),
        ("@text", ""),
        (["$x", "$x"], ["a", "b"]),
    ],
)
def test_unlike(expected: object, actual: object) -> None:
    assert Values().difference(expected, actual, NOW)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1, "b": None}, {"b": None, "a": 1}),
        ({"a": 1, "...": "..."}, {"a": 1, "b": 2}),
        ("@now+300", 1_800_000_300),
        ("@now", "2027-01-15T08:00:00.000Z"),
        ("@uuid", "11111111-1111-4111-8111-111111111111"),
        ("@any", None),
        (["$x", "$x", "$y"], ["a", "a", "b"]),
    ],
)
def test_like(expected: object, actual: object) -> None:
    assert not Values().difference(expected, actual, NOW)


def test_requests_are_filled_in() -> None:
    values = Values()
    values.difference({"id": "$lease"}, {"id": "abc"}, NOW)
    assert values.fill('{"a":"$lease","b":"@chars(3)","c":@copies(2, {})}') == (
        '{"a":"abc","b":"xxx","c":[{},{}]}'
    )


def test_a_line_that_is_no_step_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text("# A title\nA: what is this?\n")
    with pytest.raises(ValueError, match=r"bad\.txt:2"):
        read(path)


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        ('{"id":1,"result":null}', "not None"),
        ('{"id":2,"result":{"...":"..."}}', "not 2"),
        ('{"id":1,"error":{"...":"..."}}', "lacks"),
    ],
)
async def test_a_daemon_that_does_something_else_fails_the_play(
    reply: str, complaint: str, tmp_path: Path, home: Path
) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(f'# Wrong\nA> {{"id":1,"method":"Health"}}\nA< {reply}\n')
    async with staged(home, {}) as stage:
        with pytest.raises(Unlike, match=complaint):
            await play(read(path), stage)
