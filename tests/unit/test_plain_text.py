"""What agents wrote is spelled out before it reaches a terminal or a page."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.plain_text import pieces, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve – 日本", "naïve – 日本"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\tb", "a    b"),
        ("a\nb", "a⏎b"),
        ("a\r\n", "a\\x0d⏎"),
        ("abc\u202edcb", "abc\\u202edcb"),
        ("\ud800", "\\ud800"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_newlines_can_be_kept() -> None:
    assert printable("a\n\x07b", keep_newlines=True) == "a\n\\x07b"


@given(st.text())
def test_nothing_that_steers_gets_through(text: str) -> None:
    for character in printable(text):
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text(), st.booleans())
def test_the_pieces_are_the_text(text: str, keep_newlines: bool) -> None:
    joined = "".join(piece for piece, _ in pieces(text, keep_newlines=keep_newlines))
    assert joined == printable(text, keep_newlines=keep_newlines)


def test_pieces_tell_what_was_spelled_out() -> None:
    assert list(pieces("a\x1b[0m\\x1b")) == [("a", False), ("\\x1b", True), ("[0m\\x1b", False)]
