"""Additions that look independent, and whose place or whose twin elsewhere counts all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conflicts.proposals.merging import (
    Both,
    check_left_alone,
    check_merged,
    sides_of,
    why_not,
)

NOT_WHOLE = "not made of whole entities"
LEFT_ALONE = [
    Both(
        "two default exports",
        "a.js",
        "const z = 1;\n@\n",
        "\nexport default function a() {\n  return 1;\n}\n",
        "\nexport default class B {\n  two(q) {}\n}\n",
        "both add default",
    ),
    Both(
        "an import for types beside one for all",
        "a.py",
        "if TYPE_CHECKING:\n    from a import A\n@\nx = 1\n",
        "    from b import B\n",
        "from c import C\n",
        "indented differently",
    ),
    Both(
        "methods with tabs and with spaces",
        "A.java",
        "class A {\n@\n}\n",
        "\tvoid one() {}\n",
        "    int two(String a) { return a.length(); }\n",
        "indented differently",
    ),
    Both(
        "what runs a file",
        "a.py",
        "@\nimport zlib\n",
        "import abc\n",
        "#!/usr/bin/env python3\nimport os\n",
        NOT_WHOLE,
    ),
    Both(
        "an encoding",
        "a.py",
        "@\nimport zlib\n",
        "import abc\n",
        "# -*- coding: utf-8 -*-\nimport os\n",
        NOT_WHOLE,
    ),
    Both(
        "a note on top of a file",
        "a.test.js",
        '@\nimport z from "z";\n',
        'import a from "a";\n',
        '/** @jest-environment jsdom */\nimport b from "b";\n',
        "at the top of a file",
    ),
    Both(
        "a package and a name like it",
        "a.py",
        "import io\n@\nx = 1\n",
        "import xml.dom\n",
        "from lxml import xml\n",
        "something of its name",
    ),
    Both(
        "macros",
        "a.rs",
        "mod a;\n@\nfn f() {}\n",
        "mod b;\n",
        "#[macro_use]\nmod c;\n",
        "seen only below it",
    ),
    Both(
        "one package in two versions",
        "a.toml",
        'needs = [\n  "b",\n  "z",\n@\n]\n',
        '  "requests>=2",\n',
        "  'requests[socks] ~= 3.1',\n",
        "both add requests",
    ),
    Both(
        "one package in two versions",
        "setup.py",
        "needs = [\n    'b',\n    'z',\n@\n]\n",
        "    'requests',\n",
        "    'requests != 3',\n",
        "both add requests",
    ),
    Both(
        "one package in two versions",
        "a.yml",
        "needs:\n- b\n- z\n@\n",
        "- requests=2\n",
        "- requests=3\n",
        "both add requests",
    ),
    Both(
        "options",
        "a.json",
        '{\n  "x": [\n    "run",\n@\n    "z"\n  ]\n}\n',
        '    "--jobs",\n    "4",\n',
        '    "--quiet",\n',
        NOT_WHOLE,
    ),
    Both(
        "numbers",
        "a.json",
        '{\n  "x": [\n    1,\n@\n    9\n  ]\n}\n',
        "    2,\n",
        "    3,\n",
        NOT_WHOLE,
    ),
    Both("numbers", "a.toml", "x = [\n  1,\n@\n  9,\n]\n", "  2,\n", "  3,\n", NOT_WHOLE),
    Both("numbers", "a.py", "V = (\n    1,\n@\n)\n", "    2,\n", "    3,\n", NOT_WHOLE),
    Both(
        "what is taken out again",
        "a.json",
        '{\n  "files": [\n    "a",\n@\n    "z"\n  ]\n}\n',
        '    "b/**",\n',
        '    "!b/c",\n',
        NOT_WHOLE,
    ),
    Both(
        "conditions",
        "package.json",
        '{\n  "exports": {\n    "node": "./n",\n@\n    "types": "./t"\n  }\n}\n',
        '    "default": "./d",\n',
        '    "import": "./i",\n',
        NOT_WHOLE,
    ),
    Both(
        "patterns",
        "jest.json",
        '{\n  "map": {\n    "a": "b",\n@\n    "c": "d"\n  }\n}\n',
        '    "^x": "./d",\n',
        '    "^x/y": "./i",\n',
        NOT_WHOLE,
    ),
    Both(
        "a list of commands",
        "a.yml",
        "before_script:\n- make\n@\nz: 1\n",
        "- test\n",
        "- lint\n",
        NOT_WHOLE,
    ),
    Both(
        "a list that is gone through in turn",
        "settings.py",
        "MIDDLEWARE = [\n    'a.b',\n@\n]\n",
        "    'x.y',\n",
        "    'c.d',\n",
        NOT_WHOLE,
    ),
    Both(
        "the end of a text that looks like a comment",
        "a.yaml",
        "a: |\n  text\n@\nz: 1\n",
        "b: 1\n",
        "  # not a comment\nc: 2\n",
        NOT_WHOLE,
    ),
    Both(
        "code that is indented",
        "README.md",
        "Do:\n\n    - run: one\n@\n\nMore.\n",
        "    - run: two\n",
        "    - run: three\n",
        NOT_WHOLE,
    ),
    Both(
        "one person with two addresses",
        "AUTHORS",
        "Ada Lovelace\n@\nZoe\n",
        "Grace Hopper <grace@example.invalid>\n",
        "Grace  Hopper (navy)\n",
        "both add grace hopper",
    ),
    Both(
        "versions of a guide",
        "migration.md",
        "# Steps\n\n@\n## 1.0\n\nold\n",
        "## 1.2\n\nQuick sums.\n\n",
        "## 1.1\n\nFrom 1.1 on, take care of divisions.\n\n",
        NOT_WHOLE,
    ),
]


@pytest.mark.parametrize("case", LEFT_ALONE, ids=str)
def test_what_has_its_place_or_a_twin_is_left_alone(case: Both, tmp_path: Path) -> None:
    check_left_alone(tmp_path, case)


MERGED = [
    Both(
        "numbers of a set",
        "a.py",
        "CODES = {\n    200,\n@\n}\n",
        "    204,\n",
        "    'x',\n",
        "    204,\n    'x',\n",
    ),
    Both(
        "default among a program's keys",
        "settings.py",
        "CACHES = {\n    'a': 1,\n@\n}\n",
        "    'default': [],\n",
        "    'other': {},\n",
        "    'default': [],\n    'other': {},\n",
    ),
    Both(
        "modules of one package",
        "a.py",
        "import io\n@\nx = 1\n",
        "import xml.dom\n",
        "import xml.sax\n",
        "import xml.dom\nimport xml.sax\n",
    ),
    Both(
        "items of which one side adds several",
        "CHANGES.md",
        "## 1.1\n\n@\n## 1.0\n\n- old\n",
        "- Mend the lock of the store\n- Take no colours\n\n",
        "- Tell who waits for whom\n\n",
        "- Mend the lock of the store\n- Take no colours\n- Tell who waits for whom\n\n",
    ),
]


@pytest.mark.parametrize("case", MERGED, ids=str)
def test_what_has_no_place_is_kept(case: Both, tmp_path: Path) -> None:
    check_merged(tmp_path, case)


@pytest.mark.parametrize(
    "bound",
    [
        "try:\n    from q import two\nexcept ImportError:\n    two = None\n",
        "if sys:\n    two = 2\nelse:\n    def two(): ...\n",
        "two, other = 1, 2\n",
        "(other, [two]) = 1, [2]\n",
    ],
)
def test_a_name_that_the_other_side_binds_in_a_statement_is_not_bound_twice(
    bound: str, tmp_path: Path
) -> None:
    base = "x = 1\n\n\ndef one():\n    return 0\n"
    left = f"{base}\n\ndef two():\n    return 2\n"
    right = f"{bound}{base}\n\ndef three(a):\n    yield a\n"
    assert why_not(tmp_path, "a.py", base, left, right) == "bindings"


def test_an_item_that_the_other_side_adds_elsewhere_is_not_added_twice(tmp_path: Path) -> None:
    base = "# Changes\n\n## 1.1\n\n- old\n\n## 1.0\n\n- older\n"
    item = "- Mend the lock of the store\n  when two wait\n"
    left = base.replace("- old\n", f"- old\n{item}")
    right = base.replace("- old\n", "- old\n- Take no colours\n").replace(
        "- older\n", f"- older\n{item}"
    )
    assert "in another place" in why_not(tmp_path, "CHANGES.md", base, left, right)
    assert "in another place" in why_not(tmp_path, "CHANGES.md", base, right, left)


def test_a_default_export_of_a_value_is_the_only_one(tmp_path: Path) -> None:
    base = "const z = 1;\nconst y = 2;\n\nfunction one() {}\n"
    left = f"{base}\nexport default function two() {{}}\n"
    right = f"{base}\nfunction three(a) {{ return a; }}\n".replace(
        "const y", "export default z;\ny"
    )
    assert why_not(tmp_path, "a.js", base, left, right) == "bindings"


def test_a_bom_before_python_is_left_alone(tmp_path: Path) -> None:
    base, left, right = (
        "\ufeffimport io\n",
        "\ufeffimport io\nimport re\n",
        "\ufeffimport io\nimport os\n",
    )
    sides = sides_of(tmp_path, "a.py", base.encode(), left.encode(), right.encode())
    assert sides.lines.regions
    assert "does not parse" in why_not(tmp_path, "a.py", base, left, right)
