"""However a stream of bytes is cut, the same lines come out of it, and none grows without end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentd.protocol.framing import LineDecoder, LineTooLong

LIMIT = 24

Lines = list[bytes | LineTooLong]

pieces = st.one_of(
    st.binary(max_size=3 * LIMIT),
    st.sampled_from([b"\n", b"\r\n", b" \t\n", b"\n\n", b"{}", b"\xff\n", b"\0"]),
    st.integers(LIMIT - 2, LIMIT + 2).map(lambda length: b"x" * length),
)
streams = st.lists(pieces, max_size=12)


def decode(chunks: list[bytes]) -> Lines:
    decoder = LineDecoder(LIMIT)
    lines = [line for chunk in chunks for line in decoder.feed(chunk)]
    return lines + decoder.finish()


def expected(stream: bytes) -> Lines:
    """What the contract says, for a stream that is there as a whole."""
    lines: Lines = []
    for line in stream.split(b"\n"):
        if len(line) > LIMIT:
            lines.append(LineTooLong(LIMIT))
        elif line.strip():
            lines.append(line.strip())
    return lines


@given(streams)
def test_the_lines_are_those_between_the_line_ends(chunks: list[bytes]) -> None:
    assert decode(chunks) == expected(b"".join(chunks))


@given(streams)
def test_byte_by_byte_is_as_good_as_all_at_once(chunks: list[bytes]) -> None:
    stream = b"".join(chunks)
    assert decode([stream[at : at + 1] for at in range(len(stream))]) == decode([stream])


@given(streams)
def test_a_line_is_handed_out_as_soon_as_its_end_is_there(chunks: list[bytes]) -> None:
    decoder, fed, seen = LineDecoder(LIMIT), b"", 0
    for chunk in chunks:
        fed += chunk
        seen += len(decoder.feed(chunk))
        complete, _, rest = fed.rpartition(b"\n")
        assert seen == len(expected(complete)) + (len(rest) > LIMIT)


@given(st.integers(1, 50), streams)
def test_after_a_line_that_is_too_long_everything_is_as_before(
    surplus: int, chunks: list[bytes]
) -> None:
    too_long = [b"y" * LIMIT, b"z" * surplus, b"\n"]
    assert decode(too_long + chunks) == [LineTooLong(LIMIT), *decode(chunks)]
