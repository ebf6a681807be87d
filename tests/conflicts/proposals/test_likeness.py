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
        (BASE + TWO.replace("a + 2", "a+2") + THREE, Likeness.SPACING),
        (BASE + THREE + TWO.replace("def two(a)", "def two( a )"), Likeness.SPACING),
        (BASE + TWO.replace("    return", "        return") + THREE, Likeness.EDITED),
        (BASE + TWO.replace("+ 2", "* 2") + THREE, Likeness.EDITED),
        (BASE + TWO, Likeness.OTHER),
        (BASE + TWO + THREE + "\n\ndef four():\n    pass\n", Likeness.OTHER),
        (BASE + TWO + "\n\ndef three(:\n", Likeness.BROKEN),
    ],
)
def test_what_people_made_is_near_or_far(person: str, likeness: Likeness, tmp_path: Path) -> None:
    versions = [text.encode() for text in (BASE, BASE + TWO, BASE + THREE)]
    sides = sides_of(tmp_path, "a.py", *versions)
    outcome = merge_entities(sides)
    assert isinstance(outcome, Merged)
    assert compare(sides, outcome, person.encode()) is likeness


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
    (judged,) = judge(repo.path / ".git")
    found = {each.sides.path: each.outcome for each in judged.files}
    assert judged.whole is Outcome.DECLINED
    assert set(found) == {"a.py", "b.txt"}
    assert found["a.py"] in (Likeness.SAME, Likeness.ORDER)
    assert found["b.txt"] is Outcome.DECLINED


def test_a_whole_proposal_goes_through_the_symbol_guard(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    more = "def much():\n    return 9\n"
    repo = make_repo({"a.py": BASE, "b.py": more})
    user = "\n\ndef three():\n    from b import much\n\n    yield much()\n"
    repo.branch("two", {"a.py": BASE + TWO, "b.py": more.replace("much", "plenty")})
    repo.branch("three", {"a.py": BASE + user})
    repo.write({"a.py": BASE + TWO + user})
    repo.git("add", "-A")
    tree = repo.git("write-tree")
    merge = repo.git("commit-tree", tree, "-p", "two", "-p", "three", "-m", "merge")
    repo.git("update-ref", "refs/heads/merged", merge)
    (judged,) = judge(repo.path / ".git")
    assert judged.whole is Outcome.REFUSED
    assert "much" in judged.files[0].reason


def test_lines_of_one_entity_in_two_places_are_no_other_order(tmp_path: Path) -> None:
    versions = [text.encode() for text in (BASE, BASE + TWO, BASE + THREE)]
    sides = sides_of(tmp_path, "a.py", *versions)
    outcome = merge_entities(sides)
    assert isinstance(outcome, Merged)
    torn = BASE + "\n\ndef two(a):\n    yield [3]\n\n\ndef three():\n    return a + 2\n"
    assert compare(sides, outcome, torn.encode()) is Likeness.EDITED


@pytest.mark.parametrize("person", ['"x",\n"a",\n"b",\n"c"', '"a",\n"b",\n"c",\n"x"'])
def test_a_comma_goes_with_the_place_and_is_no_edit(person: str, tmp_path: Path) -> None:
    base, left, right, theirs = (
        f"[\n{entries}\n]\n".encode() for entries in ('"a"', '"a",\n"x"', '"a",\n"b",\n"c"', person)
    )
    sides = sides_of(tmp_path, "a.json", base, left, right)
    outcome = merge_entities(sides)
    assert isinstance(outcome, Merged)
    assert compare(sides, outcome, theirs) is Likeness.ORDER
