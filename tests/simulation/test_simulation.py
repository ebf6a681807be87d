"""Seeds of the simulation: some at every run, thousands when there is time."""

from __future__ import annotations

import pytest

from tests.simulation.reproduce import reproduce

QUICK = range(25)
BLOCK = 100
MANY = range(1000, 3000, BLOCK)


@pytest.mark.parametrize("seed", QUICK)
def test_whatever_happens_the_rules_hold(seed: int) -> None:
    reproduce(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", MANY)
def test_whatever_else_happens_the_rules_hold(first: int) -> None:
    for seed in range(first, first + BLOCK):
        reproduce(seed)


def test_a_seed_is_the_same_every_time() -> None:
    assert reproduce(3) == reproduce(3)
