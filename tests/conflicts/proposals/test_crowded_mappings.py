"""Mappings of tens of thousands of entries, which nobody may look through once for each entry."""

from __future__ import annotations

import pytest

from agentd.conflicts.proposals.readers import reader_of
from agentd.conflicts.symbols.mapping_keys import key_names, read_mapping

MANY = 40_000


@pytest.mark.parametrize(
    ("path", "entry"), [("a.yaml", "k{}: 1\n"), ("a.toml", "[[t{}]]\n"), ("a.toml", "k{} = 1\n")]
)
def test_every_entry_is_a_part(path: str, entry: str) -> None:
    read = reader_of(path)
    assert read is not None
    container = read("".join(entry.format(number) for number in range(MANY)).encode())
    assert container is not None
    assert len(container.parts) == MANY


@pytest.mark.parametrize(
    "content",
    [b'"\\' * 200_000, b"/*x" * 200_000, b"," + b" " * 400_000, b"[" * 100_000],
    ids=["strings without an end", "comments without an end", "a comma", "depth"],
)
def test_json_that_never_ends_is_no_json(content: bytes) -> None:
    assert not read_mapping("a.json", content).parsed


def test_comments_and_last_commas_are_taken_off_outside_of_strings_alone() -> None:
    found = read_mapping("a.json", b'{"a": 1, // "b"\n "b": ["//", "/*",], /* "c */ "c": ",]"}')
    assert (found.parsed, found.plain) == (True, False)


def test_a_word_without_an_end_is_no_key() -> None:
    assert not key_names(b"9" * 2_000_000 + b"x\n")
    assert key_names(b"a: 1\nb = 2\n[c.d]\n") == {"a": 1, "b": 1, "c.d": 1}
