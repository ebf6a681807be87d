"""Bytes become the same lines however they are cut, and no line may be endless."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agentd.protocol.framing import LineDecoder, LineTooLong

LIMIT = 16


def decode(chunks: list[bytes]) -> list[bytes | LineTooLong]:
    decoder = LineDecoder(LIMIT)
    lines = [line for chunk in chunks for line in decoder.feed(chunk)]
    return lines + decoder.finish()


def test_blank_lines_and_carriage_returns_are_nothing() -> None:
    assert decode([b"\n \r\n{}\r\n\t\n{}\n"]) == [b"{}", b"{}"]


def test_the_last_line_needs_no_line_end() -> None:
    assert decode([b"a\nb"]) == [b"a", b"b"]


def test_a_line_may_be_as_long_as_the_limit() -> None:
    assert decode([b"x" * LIMIT + b"\n"]) == [b"x" * LIMIT]


def test_a_longer_line_is_reported_once_and_what_follows_is_read() -> None:
    chunks = [b"x" * LIMIT, b"x" * LIMIT, b"x" * 1000, b"x\nnext\n"]
    assert decode(chunks) == [LineTooLong(LIMIT), b"next"]


def test_a_line_that_is_too_long_is_reported_before_it_ends() -> None:
    assert LineDecoder(LIMIT).feed(b"x" * (LIMIT + 1)) == [LineTooLong(LIMIT)]


@given(
    st.lists(st.sampled_from([b"", b"{}", b"x" * LIMIT, b"y" * (LIMIT + 1), b"z" * 100])),
    st.data(),
)
def test_where_the_stream_is_cut_makes_no_difference(
    pieces: list[bytes], data: st.DataObject
) -> None:
    stream = b"\n".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream)))) if stream else []
    places = sorted({0, len(stream), *cuts})
    chunks = [stream[start:end] for start, end in pairwise(places)]
    assert decode(chunks) == decode([stream])
