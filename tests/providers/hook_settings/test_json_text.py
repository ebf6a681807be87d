"""JSON as people write it: what counts, and where it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.providers.hook_settings.json_text import NotJson, parse
from tests.providers.hook_settings.documents import json_documents, plain_values

PEOPLES = """\ufeff// settings
{
  "a": [1, 2.5e3, -0, /* two */ null,], // the rest
  "b\\u00e4\\"": {"c": "// no comment", "d": "/* none */"},
}
/* end */
"""


def test_what_people_write() -> None:
    root = parse(PEOPLES)
    assert root.value == {
        "a": [1, 2500.0, 0, None],
        'bä"': {"c": "// no comment", "d": "/* none */"},
    }
    assert PEOPLES[root.start] == "{"
    member = root.member("a")
    assert member is not None
    assert PEOPLES[member.node.start : member.node.end].startswith("[1, 2.5e3")


@given(plain_values(), st.sampled_from([None, 1, "\t"]))
def test_plain_json_is_read_as_everybody_reads_it(value: object, indent: int | str | None) -> None:
    assert parse(json.dumps(value, indent=indent)).value == value


@given(json_documents())
def test_every_stretch_is_its_value(text: str) -> None:
    pending = [parse(text)]
    while pending:
        node = pending.pop()
        assert parse(text[node.start : node.end]).value == node.value
        pending += [item.node for item in node.items]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: there is no value"),
        ("  \n", "line 2, column 1"),
        ("{", "a key is missing"),
        ('{"a" 1}', "line 1, column 6: a colon is missing"),
        ('{"a": 1 "b": 2}', "a comma or '}' is missing"),
        ("[1 2]", "a comma or ']' is missing"),
        ("[,]", "there is no value"),
        ("{1: 2}", "a key is missing"),
        ('{"a": 1}\n{}', "line 2, column 1: there is more after the end"),
        ('{"a": "x\ny"}', "there is no value"),
        ('"\\x"', "is no value"),
        ("01a", "is no value"),
        ("true x", "there is more"),
        ("1.2.3", "is no value"),
        ("{'a': 1}", "a key is missing"),
        ("[1 /* open", "a comma"),
        ("[" * 200 + "]" * 200, "too deeply"),
    ],
)
def test_what_is_no_json_is_said_to_be_none(text: str, message: str) -> None:
    with pytest.raises(NotJson) as raised:
        parse(text)
    assert message in str(raised.value)
