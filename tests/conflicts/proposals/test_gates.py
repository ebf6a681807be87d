"""Each way to spoil a resolution, and the gate that sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.conflicts.proposals.gates import Gate, check_file
from agentd.conflicts.proposals.sides import FileSides
from tests.conflicts.proposals.merging import sides_of

BASE = "import os\n\n\ndef one():\n    return 1\n"
LEFT = BASE.replace("import os\n", "import os\nimport re\n") + "\n\ndef two():\n    return 2\n"
RIGHT = BASE.replace("import os\n", "import os\nimport sys\n") + "\n\ndef three():\n    return 3\n"
GOOD = (
    "import os\nimport re\nimport sys\n\n\ndef one():\n    return 1\n"
    "\n\ndef two():\n    return 2\n\n\ndef three():\n    return 3\n"
)


@pytest.fixture
def sides(tmp_path: Path) -> FileSides:
    return sides_of(tmp_path, "a.py", BASE.encode(), LEFT.encode(), RIGHT.encode())


def gates(sides: FileSides, content: str) -> set[Gate]:
    return {refusal.gate for refusal in check_file(sides, content.encode())}


def test_a_good_one_passes(sides: FileSides) -> None:
    assert gates(sides, GOOD) == set()


@pytest.mark.parametrize(
    ("spoiled", "gate"),
    [
        (GOOD.replace("import sys\n", ""), Gate.LEDGER),
        (GOOD.replace("    return 2\n", "    return 4\n"), Gate.LEDGER),
        (GOOD + "evil = 1\n", Gate.LEDGER),
        (GOOD.replace("    return 1\n", ""), Gate.LEDGER),
        (GOOD.replace("    return 1\n", "    return 1\n    return 1\n"), Gate.LEDGER),
        (LEFT, Gate.LEDGER),
        (RIGHT, Gate.LEDGER),
        (GOOD.replace("import os\n", "<<<<<<< ours\nimport os\n"), Gate.MARKERS),
        (GOOD.replace("import re\n", "=======\nimport re\n"), Gate.MARKERS),
        (GOOD.replace("def two():", "def two(:"), Gate.PARSES),
        (GOOD + "\n\ndef two():\n    return 2\n", Gate.BINDINGS),
        (GOOD.replace("import re\n", "import re\nimport re\n"), Gate.BINDINGS),
        (
            GOOD.replace("import os\n", "").replace("import sys\n", "import sys\nimport os\n"),
            Gate.ORDER,
        ),
        ("", Gate.LEDGER),
    ],
)
def test_each_spoiled_one_is_seen(sides: FileSides, spoiled: str, gate: Gate) -> None:
    assert gate in gates(sides, spoiled)


def test_lines_moved_between_functions_are_out_of_order(tmp_path: Path) -> None:
    base = "a = 1\nb = 2\nc = 3\n"
    sides = sides_of(
        tmp_path, "a.txt", base.encode(), (base + "x = 1\n").encode(), (base + "y = 1\n").encode()
    )
    assert gates(sides, base + "x = 1\ny = 1\n") == set()
    assert gates(sides, "x = 1\n" + base + "y = 1\n") == {Gate.ORDER}


def test_a_marker_that_a_side_has_itself_is_no_fault(tmp_path: Path) -> None:
    base = "title\n=====\n"
    left = base + "\nmore\n=======\n"
    right = base + "\nother\n-----\n"
    sides = sides_of(tmp_path, "a.txt", base.encode(), left.encode(), right.encode())
    assert gates(sides, left + "\nother\n-----\n") == set()


def test_commas_at_line_ends_and_blank_lines_may_differ(tmp_path: Path) -> None:
    base = '{\n  "a": 1\n}\n'
    left = '{\n  "a": 1,\n  "b": 2\n}\n'
    right = '{\n  "a": 1,\n  "c": 3\n}\n'
    sides = sides_of(tmp_path, "a.json", base.encode(), left.encode(), right.encode())
    assert gates(sides, '{\n  "a": 1,\n  "b": 2,\n\n  "c": 3\n}\n') == set()
    assert Gate.PARSES in gates(sides, '{\n  "a": 1,\n  "b": 2\n  "c": 3\n}\n')


USED = "import os\nimport re\n\n\ndef one():\n    return re.escape(os.sep)\n"


@pytest.mark.parametrize(
    ("added", "seen"),
    [
        ("\n\ndef two():\n    return re.compile(os.sep)\n", {Gate.USES}),
        ("\n\ndef two():\n    return 're', os.sep  # not re\n", set()),
        ("\n\ndef two():\n    return other(os.sep)\n", set()),
    ],
)
def test_a_name_that_the_other_side_took_out_is_seen(
    added: str, seen: set[Gate], tmp_path: Path
) -> None:
    tail = "\n\ndef three():\n    return 3\n"
    fewer = USED.replace("import re\n", "").replace("re.escape(os.sep)", "os.sep")
    versions = [each.encode() for each in (USED, USED + added, fewer + tail)]
    for ours, theirs in ((1, 2), (2, 1)):
        sides = sides_of(tmp_path, "a.py", versions[0], versions[ours], versions[theirs])
        assert gates(sides, fewer + added + tail) == seen
        assert gates(sides, fewer + tail + added) == seen
