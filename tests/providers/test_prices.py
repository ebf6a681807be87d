"""What an answer cost, and that the price list is one that can be trusted as far as it goes."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest

from agentd.providers.deepseek import MODEL_ALIASES
from agentd.providers.prices import price_of
from tests.tidy.source_tree import PACKAGE

NIGHT = datetime(2026, 11, 25, 22, 0, tzinfo=UTC)
"""A Wednesday, off-peak."""
LIST = tomllib.loads((PACKAGE / "providers" / "prices.toml").read_text())


def test_an_answer_off_peak() -> None:
    price = price_of("deepseek", "deepseek-flash", NIGHT)
    assert price is not None
    assert not price.is_peak
    # 260 new and 640 cached tokens in, 40 out, at 0.15, 0.003 and 0.60 a million.
    cost = price.cost_usd(input_tokens=900, cached_tokens=640, output_tokens=40)
    assert cost == pytest.approx((260 * 0.15 + 640 * 0.003 + 40 * 0.60) / 1e6, abs=1e-9)
    assert price.cost_usd(input_tokens=0, output_tokens=0) == 0


@pytest.mark.parametrize(
    ("at", "is_peak"),
    [
        (datetime(2026, 11, 25, 0, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 25, 1, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 25, 3, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 25, 4, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 25, 6, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 25, 10, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 27, 7, 0, tzinfo=UTC), True),  # Friday
        (datetime(2026, 11, 28, 7, 0, tzinfo=UTC), False),  # Saturday
        (datetime(2026, 11, 30, 7, 0, tzinfo=UTC), True),  # Monday
        # Monday morning in Shanghai is Sunday night in UTC.
        (datetime(2026, 11, 30, 2, 0, tzinfo=timezone(timedelta(hours=8))), False),
        (datetime(2026, 11, 30, 9, 0, tzinfo=timezone(timedelta(hours=8))), True),
    ],
)
def test_peak_hours_cost_double(at: datetime, is_peak: bool) -> None:
    price, off_peak = (price_of("deepseek", "deepseek-flash", when) for when in (at, NIGHT))
    assert price is not None
    assert off_peak is not None
    factor = 2 if is_peak else 1
    assert price.is_peak is is_peak
    assert (price.input, price.cached_input, price.output) == (
        off_peak.input * factor,
        off_peak.cached_input * factor,
        off_peak.output * factor,
    )


@pytest.mark.parametrize(("provider", "model"), [("deepseek", "someone"), ("nobody", "gpt")])
def test_no_price_is_made_up(provider: str, model: str) -> None:
    assert price_of(provider, model, NIGHT) is None


def test_more_cached_than_there_was_costs_no_less_than_nothing() -> None:
    price = price_of("deepseek", "deepseek-flash", NIGHT)
    assert price is not None
    assert price.cost_usd(input_tokens=10, cached_tokens=99, output_tokens=0) > 0


def test_what_an_alias_stands_for_has_a_price() -> None:
    for model in MODEL_ALIASES.values():
        assert price_of("deepseek", model, NIGHT) is not None


@pytest.mark.parametrize("provider", LIST)
def test_the_list_says_where_and_when_it_was_read(provider: str) -> None:
    listed = LIST[provider]
    assert urlsplit(listed["source"]).scheme == "https"
    assert date(2026, 1, 1) < date.fromisoformat(listed["date"])
    for model in listed["models"]:
        price = price_of(provider, model, NIGHT)
        assert price is not None
        assert 0 <= price.cached_input <= price.input <= price.output
