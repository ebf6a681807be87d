"""Identities: random UUIDs, and their one spelling."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import pytest

from agentd.core.ids import RandomIds, canonical_uuid, number_in, numbered_id, numbered_tail


@pytest.mark.parametrize(("version", "make"), [(4, RandomIds.new), (7, RandomIds.new_ordered)])
def test_ids_are_random_uuids_and_never_the_same(
    version: int, make: Callable[[RandomIds], str]
) -> None:
    ids = RandomIds()
    made = [make(ids) for _ in range(5000)]  # More than one block.
    assert len(set(made)) == len(made)
    for text in made:
        parsed = UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (version, "specified in RFC 4122")
    assert {text[19] for text in made} == set("89ab")


def test_ids_that_people_abbreviate_differ_from_the_first_digit_on() -> None:
    ids = RandomIds()
    assert len({ids.new()[0] for _ in range(500)}) == 16


def test_ordered_ids_begin_with_the_time_so_that_indexes_grow_at_their_end() -> None:
    before = time.time_ns() // 1_000_000
    made = [RandomIds().new_ordered() for _ in range(3)]
    after = time.time_ns() // 1_000_000
    assert all(before <= int(text[:8] + text[9:13], 16) <= after for text in made)
    assert len({text[14:] for text in made}) == 3


@pytest.mark.parametrize("number", [1, 0xFFFF, 0x10000, 0x123456789ABC, (1 << 48) - 1])
def test_a_numbered_id_is_a_uuid_that_says_its_number(number: int) -> None:
    ordered = RandomIds().new_ordered()
    text = numbered_id(number, numbered_tail(ordered))
    assert canonical_uuid(text) == text
    assert (UUID(text).version, UUID(text).variant) == (8, "specified in RFC 4122")
    assert text[15:] == ordered[15:]  # All the random bits.
    assert number_in(text) == number


@pytest.mark.parametrize("text", ["", "-", "x", "lease", "g0000000-0000-8", "é" * 36])
def test_a_text_without_a_number_in_front(text: str) -> None:
    assert number_in(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "6f1ed002-ab5f-4c2a-9e5b-0a1b2c3d4e5f",
        "6F1ED002-AB5F-4C2A-9E5B-0A1B2C3D4E5F",
        "6f1ed002ab5f4c2a9e5b0a1b2c3d4e5f",
    ],
)
def test_one_spelling_for_one_id(text: str) -> None:
    assert canonical_uuid(text) == "6f1ed002-ab5f-4c2a-9e5b-0a1b2c3d4e5f"


@pytest.mark.parametrize("text", ["", "x", "6f1ed002", "g" * 32])
def test_what_is_no_uuid(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_uuid(text)
