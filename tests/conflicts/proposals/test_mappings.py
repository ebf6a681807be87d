"""What is merged in JSON, TOML and YAML, and what is not read or left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.conflicts.proposals.readers import reader_of
from tests.conflicts.proposals.merging import (
    Both,
    check_left_alone,
    check_merged,
    merged,
    why_not,
)

MERGED = [
    Both(
        "entries with the comma",
        "a.json",
        '{\n  "a": {"b": 1},\n@\n  "z": 0\n}\n',
        '  "x": [\n    1\n  ],\n',
        '  "b": "c",\n',
        '  "x": [\n    1\n  ],\n  "b": "c",\n',
    ),
    Both(
        "keys of a table",
        "a.toml",
        "n = 1\n[t]\na = 1\n@\n\n[u]\n",
        "x = [\n  1,\n]\n",
        "# Why.\nb.c = 'd'\n",
        "x = [\n  1,\n]\n# Why.\nb.c = 'd'\n",
    ),
    Both(
        "tables",
        "a.toml",
        "[a]\nx = 1\n@\n",
        "\n[b]\nx = 1\n",
        "\n[[c]]\nx = 1\n",
        "\n[b]\nx = 1\n\n[[c]]\nx = 1\n",
    ),
    Both(
        "elements of a list",
        "a.toml",
        'list = [\n    "a",\n    "c",\n@\n]\n',
        '    "x",\n',
        '    "d>=1",\n',
        '    "d>=1",\n    "x",\n',
    ),
    Both(
        "keys of a nested mapping",
        "a.yaml",
        "a:\n  b: 1\n@\nz:\n- 1\n",
        "  x:\n    deep: 1\n",
        "  c: 'text'  # why\n",
        "  x:\n    deep: 1\n  c: 'text'  # why\n",
    ),
    Both(
        "values of a list",
        "a.yml",
        "a:\n- b\n- d\n@\nz: 1\n",
        "- x\n",
        "- e\n",
        "- e\n- x\n",
    ),
    Both(
        "members of an inner object",
        "a.json",
        '{\n  "a": {\n    "b": 1,\n@\n    "z": 2\n  }\n}\n',
        '    "x": null,\n',
        '    "c": true,\n',
        '    "c": true,\n    "x": null,\n',
    ),
    Both(
        "plain values",
        "a.json",
        '{\n  "a": [\n    "b",\n    "d",\n@\n    "z"\n  ]\n}\n',
        '    "x",\n',
        '    "e",\n',
        '    "e",\n    "x",\n',
    ),
    Both(
        "records",
        "a.jsonl",
        '{"id": 1, "a": 2}\n@\n',
        '{"id": 2, "a": 3}\n',
        '{"id": 3, "a": 3}\n',
        '{"id": 2, "a": 3}\n{"id": 3, "a": 3}\n',
    ),
    Both(
        "keys before any table",
        "a.toml",
        "a = 1\n@\n\n[t]\nb = 1\n",
        'x = "y"\n',
        "c = 2026-01-02\n",
        'x = "y"\nc = 2026-01-02\n',
    ),
    Both(
        "text over several lines",
        "a.toml",
        "[t]\na = 1\n@\n",
        'x = """\n[u]\n"""\n',
        "b = 1  # why\n",
        'x = """\n[u]\n"""\nb = 1  # why\n',
    ),
    Both(
        "keys of a table with a comment behind it",
        "a.toml",
        "[t] # why\na = 1\n@\n[u]\nb = 1\n",
        "x = 1\n",
        "c = 1\n",
        "x = 1\nc = 1\n",
    ),
    Both(
        "keys with the comments above",
        "a.yaml",
        "a: 1\n@\nz: 1\n",
        "# Why.\nx: 1\n",
        "# Because\n# of this.\nb:\n  - c\n",
        "# Why.\nx: 1\n# Because\n# of this.\nb:\n  - c\n",
    ),
    Both(
        "keys after a mark and with text in blocks",
        "a.yaml",
        "---\na: |\n  text: 1\n@\n",
        "x: >-\n  more\n",
        "b: 'it''s'\n",
        "x: >-\n  more\nb: 'it''s'\n",
    ),
]


@pytest.mark.parametrize("case", MERGED, ids=str)
def test_what_both_add_is_kept(case: Both, tmp_path: Path) -> None:
    check_merged(tmp_path, case)


LEFT_ALONE = [
    Both("one key", "a.json", '{\n@\n  "z": 1\n}\n', '  "a": 1,\n', '  "a": 2,\n', "both add a"),
    Both(
        "objects whose order may count",
        "a.json",
        '[\n@\n  {"z": 1}\n]\n',
        '  {"a": 1},\n',
        '  {"b": 2},\n',
        "not made of whole entities",
    ),
    Both(
        "comments in JSON",
        "a.json",
        '{\n  // why\n@\n  "z": 1\n}\n',
        '  "a": 1,\n',
        '  "b": 2,\n',
        "does not parse",
    ),
    Both("one key", "a.toml", "[t]\na = 1\n@\n", "b = 1\n", "b = 2\n", "both add b"),
    Both(
        "a key and a table",
        "a.toml",
        "[t]\na = 1\n@\n",
        "b = 1\n",
        "[u]\nb = 2\n",
        "not made of whole entities",
    ),
    Both("one key", "a.yaml", "a:\n  b: 1\n@\n", "  c: 1\n", "  c: 2\n", "both add c"),
    Both(
        "steps",
        "a.yaml",
        "steps:\n- run: a\n@\n",
        "- run: b\n",
        "- run: c\n",
        "not made of whole entities",
    ),
    Both(
        "a template",
        "a.yaml",
        "a: {{ x }}\n@\n",
        "b: 1\n",
        "c: 1\n",
        "does not parse",
    ),
    Both(
        "a key that is there twice",
        "a.json",
        '{\n  "a": 1,\n  "a": 2,\n@\n  "z": 1\n}\n',
        '  "b": 1,\n',
        '  "c": 2,\n',
        "does not parse",
    ),
    Both(
        "two on one line",
        "a.json",
        '{"a": 1,\n@\n  "z": 1}\n',
        '  "b": 1,\n',
        '  "c": 2,\n',
        "not made of whole entities",
    ),
    Both(
        "the same record",
        "a.jsonl",
        '{"id": 1}\n@\n',
        '{"id": 2, "a": 1}\n',
        '{"id": 2, "a": 2}\n',
        "both add 2",
    ),
    Both(
        "values that are no records",
        "a.jsonl",
        '{"id": 1}\n@\n',
        "[2]\n",
        '{"id": 3}\n',
        "does not parse",
    ),
    Both(
        "a table below one of several",
        "a.toml",
        "[[t]]\na = 1\n@\n",
        "\n[[t]]\na = 2\n",
        "\n[t.u]\nb = 1\n",
        "not made of whole entities",
    ),
    Both(
        "two of several tables",
        "a.toml",
        "[[t]]\na = 1\n@\n",
        "\n[[t]]\na = 2\n",
        "\n[[t]]\na = 3\n",
        "both add [[t",
    ),
    Both(
        "a header in an odd form",
        "a.toml",
        '["a]b"]\nx = 1\n@\n',
        "y = 1\n",
        "z = 1\n",
        "does not parse",
    ),
    Both(
        "an anchor",
        "a.yaml",
        "a: &a\n  b: 1\n@\n",
        "c: 1\n",
        "d: 1\n",
        "does not parse",
    ),
    Both(
        "an alias",
        "a.yaml",
        "a: 1\n@\n",
        "c: *a\n",
        "d: 1\n",
        "does not parse",
    ),
    Both(
        "a merge key",
        "a.yaml",
        "a:\n  b: 1\n@\n",
        "  <<: c\n",
        "  d: 1\n",
        "not made of whole entities",
    ),
    Both(
        "a flow list",
        "a.yaml",
        "a: [b]\n@\n",
        "c: 1\n",
        "d: 1\n",
        "does not parse",
    ),
    Both(
        "a flow mapping in a list",
        "a.yaml",
        "a:\n- {b: 1}\n@\n",
        "c: 1\n",
        "d: 1\n",
        "does not parse",
    ),
    Both(
        "a tag",
        "a.yaml",
        "a: !b 1\n@\n",
        "c: 1\n",
        "d: 1\n",
        "does not parse",
    ),
    Both(
        "several documents",
        "a.yaml",
        "a: 1\n---\nb: 1\n@\n",
        "c: 1\n",
        "d: 1\n",
        "does not parse",
    ),
    Both(
        "commands",
        "a.yaml",
        "script:\n- make\n@\n",
        "- make test\n",
        "- make docs\n",
        "not made of whole entities",
    ),
    Both(
        "a key that is there twice",
        "a.yaml",
        "a: 1\na: 2\n@\n",
        "c: 1\n",
        "d: 1\n",
        "does not parse",
    ),
    Both(
        "a quote over several lines",
        "a.yaml",
        "a: 'b\n  c: d'\n@\n",
        "e: 1\n",
        "f: 1\n",
        "does not parse",
    ),
    Both(
        "a value over several lines",
        "a.yaml",
        "a: b\n  c d\n@\n",
        "e: 1\n",
        "f: 1\n",
        "does not parse",
    ),
    Both(
        "tabs",
        "a.yaml",
        "a:\t1\n@\n",
        "c: 1\n",
        "d: 1\n",
        "does not parse",
    ),
    Both(
        "inside a text block",
        "a.yaml",
        "a: |\n  b\n@\nz: 1\n",
        "  - c\n",
        "  - d\n",
        "not made of whole entities",
    ),
    Both(
        "what a program writes",
        "package-lock.json",
        '{\n@\n  "z": 1\n}\n',
        '  "b": 1,\n',
        '  "c": 2,\n',
        "it is written by a program",
    ),
    Both(
        "what a program writes",
        "pnpm-lock.yaml",
        "a: 1\n@\n",
        "b: 1\n",
        "c: 1\n",
        "it is written by a program",
    ),
]


@pytest.mark.parametrize("case", LEFT_ALONE, ids=str)
def test_what_may_not_be_independent_is_left_alone(case: Both, tmp_path: Path) -> None:
    check_left_alone(tmp_path, case)


def test_a_key_that_both_add_in_different_places_is_not_there_twice(tmp_path: Path) -> None:
    base = '{\n  "a": {\n    "b": 1\n  },\n  "m": 1,\n  "n": 1,\n  "o": 1\n}\n'
    left = base.replace('  "a"', '  "k": 1,\n  "x": 1,\n  "a"')
    right = base.replace('  "a"', '  "l": 1,\n  "a"').replace('  "o"', '  "x": 2,\n  "o"')
    assert why_not(tmp_path, "a.json", base, left, right) == "parses"


def test_the_comma_before_a_last_entry_is_put(tmp_path: Path) -> None:
    base, left, right = (
        '{\n  "a": 1\n}\n',
        '{\n  "a": 1,\n  "b": 2\n}\n',
        '{\n  "a": 1,\n  "c": [\n    3\n  ]\n}\n',
    )
    wanted = '{\n  "a": 1,\n  "b": 2,\n  "c": [\n    3\n  ]\n}\n'
    assert merged(tmp_path, "a.json", base, left, right) == wanted


@pytest.mark.parametrize("path", ["a.json", "a.jsonl", "a.toml", "a.yaml"])
def test_what_cannot_be_read_has_no_parts(path: str) -> None:
    reader = reader_of(path)
    assert reader is not None
    deep = b"[" * 100_000
    for content in (b"\xff", b"a\rb", b'{"a"', b"[", b"- a\nb: 1\n", deep):
        assert reader(content) is None


@pytest.mark.parametrize("path", ["a.json", "a.toml", "a.yaml"])
def test_crlf_is_kept(path: str, tmp_path: Path) -> None:
    case = next(case for case in MERGED if case.path == path)
    base, left, right, result = (
        case.file(added).replace("\n", "\r\n") for added in ("", case.left, case.right, case.result)
    )
    assert merged(tmp_path, path, base, left, right) == result


def test_records_without_a_line_end_are_kept_apart(tmp_path: Path) -> None:
    base, left, right = '{"id": 1}\n', '{"id": 1}\n{"id": 2}', '{"id": 1}\n{"id": 3}'
    assert merged(tmp_path, "a.jsonl", base, left, right) == '{"id": 1}\n{"id": 2}\n{"id": 3}'
