"""Which merges by entity are mechanical, and which are plausible only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.proposals.confidence import Confidence
from agentd.conflicts.proposals.entities import Merged, merge_entities
from agentd.conflicts.proposals.making import EntityMaker
from agentd.conflicts.proposals.sides import Declined
from tests.conflicts.proposals.conflicts import BASE, LEFT, RIGHT, conflict_in
from tests.conflicts.proposals.merging import sides_of
from tests.conflicts.repo_builder import FileContent, Repo, only

THANKED = "- Escape names in reports. Thanks Ada.\n"
PLAIN = "- Wait longer for the server.\n"
WRAPPED = "- Wait longer for\n  the server.\n"
PLAIN_ISSUE = "- Wait longer (#7).\n"
TARGET = ".. _#12: https://example.invalid/12\n"
OTHER_TARGET = ".. _#47: https://example.invalid/47\n"


def doubt(directory: Path, path: str, around: str, left: str, right: str) -> str | None:
    """What speaks against a merge of two additions where `@` stands."""
    texts = [around.replace("@\n", added).encode() for added in ("", left, right)]
    outcome = merge_entities(sides_of(directory, path, *texts))
    assert isinstance(outcome, Merged), outcome
    return outcome.doubt


@pytest.mark.parametrize(
    ("path", "around", "left", "right"),
    [
        ("a.toml", "[a]\nx = 1\n@\n", "y = 2\n", "z = 3\n"),
        ("a.json", '{\n  "a": 1,\n@\n  "z": 9\n}\n', '  "b": 2,\n', '  "c": 3,\n'),
        ("a.py", "import abc\nimport io\n@\nimport zlib\n", "import sys\n", "import re\n"),
        ("AUTHORS", "Ada\nBob\nCyd\n@\nZoe\n", "Eve\n", "Dan\n"),
        ("CHANGES.md", "# Changes\n\n@\n- The first one.\n", PLAIN, "- Take no colours.\n"),
        ("CHANGES.md", "# Changes\n\n@\n", PLAIN_ISSUE, WRAPPED),
        ("CHANGES.md", "# Changes\n\n@\n- Ends.\n", PLAIN_ISSUE, "- Sort trees.\n"),
        ("CHANGES.md", "# Changes\n\n@\n- Ends (#3).\n", PLAIN_ISSUE, "- Sort (#12).\n"),
        ("a.ts", "@\nlet z;\n", 'import { a } from "a";\n', 'import {\n  b,\n} from "b";\n'),
        ("CHANGES.md", "# Changes\n\n@\n- The first one.\n", THANKED, "- Faster. Thanks Bob!\n"),
        ("CHANGES.rst", ".. _#9: https://example.invalid/9\n@\n", TARGET, OTHER_TARGET),
    ],
)
def test_what_is_mechanical(path: str, around: str, left: str, right: str, tmp_path: Path) -> None:
    assert doubt(tmp_path, path, around, left, right) is None


@pytest.mark.parametrize(
    ("path", "around", "left", "right", "reason"),
    [
        ("a.py", "A = 1\n@\n", "def f():\n    pass\n", "def g(x):\n    yield x\n", "adapted"),
        ("a.go", 'package a\n\nimport (\n\t"a"\n@\n)\n', '\t"b"\n', '\t"c"\n', "sorted anew"),
        ("CHANGES.md", "# Changes\n\n@\n- The first one.\n", THANKED, PLAIN, "thanks"),
        ("CHANGES.md", "# Changes\n\n@\n- The first one.\n", PLAIN, THANKED, "thanks"),
        (
            "CHANGES.rst",
            ".. _#9: https://example.invalid/9\n@\n",
            TARGET,
            PLAIN + OTHER_TARGET,
            "link targets",
        ),
        ("CHANGES.md", "# Changes\n\n@\n- Ends (#3).\n", PLAIN, "- Sort (#12).\n", "name issues"),
        ("a.ts", "@\nlet z;\n", 'import {a} from "a";\n', 'import { b } from "b";\n', "spaced"),
        ("a.ts", "@\nlet z;\n", "import a from 'a';\n", 'import b from "b";\n', "quoted"),
        ("a.ts", "@\nlet z;\n", 'import a from "a";\n', 'import b from "b"\n', "ended"),
        ("CHANGES.md", "# Changes\n\n@\n", WRAPPED, "- Sort ends\n    as a tree.\n", "indented"),
        ("CHANGES.md", "# Changes\n\n@\n", WRAPPED, f"- Sort {'x' * 99}.\n", "wrapped"),
        ("CHANGES.md", "# Changes\n\n@\n", f"- Sort {'x' * 99}.\n", WRAPPED, "wrapped"),
        ("CHANGES.md", "# Changes\n\n@\n", PLAIN_ISSUE, "- Sort ([#12](u)).\n", "name issues"),
        ("CHANGES.rst", "Changes\n\n@\n", PLAIN_ISSUE, "- Sort. :bug:`12`\n", "name issues"),
        (
            "CHANGES.md",
            "# Changes\n\n@\n## 1.0.0\n\n- One.\n\n## 0.9.0\n\n- None.\n",
            "## 1.1.0\n\n- Quick sums.\n\n",
            "## 1.2.0\n\n- Slow and careful divisions.\n\n",
            "a version",
        ),
    ],
)
def test_what_is_plausible_only(
    path: str, around: str, left: str, right: str, reason: str, tmp_path: Path
) -> None:
    found = doubt(tmp_path, path, around, left, right)
    assert found is not None
    assert reason in found


def test_one_doubtful_region_makes_a_file_plausible(tmp_path: Path) -> None:
    around = "import abc\nimport io\n{}import zlib\n\n\ndef f():\n    return 0\n{}"
    texts = [
        around.format(imported, defined).encode()
        for imported, defined in (
            ("", ""),
            ("import sys\n", "\n\ndef g():\n    return sys\n"),
            ("import re\n", "\n\ndef h(x):\n    yield re, x\n"),
        )
    ]
    outcome = merge_entities(sides_of(tmp_path, "a.py", *texts))
    assert isinstance(outcome, Merged)
    assert outcome.doubt is not None


def test_the_maker_leaves_out_what_is_plausible_only_where_it_is_asked_to(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    conflict = conflict_in(make_repo({"shop/a.py": BASE}), LEFT, RIGHT)
    file = only(conflict.files)
    declined = EntityMaker(mechanical_only=True).resolve(file, conflict)
    assert isinstance(declined.outcome, Declined)
    assert "not be mechanical" in declined.outcome.reason
    made = EntityMaker().resolve(file, conflict)
    assert isinstance(made.outcome, bytes)
    assert made.details == declined.details
    assert made.details["confidence"] == Confidence.PLAUSIBLE.value
