"""Merging many at a time says what merging one after another says, right guesses or wrong ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from agentd.conflicts.findings import BundleId
from agentd.conflicts.footprints import take_footprints
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.result import Merge
from agentd.conflicts.merges.sequential_merges import Step, merge_in_order
from agentd.conflicts.trees.edits import Edits, size_of
from tests.conflicts.random_worlds import ObjectStore, random_world
from tests.conflicts.repo_builder import FileContent, Repo, numbered

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
SEEDS = 40

ODD = 'odd "\\ \n é.txt'
START: Mapping[str, FileContent] = {
    "a.txt": numbered(40),
    "b.txt": numbered(9),
    "gone.txt": numbered(12),
    "run.sh": "#!/bin/sh\n" + numbered(9),
    "end.txt": numbered(9, end=""),
    "data.bin": bytes(range(256)),
    'odd "\\ \n é.txt': numbered(9),
}
ORDERS: Mapping[str, Sequence[Mapping[str, FileContent]]] = {
    "lines of one file": [
        {"a.txt": numbered(40, {3: "three\n", 20: ""})},
        {"a.txt": numbered(40, {9: "nine\nand more\n"})},
        {"a.txt": numbered(40, {3: "three\n", 30: "thirty\n"})},
        {"a.txt": numbered(40, {40: "last\n"}), "b.txt": numbered(9, {1: "one\n"})},
    ],
    "an edit, a move, an edit": [
        {"gone.txt": numbered(12, {2: "two\n"})},
        {"gone.txt": None, "moved.txt": numbered(12, {11: "eleven\n"})},
        {"b.txt": numbered(9, {5: "five\n"})},
        {"gone.txt": numbered(12, {6: "six\n"})},
        {"b.txt": numbered(9, {1: "one\n"})},
    ],
    "new, gone, binary, odd names": [
        {"new/file.txt": "new\n", "b.txt": None},
        {"data.bin": bytes(300)},
        {'odd "\\ \n é.txt': numbered(9, {4: "four\n"}), "new/file.txt": "new\n"},
        {
            'odd "\\ \n é.txt': numbered(9, {8: "eight\n"}),
            "end.txt": numbered(9, {1: "x\n"}, end=""),
        },
        {"end.txt": numbered(9)},
    ],
    "a conflict in the middle": [
        {"a.txt": numbered(40, {3: "three\n"})},
        {"a.txt": numbered(40, {3: "drei\n"})},
        {"b.txt": numbered(9, {1: "one\n"})},
    ],
}


def known_steps(quarantine: Quarantine, tip: TreeId, trees: Sequence[TreeId]) -> list[Step]:
    """Steps of which it is known what they change."""
    named = {BundleId(str(number)): tree for number, tree in enumerate(trees)}
    footprints = take_footprints(quarantine, tip, named)
    return [Step(tree, each.files) for tree, each in zip(trees, footprints, strict=True)]


def eight_beside_one_another(repo: Repo) -> list[TreeId]:
    """Changes of one file in eight places."""
    for number in range(8):
        repo.branch(f"b{number}", {"a.txt": numbered(40, {4 * number + 2: f"by {number}\n"})})
    return [tree_of(repo, f"b{number}") for number in range(8)]


def both_ways(
    quarantine: Quarantine, tip: TreeId, trees: Sequence[TreeId]
) -> tuple[list[object], list[object]]:
    """What merging some trees in order gives, many at a time and one by one."""
    known = known_steps(quarantine, tip, trees)
    blind = [Step(tree, None) for tree in trees]
    together, singly = (
        [(each.clean, each.tree, each.conflicted_paths) for each in results]
        for results in (
            merge_in_order(quarantine, Merger(quarantine), tip, steps) for steps in (known, blind)
        )
    )
    return list(together), list(singly)


def quarantine_of(repo: Repo) -> Quarantine:
    return Quarantine(repo.home, Repository(repo.path, GitProcess()), GitProcess())


def tree_of(repo: Repo, revision: str) -> TreeId:
    return TreeId(repo.git("rev-parse", f"{revision}^{{tree}}"))


@pytest.mark.parametrize("order", ORDERS)
def test_it_says_what_merging_one_by_one_says(order: str, make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    for number, files in enumerate(ORDERS[order]):
        repo.branch(f"b{number}", files)
    trees = [tree_of(repo, f"b{number}") for number in range(len(ORDERS[order]))]
    together, singly = both_ways(quarantine_of(repo), tree_of(repo, "main"), trees)
    assert together == singly
    assert len(together) == (2 if "conflict" in order else len(trees))


def test_no_more_is_foreseen_than_may_be_held(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(START)
    trees = eight_beside_one_another(repo)
    held: list[int] = []
    make_trees = Quarantine.make_trees

    def watched(self: Quarantine, wanted: Sequence[tuple[TreeId | None, Edits]]) -> object:
        held.append(sum(size_of(file) for _, edits in wanted for file in edits.values()))
        return make_trees(self, wanted)

    monkeypatch.setattr(Quarantine, "make_trees", watched)
    monkeypatch.setattr("agentd.conflicts.merges.sequential_merges.BYTES_AT_ONCE", 700)
    together, singly = both_ways(quarantine_of(repo), tree_of(repo, "main"), trees)
    assert together == singly
    assert len(together) == 8
    assert len(held) > 2
    assert max(held) < 1_400  # A file has some 330 bytes.


def test_a_change_of_mode_and_an_edit_come_together(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    repo.branch("edit", {"run.sh": "#!/bin/sh\n" + numbered(9, {4: "four\n"})})
    repo.git("checkout", "--quiet", "-b", "mode")
    repo.git("update-index", "--chmod=+x", "run.sh")
    repo.git("commit", "--quiet", "-m", "mode")
    trees = [tree_of(repo, "mode"), tree_of(repo, "edit")]
    together, singly = both_ways(quarantine_of(repo), tree_of(repo, "main"), trees)
    assert together == singly
    assert len(together) == 2


@pytest.mark.parametrize("crowded", [True, False])
def test_random_worlds(crowded: bool, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "repo")], check=True)
    git = GitProcess()
    quarantine = Quarantine(tmp_path / "home", Repository(tmp_path / "repo", git), git)
    store = ObjectStore(quarantine.git_dir)
    longest = 0
    for seed in range(SEEDS):
        world = random_world(seed, crowded=crowded)
        tip = TreeId(store.tree(world.history[-1]))
        here = [each for each in world.proposals if each.base == len(world.history) - 1]
        trees = [TreeId(store.tree(each.files)) for each in here]
        together, singly = both_ways(quarantine, tip, trees)
        assert together == singly, f"seed {seed}"
        longest = max(longest, len(together))
    assert longest > 2


def test_right_guesses_are_merged_in_one_call(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(START)
    trees = eight_beside_one_another(repo)
    asked: list[int] = []
    merge_all = Quarantine.merge_all

    def watched(self: Quarantine, merges: Sequence[Merge], **options: object) -> object:
        asked.append(len(merges))
        return merge_all(self, merges, **options)  # type: ignore[arg-type]

    quarantine = quarantine_of(repo)
    tip = tree_of(repo, "main")
    steps = known_steps(quarantine, tip, trees)
    monkeypatch.setattr(Quarantine, "merge_all", watched)
    results = merge_in_order(quarantine, Merger(quarantine), tip, steps)
    assert all(each.clean for each in results)
    assert asked == [7]  # The first is the tip with the first change.
