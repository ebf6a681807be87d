"""What an answer cost, from its tokens and the providers' price lists in `prices.toml`.

A cost is an estimate of ours, never the provider's bill, and None where no price is known: a wrong
number would be worse than none. The time comes from the caller, since some prices depend on it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from typing import Any, Final

_TOKENS_PER_PRICE: Final = 1_000_000
_COST_DIGITS: Final = 9
"""A billionth of a dollar is less than any token costs."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of a model cost at some time, in US dollars."""

    input: float
    cached_input: float
    output: float
    is_peak: bool
    source: str
    date: date
    """When the list was read."""

    def cost_usd(self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """US dollars. `cached_tokens` are those of the input that the provider had in its cache."""
        cached = min(cached_tokens, input_tokens)
        millionths = (
            (input_tokens - cached) * self.input
            + cached * self.cached_input
            + output_tokens * self.output
        )
        return round(millionths / _TOKENS_PER_PRICE, _COST_DIGITS)


def price_of(provider: str, model: str, at: datetime) -> Price | None:
    """The price of a model at some time; None where the list has none.

    `at` has a time zone.
    """
    listed = _list().get(provider, {})
    price = listed.get("models", {}).get(model)
    if price is None:
        return None
    is_peak = _is_peak(listed.get("peak"), at)
    factor = listed["peak"]["factor"] if is_peak else 1
    return Price(
        input=price["input"] * factor,
        cached_input=price.get("cached_input", price["input"]) * factor,
        output=price["output"] * factor,
        is_peak=is_peak,
        source=listed["source"],
        date=date.fromisoformat(listed["date"]),
    )


def price_of_model(model: str, at: datetime) -> Price | None:
    """The price of a model whose provider is not known; None where no list has it."""
    found = (price_of(provider, model, at) for provider in _list())
    return next((price for price in found if price is not None), None)


def _is_peak(peak: dict[str, Any] | None, at: datetime) -> bool:
    if peak is None:
        return False
    there = at.astimezone(UTC)
    return there.isoweekday() in peak["weekdays"] and any(
        first <= there.hour < end for first, end in peak["hours_utc"]
    )


@cache
def _list() -> dict[str, Any]:
    text = resources.files("agentd.providers").joinpath("prices.toml").read_text("utf-8")
    return tomllib.loads(text)
