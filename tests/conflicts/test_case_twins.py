"""Names that differ only in case from one of the target's are a warning, and merge."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from agentd.conflicts.bundles.collect import from_branch
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    findings_of,
    numbered,
    patch_bundle,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
START: Mapping[str, FileContent] = {
    "a.txt": numbered(9),
    "src/pkg/one.py": "one = 1\n",
    "straße.txt": "x\n",
    "caf\u00e9.txt": "x\n",
    "odd\nname/b.txt": "b\n",
}


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    return make_repo(START)


@pytest.mark.parametrize(
    ("files", "own", "twin"),
    [
        ({"A.TXT": "A\n"}, "A.TXT", "a.txt"),
        ({"src/PKG/two.py": "2\n"}, "src/PKG", "src/pkg"),
        ({"SRC": "a file beside a directory\n"}, "SRC", "src"),
        ({"A.TXT/in.py": "a directory beside a file\n"}, "A.TXT", "a.txt"),
        ({"new/x.txt": "x\n", "new/X.txt": "X\n"}, "new/x.txt", "new/X.txt"),
        ({"STRASSE.txt": "x\n"}, "STRASSE.txt", "straße.txt"),
        ({"cafe\u0301.txt": "x\n"}, "cafe\u0301.txt", "caf\u00e9.txt"),
        ({"odd\nname/B.txt": "B\n"}, "odd\nname/B.txt", "odd\nname/b.txt"),
        ({"src/pkg/one.py": None, "src/pkg/A.py": "1\n", "A.txt": "A\n"}, "A.txt", "a.txt"),
    ],
)
def test_a_twin_is_warned_of_and_merges(
    repo: Repo, files: Mapping[str, FileContent], own: str, twin: str
) -> None:
    repo.branch("work", files)
    outcome = repo.review(from_branch("work"))
    assert actions(outcome) == {"work": "merge"}
    found = findings_of(outcome, "work")["case_twin"]
    assert (found["severity"], found["path"], found["evidence"]["twin"]) == ("warning", own, twin)
    assert "macOS and Windows" in found["message"]


@pytest.mark.parametrize(
    "files",
    [
        {"a.txt": None, "A.TXT": numbered(9)},
        {"src/pkg/one.py": None, "SRC/pkg/one.py": "one = 1\n"},
        {"src/pkg/two.py": "2\n", "b.txt": "b\n"},
        {"a.txt": "changed\n"},
    ],
)
def test_what_takes_its_twin_away_or_has_none_is_not(
    repo: Repo, files: Mapping[str, FileContent]
) -> None:
    repo.branch("work", files)
    outcome = repo.review(from_branch("work"))
    assert actions(outcome) == {"work": "merge"}
    assert "case_twin" not in findings_of(outcome, "work")


def test_a_twin_that_came_to_the_target_after_the_base(repo: Repo) -> None:
    base = repo.head()
    patch = repo.patch_of({"B.TXT": "B\n"})
    repo.commit("meanwhile", {"b.txt": "b\n"})
    outcome = repo.review(patch_bundle("work", patch, base), allow_stale_clean=True)
    assert actions(outcome) == {"work": "merge"}
    assert findings_of(outcome, "work")["case_twin"]["evidence"] == {"twin": "b.txt"}
