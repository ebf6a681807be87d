"""Names that both sides add to one import on one line: what is joined, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.conflicts.proposals.entities import Merged, merge_entities
from agentd.conflicts.proposals.gates import Gate, check_file
from agentd.conflicts.proposals.import_lists import ImportLists
from tests.conflicts.proposals.merging import merged, sides_of, why_not

PYTHON = "import os\n\nfrom shop import @\n\n\ndef run():\n    return os\n"
CASES = [
    pytest.param(path, around, names, result, id=" + ".join((Path(path).suffix[1:], *names)))
    for path, around, names, result in (
        ("a.py", PYTHON, ("a, b", "a, b, c", "a, b, d"), "a, b, c, d"),
        ("a.py", PYTHON, ("b", "b, z", "a, b"), "a, b, z"),
        ("a.py", PYTHON, ("a, e", "a, c, e", "a, b, e"), "a, b, c, e"),
        ("a.py", PYTHON, ("a, d", "a, d as e", "a, b, d"), None),
        ("a.py", PYTHON, ("a, c", "a, c, d as e", "a, c, f as g"), "a, c, d as e, f as g"),
        ("a.py", PYTHON, ("(a, b)", "(a, b, c)", "(a, b, d)"), "(a, b, c, d)"),
        ("a.py", PYTHON, ("a  # noqa", "a, c  # noqa", "a, d  # noqa"), "a, c, d  # noqa"),
        ("a.py", PYTHON, ("a, x, y, b", "x, y, b", "a, x, y, b, c"), "x, y, b, c"),
        ("a.py", PYTHON, ("a, b", "a", "a, b, c"), None),
        ("a.py", PYTHON, ("a", "a, b", "*"), None),
        ("a.py", PYTHON, ("a", "a, b  # noqa", "a, c"), None),
        ("a.py", PYTHON, ("a", "a, b, c", "a, c, d"), None),
        ("a.js", "import { @ } from './x';\n", ("a", "a, b", "a, c"), "a, b, c"),
        ("a.mjs", "import {@} from \"x\"\n", ("a, b", "a, b, y", "a, b, x"), "a, b, x, y"),
        ("a.ts", "import d, { @ } from './x';\n", ("a", "a, b as e", "a, c as e"), None),
        ("a.ts", "import d, {@} from 'x'\n", ("a", "a, type B", "a, c as e"), "a, type B, c as e"),
        ("a.ts", "import type { @ } from './x';\n", ("A", "A, B", "A, C"), "A, B, C"),
        ("a.tsx", "export { @ } from './x';\n", ("A", "A, B", "A, C"), "A, B, C"),
        ("a.rs", "use std::{@};\n", ("fs, io", "fs, io, mem", "env, fs, io"), "env, fs, io, mem"),
        ("a.rs", "    pub use a::{@};\n", ("self", "self, C", "self, d::E"), "self, C, d::E"),
        ("a.rs", "use std::{@};\n", ("fs, io", "fs, io, *", "env, fs, io"), None),
    )
]  # fmt: skip


def texts(around: str, names: tuple[str, str, str]) -> list[str]:
    return [around.replace("@", each) for each in names]


@pytest.mark.parametrize(("path", "around", "names", "result"), CASES)
def test_names_are_joined_in_place(
    path: str, around: str, names: tuple[str, str, str], result: str | None, tmp_path: Path
) -> None:
    base, left, right = texts(around, names)
    if result is None:
        assert why_not(tmp_path, path, base, left, right)
    else:
        assert merged(tmp_path, path, base, left, right) == around.replace("@", result)


def test_line_ends_and_a_missing_last_one_stay(tmp_path: Path) -> None:
    around = "import os\r\nfrom shop import @"
    base, left, right = texts(around, ("a", "a, b", "a, c"))
    assert merged(tmp_path, "a.py", base, left, right) == around.replace("@", "a, b, c")
    ended = [text + "\r\n" for text in (base, left, right)]
    assert merged(tmp_path, "a.py", *ended) == around.replace("@", "a, b, c") + "\r\n"


def test_both_may_add_other_things_next_to_it(tmp_path: Path) -> None:
    base, left, right = (
        f"import os\nfrom shop import {names}\n{more}\nprint(os)\n"
        for names, more in (("a", ""), ("a, b", "import json\n"), ("a, c", "import sys\n"))
    )
    got = merged(tmp_path, "a.py", base, left, right)
    assert got == ("import os\nfrom shop import a, b, c\nimport json\nimport sys\n\nprint(os)\n")


def test_a_name_whose_use_the_other_side_takes_away_is_left_alone(tmp_path: Path) -> None:
    base, left, right = (
        f"from shop import {names}\n\n\ndef run():\n    return {use}\n"
        for names, use in (("a", "b"), ("a, b", "b"), ("a, c", "c"))
    )
    assert "b" in why_not(tmp_path, "a.py", base, left, right)


def test_a_form_feed_of_somebody_is_no_mark(tmp_path: Path) -> None:
    base, left, right = (text + "\f\n" for text in texts(PYTHON, ("a", "a, b", "a, c")))
    assert why_not(tmp_path, "a.py", base, left, right) == "both change the same lines"


def test_an_import_that_grows_wide_is_plausible_only(tmp_path: Path) -> None:
    names = ", ".join(f"name_{number}" for number in range(6))
    base, left, right = texts(
        "from shop import @\n", (names, f"{names}, left_one", f"{names}, right_one")
    )
    outcome = merge_entities(
        sides_of(tmp_path, "a.py", base.encode(), left.encode(), right.encode())
    )
    assert isinstance(outcome, Merged)
    assert outcome.doubt == "an import grows wide, and many wrap it"


@pytest.mark.parametrize(
    ("names", "gate"),
    [
        ("a, b", Gate.BINDINGS),
        ("a, b, c, x", Gate.BINDINGS),
        ("a, b, c, b", Gate.LEDGER),
        ("b, c", Gate.LEDGER),
        ("b, a, c", Gate.ORDER),
    ],
)
def test_what_anybody_else_makes_of_it_is_counted_by_names(
    names: str, gate: Gate, tmp_path: Path
) -> None:
    versions = [text.encode() for text in texts(PYTHON, ("a", "a, b", "a, c"))]
    sides = sides_of(tmp_path, "a.py", *versions)
    refusals = check_file(sides, PYTHON.replace("@", names).encode())
    assert gate in {each.gate for each in refusals}
    assert not check_file(sides, PYTHON.replace("@", "a, c, b").encode())


names = st.lists(
    st.from_regex(r"[a-z_]\w{0,5}( as [a-z]\w{0,5})?", fullmatch=True), min_size=1, max_size=6
)


@given(names, st.sampled_from(("\n", "\r\n", "")), st.booleans())
def test_closing_gives_back_what_was_opened(given_names: list[str], end: str, within: bool) -> None:
    listed = ", ".join(given_names)
    line = f"from m import {f'({listed})' if within else listed}{end}".encode()
    key = (b"from m import (", b")") if within else (b"from m import ", b"")
    lists = ImportLists("a.py", frozenset([key]))
    content = b"import os\n" + line
    opened = lists.opened(content)
    assert opened.count(b"\n") >= len(given_names) + 2
    assert lists.closed(opened) == content
