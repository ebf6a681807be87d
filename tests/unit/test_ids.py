"""Identities: random UUIDs, and their one spelling."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from agentd.core.ids import RandomIds, canonical_uuid


def test_ids_are_random_uuids_and_never_the_same() -> None:
    ids = RandomIds()
    made = [ids.new() for _ in range(5000)]  # More than one block.
    assert len(set(made)) == len(made)
    for text in made:
        parsed = UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (7, "specified in RFC 4122")
    assert {text[19] for text in made} == set("89ab")


def test_ids_begin_with_the_time_so_that_indexes_grow_at_their_end() -> None:
    before = time.time_ns() // 1_000_000
    made = [RandomIds().new() for _ in range(3)]
    after = time.time_ns() // 1_000_000
    assert all(before <= int(text[:8] + text[9:13], 16) <= after for text in made)
    assert len({text[14:] for text in made}) == 3


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
