"""Whatever a program writes, nothing breaks, and every line is accounted for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentd.providers.adapter import Adapter
from agentd.providers.agent_events import AgentEvent, Events, Progress, event_to_json
from agentd.providers.json_values import Message
from agentd.providers.output import OutputReader
from tests.providers.streams import STREAMS, Stream

ADAPTERS = tuple({stream.adapter.name: stream.adapter for stream in STREAMS}.values())
each_adapter = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

KINDS = sorted(
    {
        str(value)
        for stream in STREAMS
        for line in stream.output.splitlines()
        for value in orjson.loads(line).values()
        if isinstance(value, str) and len(value) < 40
    }
)
KEYS = sorted(
    {
        *("type", "event", "subtype", "item", "message", "content", "usage", "part", "tokens"),
        *("result", "step_update", "permission_denials", "denied_actions", "error", "stats"),
        *("changes", "path", "status", "text", "input", "tool_name", "models", "role", "cost"),
    }
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(KINDS)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)
messages = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)


def said(message: Message) -> Events | None:
    """Knows messages with a `say` alone."""
    return (Progress(str(message["say"])),) if "say" in message else None


def fed(reader: OutputReader, *chunks: bytes) -> list[AgentEvent]:
    """The events of some output."""
    return [event for chunk in chunks for event in reader.feed(chunk)] + [*reader.end()]


def accounted(reader: OutputReader) -> int:
    """The lines of which it is known what became of them."""
    return reader.understood + reader.blank + reader.skipped


@patient
@given(message=messages)
def test_no_message_is_too_odd(message: dict[str, Any]) -> None:
    for adapter in ADAPTERS:
        for event in adapter.read(message) or ():
            orjson.dumps(event_to_json(event))


@patient
@given(output=st.lists(st.binary(max_size=40) | messages.map(orjson.dumps), max_size=8))
def test_every_line_is_accounted_for(output: list[bytes]) -> None:
    data = b"\n".join(output)
    lines = data.count(b"\n") + (1 if not data.endswith(b"\n") and data else 0)
    for adapter in ADAPTERS:
        reader = OutputReader(adapter.read)
        fed(reader, data)
        assert (reader.lines, accounted(reader)) == (lines, lines), adapter.name


@patient
@given(data=st.data())
def test_where_the_output_is_cut_does_not_matter(data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(STREAMS))
    output = stream.output
    cuts = sorted(data.draw(st.lists(st.integers(0, len(output)), max_size=6)))
    pieces = [output[a:b] for a, b in zip([0, *cuts], [*cuts, len(output)], strict=True)]
    assert fed(OutputReader(stream.adapter.read), *pieces) == fed(
        OutputReader(stream.adapter.read), output
    )


@each_adapter
@patient
@given(line=st.text(max_size=80))
def test_no_line_of_standard_error_is_too_odd(adapter: Adapter, line: str) -> None:
    for event in adapter.read_error(line):
        orjson.dumps(event_to_json(event))


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_a_truncated_line_is_counted(stream: Stream) -> None:
    lines = stream.output.splitlines()
    if not lines:
        return
    reader = OutputReader(stream.adapter.read)
    fed(reader, b"\n".join([*lines[:-1], lines[-1][: len(lines[-1]) // 2]]))
    assert reader.unreadable == 1
    assert accounted(reader) == reader.lines == len(lines)


def test_what_is_skipped_is_said() -> None:
    reader = OutputReader(said, line_bytes_max=100)
    long = b'{"say":"' + b"x" * 200 + b'"}'
    events = fed(reader, b'{"say":"a"}\n\nnot json\n[1]\n{"type":"new"}\n', long, b'\n{"say":"b"}')
    assert events == [Progress("a"), Progress("b")]
    assert reader.warnings() == (
        "2 lines of its output skipped: no JSON object",
        "1 line of its output skipped: longer than 100 bytes",
        "1 line of its output skipped: of unknown kinds (new)",
    )
    assert accounted(reader) == reader.lines == 7


def test_a_line_without_an_end_takes_no_more_than_it_may() -> None:
    reader = OutputReader(said, line_bytes_max=1000)
    for _ in range(100):
        assert list(reader.feed(b"x" * 500)) == []
        assert len(reader._rest) <= 1000
    assert list(reader.end()) == []
    assert (reader.too_long, reader.lines) == (1, 1)


def test_kinds_do_not_grow_without_end() -> None:
    reader = OutputReader(said)
    fed(reader, b"".join(b'{"type":"kind-%d"}\n' % number for number in range(1000)))
    assert len(reader.unknown) == 21
    assert reader.unknown.total() == 1000
