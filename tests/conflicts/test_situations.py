"""What the referee decides in each situation that people know, on real repositories.

Each accepted set is proved by merging the branches with git itself in a clone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentd.conflicts.bundles.collect import from_branch
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
    first_reasons,
    numbered,
    only,
    patch_bundle,
)

TWENTY = numbered(20)
BINARY = bytes(range(256)) * 8
IMPORTS = "from a import (\n    one,\n    two,\n    three,\n    four,\n)\n\nX = one\n"
CONSTANT = "import os\nimport sys\n\nLIMIT = 1\n\nimport json\n\nprint(os, sys, json)\n"

BLOCK_B = "/*\n * b\n */\nb();\n\n"
BLOCKS = BLOCK_B.replace("b", "a") + BLOCK_B


@dataclass(frozen=True)
class Situation:
    """Two branches from the same start, and what becomes of them."""

    name: str
    one: Mapping[str, FileContent]
    two: Mapping[str, FileContent]
    kind: str | None
    """The finding; None where both merge."""
    loses: str = ""
    action: str = ""
    start: Mapping[str, FileContent] = field(default_factory=lambda: {"a.txt": TWENTY})


SITUATIONS = [
    Situation("different files", {"b.txt": "b\n"}, {"c.txt": "c\n"}, None),
    Situation(
        "same file, far apart",
        {"a.txt": numbered(20, {2: "two\n"})},
        {"a.txt": numbered(20, {15: "fifteen\n"})},
        None,
    ),
    Situation(
        "same line",
        {"a.txt": numbered(20, {7: "seven\n"})},
        {"a.txt": numbered(20, {7: "SEVEN\n"})},
        "content_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "an insertion that could lie higher up, and touches where git puts it",
        {"a.c": BLOCKS.replace(BLOCK_B, BLOCK_B.replace("b", "c") + BLOCK_B)},
        {"a.c": BLOCKS.replace(" * b", " * second")},
        "adjacent_conflict",
        "two",
        "rebase",
        start={"a.c": BLOCKS},
    ),
    Situation(
        "adjacent lines",
        {"a.txt": numbered(20, {7: "seven\n"})},
        {"a.txt": numbered(20, {8: "eight\n"})},
        "adjacent_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "one line between",
        {"a.txt": numbered(20, {7: "seven\n"})},
        {"a.txt": numbered(20, {9: "nine\n"})},
        None,
    ),
    Situation(
        "both insert at one place",
        {"a.txt": numbered(20, {7: "line 7\nfrom one\n"})},
        {"a.txt": numbered(20, {7: "line 7\nfrom two\n"})},
        "content_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "both append",
        {"a.txt": TWENTY + "one\n"},
        {"a.txt": TWENTY + "two\n"},
        "content_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "same line to the same text",
        {"a.txt": numbered(20, {7: "seven\n"}), "b.txt": "b\n"},
        {"a.txt": numbered(20, {7: "seven\n"}), "c.txt": "c\n"},
        None,
    ),
    Situation(
        "exactly the same change",
        {"a.txt": numbered(20, {7: "seven\n"})},
        {"a.txt": numbered(20, {7: "seven\n"})},
        None,
    ),
    Situation(
        "add against add",
        {"new.txt": "from one\n"},
        {"new.txt": "from two\n"},
        "add_add_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "same file added alike", {"new.txt": "same\n", "b": "1"}, {"new.txt": "same\n"}, None
    ),
    Situation(
        "delete against edit",
        {"a.txt": None, "b.txt": "b\n"},
        {"a.txt": numbered(20, {7: "seven\n"})},
        "modify_delete_conflict",
        "one",
        "escalate",
    ),
    Situation("delete against delete", {"a.txt": None, "b": "b"}, {"a.txt": None, "c": "c"}, None),
    Situation(
        "rename against edit",
        {"a.txt": None, "moved.txt": TWENTY},
        {"a.txt": numbered(20, {7: "seven\n"})},
        None,
    ),
    Situation(
        "rename against rename",
        {"a.txt": None, "left.txt": TWENTY},
        {"a.txt": None, "right.txt": TWENTY},
        "rename_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "rename against delete",
        {"a.txt": None, "moved.txt": TWENTY},
        {"a.txt": None, "b": "b"},
        "modify_delete_conflict",
        "two",
        "escalate",
    ),
    Situation(
        "directory rename against a new file in it",
        {"d/x.txt": None, "e/x.txt": TWENTY, "d/y.txt": None, "e/y.txt": "y\n" * 9},
        {"d/new.txt": "new\n"},
        "rename_conflict",
        "two",
        "rebase",
        {"d/x.txt": TWENTY, "d/y.txt": "y\n" * 9},
    ),
    Situation(
        "file against directory",
        {"thing": "a file\n"},
        {"thing/inside.txt": "in a directory\n"},
        "tree_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "names that differ only in case",
        {"Readme.md": "one\n"},
        {"README.md": "two\n"},
        "tree_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "names that differ only in how their letters are composed",
        {"caf\u00e9.md": "one\n"},
        {"cafe\u0301.md": "two\n"},
        "tree_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "binary against binary",
        {"logo.png": BINARY + b"1"},
        {"logo.png": BINARY + b"2"},
        "binary_conflict",
        "two",
        "rebase",
        {"logo.png": BINARY},
    ),
    Situation(
        "rename into a path that the other edits",
        {"a.txt": None, "b.txt": TWENTY},
        {"b.txt": numbered(30, {25: "twenty-five\n"})},
        "content_conflict",
        "two",
        "rebase",
        {"a.txt": TWENTY, "b.txt": numbered(30)},
    ),
    Situation(
        "an import list shortened against extended",
        {"m.py": IMPORTS.replace("    two,\n", "")},
        {"m.py": IMPORTS.replace("    four,\n", "    four,\n    five,\n")},
        None,
        start={"m.py": IMPORTS},
    ),
    Situation(
        "an import list shortened against extended, at one place",
        {"m.py": IMPORTS.replace("    four,\n", "")},
        {"m.py": IMPORTS.replace("    four,\n", "    four,\n    five,\n")},
        "adjacent_conflict",
        "two",
        "rebase",
        {"m.py": IMPORTS},
    ),
    Situation(
        "a constant between imports",
        {"m.py": CONSTANT.replace("LIMIT = 1", "LIMIT = 2")},
        {"m.py": CONSTANT.replace("import json", "import json\nimport re")},
        None,
        start={"m.py": CONSTANT},
    ),
    Situation(
        "no newline at the end against an edit above",
        {"a.txt": numbered(20, end="")},
        {"a.txt": numbered(20, {3: "three\n"})},
        None,
    ),
    Situation(
        "no newline at the end against an appended line",
        {"a.txt": numbered(20, end="")},
        {"a.txt": TWENTY + "more\n"},
        "adjacent_conflict",
        "two",
        "rebase",
    ),
    Situation(
        "CRLF file, far apart",
        {"w.txt": numbered(20, {2: "two\n"}).replace("\n", "\r\n")},
        {"w.txt": numbered(20, {18: "eighteen\n"}).replace("\n", "\r\n")},
        None,
        start={"w.txt": TWENTY.replace("\n", "\r\n")},
    ),
    Situation(
        "line ends against an edit",
        {"a.txt": TWENTY.replace("\n", "\r\n")},
        {"a.txt": numbered(20, {3: "three\n"})},
        "content_conflict",
        "two",
        "rebase",
    ),
]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.name)
def test_two_branches(
    situation: Situation, make_repo: Callable[[Mapping[str, FileContent]], Repo]
) -> None:
    repo = make_repo(situation.start)
    repo.branch("one", situation.one)
    repo.branch("two", situation.two)
    outcome = repo.review(from_branch("one"), from_branch("two"))
    kinds = {each["kind"] for each in outcome.record["findings"]}
    git_merges = _git_merges(repo, ["one", "two"])
    if situation.kind is None:
        assert actions(outcome) == {"one": "merge", "two": "merge"}
        assert not {kind for kind in kinds if kind.endswith("_conflict")}
        assert git_merges
        tree = repo.git("rev-parse", "proof^{tree}", at=repo.path.parent / "clone")
        assert outcome.record["integration"]["tree"] == tree
        return
    winner = "one" if situation.loses == "two" else "two"
    assert actions(outcome) == {winner: "merge", situation.loses: situation.action}
    assert situation.kind in kinds
    assert git_merges == ("names that differ" in situation.name)
    tree = repo.git("rev-parse", f"{winner}^{{tree}}")
    assert outcome.record["integration"]["tree"] == tree


def _git_merges(repo: Repo, branches: list[str]) -> bool:
    """Whether git merges the branches into a clone's branch `proof`."""
    clone = repo.path.parent / "clone"
    repo.git("clone", "--quiet", str(repo.path), str(clone))
    repo.git("config", "merge.directoryRenames", "conflict", at=clone)
    repo.git("checkout", "--quiet", "-b", "proof", at=clone)
    return all(
        repo.succeeds("merge", "--no-edit", "--no-ff", f"origin/{branch}", at=clone)
        for branch in branches
    )


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_the_order_of_the_bundles_changes_nothing(
    order: tuple[str, str], make_repo: Callable[[Mapping[str, FileContent]], Repo]
) -> None:
    repo = make_repo({"a.txt": TWENTY})
    repo.branch("one", {"a.txt": numbered(20, {7: "seven\n"})})
    repo.branch("two", {"a.txt": numbered(20, {7: "SEVEN\n"})})
    outcome = repo.review(*(from_branch(name) for name in order))
    other = repo.review(*(from_branch(name) for name in reversed(order)))
    same = ("decisions", "findings", "bundles", "integration", "edges")
    assert [outcome.record[part] for part in same] == [other.record[part] for part in same]


