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


def test_the_clock_does_not_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock(floor=Instant(6000))
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_000)
    assert clock.now() == 6000
    monkeypatch.setattr(time, "time_ns", lambda: 8_000_000_000)
    assert clock.now() == 8000
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_000)
    assert clock.now() == 8000
