"""Instants, expiries, and a clock that does not go back."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.core.clock import Instant, SystemClock, UnixSeconds, expiry, has_passed, rfc3339

INSTANTS = st.integers(0, 4_000_000_000_000).map(Instant)


@given(INSTANTS, st.integers(1, 604_800))
def test_a_lease_lasts_as_long_as_asked_and_less_than_a_second_more(
    now: Instant, secs: int
) -> None:
    end = expiry(now, secs) * 1000
    assert now + secs * 1000 <= end < now + secs * 1000 + 1000
    assert not has_passed(UnixSeconds(end // 1000), Instant(end - 1))
    assert has_passed(UnixSeconds(end // 1000), Instant(end))


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_769_860_800_123, "2026-01-31T12:00:00.123Z"),
        (1_769_860_800_007, "2026-01-31T12:00:00.007Z"),
        (1_769_860_800_999, "2026-01-31T12:00:00.999Z"),
    ],
)
def test_the_wires_form_of_an_instant(instant: int, text: str) -> None:
    assert rfc3339(Instant(instant)) == text


@given(st.lists(INSTANTS, min_size=2))
def test_the_wires_form_sorts_like_time(instants: list[Instant]) -> None:
    assert sorted(instants) == sorted(instants, key=rfc3339)


def test_the_clock_follows_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_000)
    assert clock.now() == 5000
    monkeypatch.setattr(time, "time_ns", lambda: 7_000_000_000)
    assert clock.now() == 7000


class Clocks:
    """The system's two clocks, as a test sets them, in milliseconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = 10_000
        self.monotonic = 77
        monkeypatch.setattr(time, "time_ns", lambda: self.wall * 1_000_000)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.monotonic * 1_000_000)

    def go_on(self, millis: int) -> None:
        """Lets time pass."""
        self.wall += millis
        self.monotonic += millis


def test_time_goes_on_while_the_wall_clock_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    clock = SystemClock()
    assert clock.now() == 10_000
    clocks.wall -= 9000
    assert clock.now() == 10_000
    for number in range(1, 5):
        clocks.go_on(1)
        assert clock.now() == 10_000 + number
    clocks.go_on(6000)
    assert clock.now() == 16_004
    clocks.wall -= 500  # Once more, while it is behind.
    clocks.go_on(10)
    assert clock.now() == 16_014
    clocks.wall = 20_000  # It has been set right.
    assert clock.now() == 20_000
    clocks.go_on(5)
    assert clock.now() == 20_005
    clocks.wall -= 1  # What passed before it was seen for the first time is not counted.
    assert clock.now() == 20_005
    clocks.go_on(3)
    assert clock.now() == 20_008


def test_time_goes_on_from_what_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    clock = SystemClock(floor=Instant(3_600_000))
    assert clock.now() == 3_600_000
    clocks.go_on(5000)
    assert clock.now() == 3_605_000


@given(st.lists(st.tuples(st.integers(-5000, 5000), st.integers(0, 100)), max_size=30))
def test_no_step_of_the_wall_clock_turns_time_back_or_stops_it(
    steps: list[tuple[int, int]],
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clocks = Clocks(monkeypatch)
        clock = SystemClock()
        before = clock.now()
        for step, passed in steps:
            clocks.wall = max(0, clocks.wall + step)
            clock.now()  # A daemon looks every second.
            seen = clock.now()
            clocks.go_on(passed)
            now = clock.now()
            assert now >= before
            assert now == seen + passed
            before = now


def test_the_clock_does_not_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock(floor=Instant(6000))
    monkeypatch.setattr(time, "monotonic_ns", lambda: 0)
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_000)
    assert clock.now() == 6000
    monkeypatch.setattr(time, "time_ns", lambda: 8_000_000_000)
    assert clock.now() == 8000
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_000)
    assert clock.now() == 8000
