"""How a proposal is held against what people made of the same conflict, over a small history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.proposals.entities import Merged, merge_entities
from benchmarks.replay.people import Likeness, compare
from benchmarks.replay.proposals import Outcome, judge
from tests.conflicts.proposals.merging import sides_of
from tests.conflicts.repo_builder import FileContent, Repo

BASE = "import os\n\n\ndef one():\n    return os\n"
TWO = "\n\ndef two(a):\n    return a + 2\n"
THREE = "\n\ndef three():\n    yield [3]\n"


@pytest.mark.parametrize(
    ("person", "likeness"),
    [
        (BASE + TWO + THREE, Likeness.SAME),
        (BASE.replace("import os", "import os  # why") + TWO + THREE, Likeness.SAME_REGIONS),
        (BASE + TWO + "\n" + THREE, Likeness.BLANKS),
        (BASE + THREE + TWO, Likeness.ORDER),
        (BASE + TWO.replace("+ 2", "* 2") + THREE, Likeness.EDITED),
        (BASE + TWO, Likeness.OTHER),
        (BASE + TWO + THREE + "\n\ndef four():\n    pass\n", Likeness.OTHER),
        (BASE + TWO + "\n\ndef three(:\n", Likeness.BROKEN),
    ],
)
def test_what_people_made_is_near_or_far(person: str, likeness: Likeness, tmp_path: Path) -> None:
    versions = [text.encode() for text in (BASE, BASE + TWO, BASE + THREE)]
    outcome = merge_entities(sides_of(tmp_path, "a.py", *versions))
    assert isinstance(outcome, Merged)
    assert compare("a.py", outcome, person.encode()) is likeness


def test_conflicting_files_of_a_history_are_judged_once(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo({"a.py": BASE, "b.txt": "b\n"})
    repo.branch("two", {"a.py": BASE + TWO, "b.txt": "b2\n"})
    repo.branch("three", {"a.py": BASE + THREE, "b.txt": "b3\n"})
    for result in (BASE + TWO + THREE, BASE + THREE + TWO):
        repo.write({"a.py": result, "b.txt": "b23\n"})
        repo.git("add", "-A")
        tree = repo.git("write-tree")
        merge = repo.git("commit-tree", tree, "-p", "two", "-p", "three", "-m", "merge")
        repo.git("update-ref", f"refs/heads/m{merge[:8]}", merge)
    found = {each.sides.path: each.outcome for each in judge(repo.path / ".git")}
    assert set(found) == {"a.py", "b.txt"}
    assert found["a.py"] in (Likeness.SAME, Likeness.ORDER)
    assert found["b.txt"] is Outcome.DECLINED
