"""Files that say one thing very many times, which is no reason to look at all of them in pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.conflicts.symbols.digests import LineDigests
from tests.conflicts.symbols.trees import Trees, guard, strong

MANY = 4_000


def test_what_stands_on_one_long_line_has_one_digest() -> None:
    """Digested each by itself, it would be a hundred gigabytes."""
    digests = LineDigests(["x=1;" * 250_000, "  # no code", "y"], "#")
    assert len({digests.of(1, 1) for _ in range(100_000)}) == 1
    assert digests.of(1, 2) == digests.of(1, 1) != digests.of(1, 3)


@pytest.mark.parametrize(
    ("name", "twin"), [("a.py", "def f(a): pass\n"), ("a.js", "function f(a){}\n")]
)
@pytest.mark.parametrize(("times", "found"), [(1, ["S5 f"]), (MANY, [])])
def test_a_name_that_both_define_however_often(
    name: str, twin: str, times: int, found: list[str], tmp_path: Path
) -> None:
    """Where a side has several by itself, that is the file's way."""
    start = "".join(f"x{number} = {number}\n" for number in range(30))
    trees = Trees({name: start}, tmp_path)
    assert strong(guard(trees, {name: twin * times + start}, {name: start + twin * times})) == found


def test_a_name_that_takes_something_else_however_often(tmp_path: Path) -> None:
    trees = Trees({"a.py": "def f(): pass\n" * MANY}, tmp_path)
    now = {"a.py": "def f(a): pass\n" * MANY}
    assert strong(guard(trees, now, {"b.py": "from a import f\n"})) == []


def test_a_binary_file_is_not_read_whatever_its_name(tmp_path: Path) -> None:
    trees = Trees({"a.js": "f();\n"}, tmp_path)
    result = guard(trees, {"b.js": "\0f(" * 1_000}, {"c.js": "f();\n"})
    assert [(each.path, each.reason) for each in result.not_analysed] == [("b.js", "it is binary")]