def test_twins_merge_and_each_is_told_of_the_other(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo({"a.txt": TWENTY})
    seven = {"a.txt": numbered(20, {7: "seven\n"})}
    repo.branch("one", seven)
    repo.branch("three", {"a.txt": numbered(20, {15: "fifteen\n"})})
    twin = patch_bundle("two", repo.patch_of(seven), f"git:{repo.head()}")
    outcome = repo.review(from_branch("one"), twin, from_branch("three"), apply=True)
    assert outcome.all_merge
    told = {
        owner: [each["message"] for each in reasons if each["reason"] == "identical"]
        for owner, reasons in all_reasons(outcome).items()
    }
    assert "the change of two" in only(told["one"])
    assert "the change of one" in only(told["two"])
    assert not told["three"]
    assert len(outcome.record["integration"]["order"]) == 3
    merged = repo.show(outcome.record["integration"]["commit"], "a.txt")
    assert merged == numbered(20, {7: "seven\n", 15: "fifteen\n"})
    log = repo.git("log", "--format=%B", f"main..{outcome.record['integration']['commit']}")
    assert all(f"Agentd-Bundle: {each}" in log for each in outcome.record["integration"]["order"])


def test_twins_lose_together(make_repo: Callable[[Mapping[str, FileContent]], Repo]) -> None:
    repo = make_repo({"a.txt": TWENTY})
    for name, text in (("one", "x\n"), ("two", "x\n"), ("holder", "y\n")):
        repo.branch(name, {"a.txt": numbered(20, {7: text})})
    daemon = FakeDaemon()
    bundle = {"base_revision": f"git:{repo.head()}", "head_revision": "git:holder"}
    daemon.lock("file:a.txt", "holder", bundle, namespace=str(repo.path))
    outcome = repo.review(from_branch("one"), from_branch("two"), daemon=daemon)
    assert actions(outcome) == {"one": "wait", "two": "wait", "holder": "merge"}


def test_alternatives_exclude_each_other_even_when_they_are_alike(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo({"a.txt": TWENTY})
    patch = repo.patch_of({"a.txt": numbered(20, {7: "seven\n"})})
    bundles = [
        patch_bundle(owner, patch, f"git:{repo.head()}", alternative_of="seven")
        for owner in ("one", "two")
    ]
    outcome = repo.review(*bundles)
    assert sorted(actions(outcome).values()) == ["merge", "reject"]
    assert "alternative_lost" in first_reasons(outcome).values()


def test_mode_changes_count_and_conflict_only_with_other_modes(
    make_repo: Callable[[Mapping[str, FileContent]], Repo], tmp_path: Path
) -> None:
    repo = make_repo({"run.sh": "echo 1\n", "a.txt": TWENTY})
    script = repo.path / "run.sh"
    repo.git("checkout", "--quiet", "-b", "one")
    script.chmod(0o755)
    repo.commit("executable")
    repo.git("checkout", "--quiet", "main")
    repo.branch("two", {"run.sh": "echo 2\n"})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert actions(outcome) == {"one": "merge", "two": "merge"}
    entry = repo.home / "quarantine"
    tree = outcome.record["integration"]["tree"]
    listed = repo.git("ls-tree", tree, at=next(entry.iterdir()))
    assert "100755 blob" in listed


def test_submodules_moved_to_different_commits_are_for_a_person(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo(
        {
            "a.txt": TWENTY,
            ".agentd/review.toml": "[paths]\nallow_submodules = true\n",
        }
    )
    commits = [repo.git("commit-tree", "-m", str(n), repo.head("HEAD^{tree}")) for n in range(3)]
    _set_submodule(repo, "main", commits[0])
    for name, commit in (("one", commits[1]), ("two", commits[2])):
        repo.git("branch", name, "main")
        _set_submodule(repo, name, commit)
    repo.git("checkout", "--quiet", "--force", "main")
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert first_reasons(outcome)["two"] == "contradicting"
    assert actions(outcome) == {"one": "merge", "two": "escalate"}


def _set_submodule(repo: Repo, branch: str, commit: str) -> None:
    """Puts a submodule into a branch without a checkout of it."""
    repo.tick()
    repo.git("read-tree", branch)
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    tree = repo.git("write-tree")
    made = repo.git("commit-tree", "-p", branch, "-m", "submodule", tree)
    repo.git("update-ref", f"refs/heads/{branch}", made)
