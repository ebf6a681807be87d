"""What is merged by entity in Python, and the twins that look alike and must not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conflicts.proposals.merging import Both, check_left_alone, check_merged, merged, why_not

MERGED = [
    Both(
        "functions at the end",
        "a.py",
        "def one():\n    return 1\n@\n",
        "\n\ndef two():\n    return 2\n",
        "\n\ndef three():\n    return 3\n",
        "\n\ndef two():\n    return 2\n\n\ndef three():\n    return 3\n",
    ),
    Both(
        "tests in the middle",
        "test_a.py",
        "def test_one():\n    assert f(1)\n\n\n@\ndef test_last():\n    assert g(9)\n",
        "@parametrize\ndef test_two():\n    assert a(2)\n\n\n",
        "# Why.\ndef test_three():\n    assert b('x', 3, [])\n\n\n",
        "@parametrize\ndef test_two():\n    assert a(2)\n\n\n"
        "# Why.\ndef test_three():\n    assert b('x', 3, [])\n\n\n",
    ),
    Both(
        "methods at the end of a class",
        "a.py",
        "class A:\n    def one(self):\n        return 1\n@\n\n\nLAST = 1\n",
        "\n    def two(self):\n        return 2\n",
        "\n    @property\n    def three(self):\n        return self._x\n",
        "\n    def two(self):\n        return 2\n"
        "\n    @property\n    def three(self):\n        return self._x\n",
    ),
    Both(
        "imports in the order of the file",
        "a.py",
        "import abc\nimport io\n@\nimport zlib\n",
        "import sys\n",
        "import re\n",
        "import re\nimport sys\n",
    ),
    Both(
        "imports where there is no order",
        "a.py",
        "import zlib\nimport io\n@\nimport abc\n",
        "import sys\n",
        "from pathlib import Path\n",
        "import sys\nfrom pathlib import Path\n",
    ),
    Both(
        "names of one import",
        "a.py",
        "from m import (\n    a,\n    d,\n@\n    z,\n)\n",
        "    g,\n",
        "    e,\n",
        "    e,\n    g,\n",
    ),
    Both(
        "entries of a literal",
        "a.py",
        "TABLE = {\n    'a': 1,\n@\n}\n",
        "    'x': [\n        2,\n    ],\n",
        "    'b': 3,\n",
        "    'x': [\n        2,\n    ],\n    'b': 3,\n",
    ),
    Both(
        "entries with the comments above",
        "a.py",
        "TABLE = [\n    'a',\n    'c',\n@\n    'z',\n]\n",
        "    # Why.\n    'x',\n",
        "    'd',  # because\n",
        "    # Why.\n    'x',\n    'd',  # because\n",
    ),
    Both(
        "methods with decorators over several lines",
        "a.py",
        "class A:\n    def one(self):\n        return 1\n@\n",
        "\n    @a(\n        1,\n    )\n    # Why.\n    async def two(self):\n        return 2\n",
        "\n    class Three:\n        x = 3\n",
        "\n    @a(\n        1,\n    )\n    # Why.\n    async def two(self):\n"
        "        return 2\n\n    class Three:\n        x = 3\n",
    ),
]


@pytest.mark.parametrize("case", MERGED, ids=str)
def test_what_both_add_is_kept(case: Both, tmp_path: Path) -> None:
    check_merged(tmp_path, case)


LEFT_ALONE = [
    Both(
        "the same name",
        "a.py",
        "x = 1\n@\n",
        "def f():\n    a\n",
        "def f():\n    b\n",
        "both add f",
    ),
    Both(
        "a use of what the other adds",
        "a.py",
        "def one():\n    pass\n@\n",
        "\n\ndef two():\n    pass\n",
        "\n\ndef three():\n    return two(1, 2, 3)\n",
        "one uses two",
    ),
    Both(
        "a constant between imports",
        "a.py",
        "import os\n@\n",
        "import sys\n\nLIMIT = 3\n",
        "import re\n",
        "not made of whole entities",
    ),
    Both(
        "statements",
        "a.py",
        "def f():\n    x = 1\n@\n    return x\n",
        "    x += 1\n",
        "    x *= 2\n",
        "not made of whole entities",
    ),
    Both(
        "import from one module twice",
        "a.py",
        "import os\n@\n",
        "from m import a\n",
        "from m import b\n",
        "the same module",
    ),
    Both(
        "the future",
        "a.py",
        "'''Docs.'''\n@\nimport os\n",
        "from __future__ import annotations\n",
        "import abc\n",
        "not made of whole entities",
    ),
    Both(
        "nearly the same",
        "a.py",
        "def one():\n    pass\n@\n",
        "\n\ndef two(a, b):\n    x = a + b\n    y = x * 2\n    return [x, y, a, b]\n",
        "\n\ndef too(a, b):\n    x = a + b\n    y = x * 2\n    return [x, y, a, b]\n",
        "nearly the same",
    ),
    Both(
        "a name that is there elsewhere",
        "a.py",
        "import os\n@\n\n\ndef f():\n    pass\n",
        "import sys\nimport json\n",
        "import re\nimport json\n",
        "both add json",
    ),
    Both("unknown files", "a.xyz", "a\n@\n", "b\n", "c\n", "a.xyz is no kind of file"),
    Both(
        "an import of everything",
        "a.py",
        "import os\n@\n",
        "from m import *\n",
        "import re\n",
        "not made of whole entities",
    ),
    Both(
        "imports of several groups",
        "a.py",
        "import os\n@\nimport zlib\n",
        "import re\n\nimport requests\n",
        "import sys\n",
        "several groups",
    ),
    Both(
        "a constant and an import",
        "a.py",
        "import os\n@\nimport zlib\n",
        "LIMIT = 3\n",
        "import re\n",
        "not made of whole entities",
    ),
    Both(
        "entries behind what is unpacked",
        "a.py",
        "A = {\n    **B,\n@\n}\n",
        "    'a': 1,\n",
        "    'c': 2,\n",
        "not made of whole entities",
    ),
    Both(
        "a definition and its use in a decorator",
        "a.py",
        "def one():\n    pass\n@\n",
        "\n\ndef two(f):\n    return f\n",
        "\n\n@two\ndef three():\n    x\n",
        "one uses two",
    ),
    Both(
        "one thing done twice in other words",
        "test_a.py",
        "def test_one():\n    assert f(1)\n@\n",
        "\n\ndef test_full():\n    shop = Shop()\n    shop.fill(3)\n    shop.close()\n"
        "    assert shop.full\n",
        "\n\ndef test_it_counts_all_that_was_put_into_it():\n    # Whatever came before.\n"
        "    with clock(1, 2, 3) as now:\n        shop = Shop()\n    shop.fill(3)\n"
        "    shop.close()\n    assert now.count(shop) == len(shop.things) == 3\n",
        "nearly the same",
    ),
]


@pytest.mark.parametrize("case", LEFT_ALONE, ids=str)
def test_what_may_not_be_independent_is_left_alone(case: Both, tmp_path: Path) -> None:
    check_left_alone(tmp_path, case)


def test_what_both_change_is_never_touched(tmp_path: Path) -> None:
    base, left, right = ("from m import a, b\n", "from m import a\n", "from m import a, b, c\n")
    assert "both change the same lines" in why_not(tmp_path, "a.py", base, left, right)


def test_an_insertion_beside_a_change_is_not_touched(tmp_path: Path) -> None:
    base, left, right = (
        "import os\nimport re\n",
        "import os\nimport sys\nimport re\n",
        "import io\nimport re\n",
    )
    assert "both change the same lines" in why_not(tmp_path, "a.py", base, left, right)


def test_a_comma_is_not_put_before_a_comment(tmp_path: Path) -> None:
    base, left, right = (
        "A = [\n    'a',\n]\n",
        "A = [\n    'a',\n    'b'  # two\n]\n",
        "A = [\n    'a',\n    'c'\n]\n",
    )
    assert "before a comment" in why_not(tmp_path, "a.py", base, left, right)


def test_several_regions_are_merged_or_none(tmp_path: Path) -> None:
    base, left, right = (
        "import os\n\n\ndef one():\n    x = 1\n    return x\n",
        "import os\nimport re\n\n\ndef one():\n    x = 2\n    return x\n",
        "import os\nimport sys\n\n\ndef one():\n    x = 3\n    return x\n",
    )
    assert "both change the same lines" in why_not(tmp_path, "a.py", base, left, right)


def test_a_name_that_both_add_in_different_places_is_not_bound_twice(tmp_path: Path) -> None:
    base = "import os\n\nA = 1\nB = 2\nC = 3\n"
    left = "import os\nimport re\n\nA = 1\nB = 2\nC = 3\n\n\ndef two():\n    a\n"
    right = "import os\nimport sys\n\nA = 1\ndef two():\n    b\nB = 2\nC = 3\n"
    assert why_not(tmp_path, "a.py", base, left, right) == "bindings"


def test_line_ends_are_kept_as_they_are(tmp_path: Path) -> None:
    base, left, right = (
        version.replace("\n", "\r\n")
        for version in (
            "def one():\n    pass\n",
            "def one():\n    pass\n\n\ndef two():\n    a()\n",
            "def one():\n    pass\n\n\ndef three():\n    b.c\n",
        )
    )
    got = merged(tmp_path, "a.py", base, left, right)
    assert got.count("\r\n") == got.count("\n") == 10


def test_a_side_that_does_not_parse_is_left_alone(tmp_path: Path) -> None:
    base, left, right = ("x = 1\n", "x = 1\ndef f(:\n    pass\n", "x = 1\nimport os\n")
    assert "the first side does not parse" in why_not(tmp_path, "a.py", base, left, right)


def test_a_block_that_the_diff_cut_badly_is_slid_into_place(tmp_path: Path) -> None:
    base, left, right = (
        "class A:\n    def a(self):\n        return 1\n\n    def z(self):\n        return 1\n",
        "class A:\n    def a(self):\n        return 1\n\n    def b(self):\n        return 1\n"
        "\n    def z(self):\n        return 1\n",
        "class A:\n    def a(self):\n        return 1\n\n    def c(self, x):\n        yield x\n"
        "\n    def z(self):\n        return 1\n",
    )
    got = merged(tmp_path, "a.py", base, left, right)
    assert got.index("def b") < got.index("def c") < got.index("def z")
    assert "\n\n\n" not in got


ONE, TWO, SIX = (
    f"    def {name}(self):\n        return {value}\n"
    for name, value in (("one", "1"), ("two", "f(2)"), ("six", "[6, 6, x]"))
)
NINE = "    def nine(self):\n        pass\n"


@pytest.mark.parametrize(
    ("base", "left", "right"),
    [
        # One side sets off what it adds, the other does not.
        (f"{ONE}\n@{NINE}", f"{TWO}\n", SIX),
        (f"{ONE}@", TWO, f"\n{SIX}"),
        # One side leaves two lines, the other one as everybody before.
        (f"{ONE}\n@{NINE}", f"{TWO}\n\n", f"{SIX}\n"),
        # Neither sets off what it adds.
        (f"{ONE}\n@", TWO, SIX),
    ],
)
def test_blank_lines_are_the_files_where_the_sides_differ(
    base: str, left: str, right: str, tmp_path: Path
) -> None:
    head = f"class A:\n    def none(self):\n        return None\n\n{base}"
    versions = [head.replace("@", added) for added in ("", left, right)]
    got = merged(tmp_path, "a.py", *versions)
    end = f"\n{NINE}" if NINE in base else ""
    assert got.endswith(f"{ONE}\n{TWO}\n{SIX}{end}")


@pytest.mark.parametrize(
    ("base", "left", "right"),
    [
        # In lines of its own: shortened here, extended there.
        (
            "from m import (\n    a,\n    b,\n    c,\n)\n",
            "from m import (\n    a,\n    c,\n)\n",
            "from m import (\n    a,\n    b,\n    bb,\n    c,\n)\n",
        ),
        (
            "from m import (\n    a,\n    b,\n)\n",
            "from m import (\n    a,\n)\n",
            "from m import (\n    a,\n    b,\n    c,\n)\n",
        ),
        # Whole statements: one is taken away, one comes beside it.
        ("import a\nimport b\n", "import a\n", "import a\nimport b\nimport c\n"),
        # A constant in the middle that one side moves.
        (
            "import a\n\nLIMIT = 1\n\nimport c\n",
            "import a\nimport b\n\nLIMIT = 2\n\nimport c\n",
            "import a\nimport c\n\nLIMIT = 1\n",
        ),
    ],
)
def test_imports_that_one_side_takes_away_are_a_question(
    base: str, left: str, right: str, tmp_path: Path
) -> None:
    for sides in ((left, right), (right, left)):
        assert "both change the same lines" in why_not(tmp_path, "a.py", base, *sides)


def test_a_definition_without_a_line_end_is_kept_apart(tmp_path: Path) -> None:
    base = "import os\n"
    left, right = base + "import re", base + "import sys"
    assert merged(tmp_path, "a.py", base, left, right) == "import os\nimport re\nimport sys"
