"""Merging in batches says what merging one by one says, whatever git's age and its traps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.process import GitProcess, GitResult
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.merges.result import Merge, parse_merges
from agentd.conflicts.merges.synthetic_commits import stand_in
from agentd.conflicts.merges.trial_merges import TrialMerges
from agentd.errors import AgentdError
from tests.conflicts.repo_builder import FileContent, Repo, numbered

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
START = {"a.txt": numbered(20), "d/x.txt": numbered(9), "d/y.txt": "y\n" * 9}
CHANGES: Mapping[str, Mapping[str, FileContent]] = {
    "seven": {"a.txt": numbered(20, {7: "seven\n"})},
    "SEVEN": {"a.txt": numbered(20, {7: "SEVEN\n"})},
    "gone": {"a.txt": None},
    "moved": {"d/x.txt": None, "e/x.txt": numbered(9), "d/y.txt": None, "e/y.txt": "y\n" * 9},
    "split": {"d/x.txt": None, "e/x.txt": numbered(9), "d/y.txt": None, "f/y.txt": "y\n" * 9},
    "new": {"d/new.txt": "new\n"},
    "odd": {"strange \n name.txt": "odd\n", "a.txt": numbered(20, {12: "odd\n"})},
}


@pytest.fixture
def quarantine(make_repo: MakeRepo) -> Quarantine:
    repo = make_repo(START)
    for name, files in CHANGES.items():
        repo.branch(name, files)
    return Quarantine(repo.home, Repository(repo.path, GitProcess()), GitProcess())


def merges_of(quarantine: Quarantine) -> list[Merge]:
    repository = quarantine.repository
    trees = []
    for name in ("main", *CHANGES):
        commit = repository.commit_of(name)
        assert commit is not None
        trees.append(quarantine.tree_of(commit))
    return [Merge(trees[0], left, right) for left in trees[1:] for right in trees[1:]]


def test_a_batch_says_what_single_calls_say(quarantine: Quarantine) -> None:
    merges = merges_of(quarantine)
    batch = quarantine.merge_all(merges)
    single = [quarantine.merge(each.base, each.left, each.right) for each in merges]
    assert list(batch) == single
    assert {result.clean for result in batch} == {True, False}
    assert any(not result.clean and not result.conflicted_paths for result in batch)


def test_an_older_git_is_asked_one_by_one(
    quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    merges = merges_of(quarantine)[:9]
    expected = quarantine.merge_all(merges)
    asked: list[Sequence[str]] = []
    run = Quarantine.run

    def watched(self: Quarantine, arguments: Sequence[str], **options: Any) -> GitResult:
        asked.append(arguments)
        return run(self, arguments, **options)

    monkeypatch.setattr(Quarantine, "run", watched)
    quarantine.merge_all(merges)
    assert sum(each[0] == "merge-tree" for each in asked) == 1
    asked.clear()
    monkeypatch.setattr(GitProcess, "version", lambda _: "2.38.1")
    old = Quarantine(quarantine.git_dir.parent.parent, quarantine.repository, GitProcess())
    assert old.merge_all(merges) == expected
    assert sum(each[0] == "merge-tree" for each in asked) == len(merges)
    assert not any("--stdin" in each for each in asked if each[0] == "merge-tree")


def test_where_a_batch_stops_the_rest_is_asked_one_by_one(
    quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    merges = merges_of(quarantine)
    expected = quarantine.merge_all(merges)
    batch = TrialMerges._batch

    def cut(self: TrialMerges, sides: Any, configuration: Any) -> Any:
        spoilt = [*sides[:3], ("1" * 40, "2" * 40), *sides[4:]]
        return batch(self, spoilt, configuration)

    monkeypatch.setattr(TrialMerges, "_batch", cut)
    assert quarantine.merge_all(merges) == expected


def test_a_missing_tree_is_an_error_wherever_it_stands(quarantine: Quarantine) -> None:
    merges = merges_of(quarantine)
    tree, missing = merges[0].base, TreeId("1" * 40)
    for wrong in (
        Merge(missing, tree, tree),
        Merge(tree, missing, tree),
        Merge(tree, tree, missing),
    ):
        with pytest.raises(AgentdError) as failure:
            quarantine.merge_all([merges[0], wrong, merges[1]])
        assert failure.value.reason == "git_failed"


def test_stand_ins_have_the_ids_that_git_gives(quarantine: Quarantine) -> None:
    tree = merges_of(quarantine)[0].base
    root = stand_in(tree, seconds=0, object_format="sha1")
    child = stand_in(tree, [root.commit], seconds=1, object_format="sha1")
    for made in (root, child):
        answer = quarantine.run(["hash-object", "-t", "commit", "--stdin"], stdin=made.content)
        assert answer.text == made.commit


OID = b"5956ee4903fed694494888bcf55ff90b287160c8"
CLEAN = b"1\0" + OID + b"\0\0\0"
CONFLICT = (
    b"0\0" + OID + b"\0a.txt\0\x001\0a.txt\0CONFLICT (contents)\0CONFLICT (content): in a.txt\n\0\0"
)
PATHLESS = (
    b"0\0" + OID + b"\0\x001\0d\0CONFLICT(directory rename unclear split)\0Unclear where\n\0\0"
)
ADVICE = (
    b"0\0"
    + OID
    + b"\0sub\0\x001\0sub\0CONFLICT (submodule)\0Failed to merge submodule sub\n\0"
    + b"Recursive merging with submodules currently only supports trivial cases.\n\0"
)


def test_the_stream_of_a_batch() -> None:
    found = parse_merges(CLEAN + CONFLICT + PATHLESS + ADVICE + CLEAN)
    assert [each.clean for each in found] == [True, False, False, False, True]
    assert [each.conflicted_paths for each in found] == [(), ("a.txt",), (), ("sub",), ()]
    assert [len(each.conflicts) for each in found] == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("rest", [b"", b"error: not something", b"\0", b"2\0" + OID + b"\0\0\0"])
def test_what_is_no_answer_is_none(rest: bytes) -> None:
    assert len(parse_merges(CLEAN + rest)) == 1


def test_an_answer_that_is_cut_off_anywhere_is_none() -> None:
    whole = CLEAN + CONFLICT
    for length in range(len(CLEAN), len(whole) - 1):
        assert len(parse_merges(whole[:length])) == 1, length
    assert len(parse_merges(whole)) == 2
