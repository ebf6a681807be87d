"""The memory of merges spares git questions, and is never more than that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.git.process import GitProcess, GitResult
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.result import Merge
from agentd.conflicts.merges.store import ROWS_MAX, MergeStore
from agentd.conflicts.record import canonical_bytes
from tests.conflicts.repo_builder import FileContent, Repo, numbered

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]


def test_what_is_put_is_got_and_the_rest_is_not(tmp_path: Path) -> None:
    store = MergeStore(tmp_path / "m.sqlite3", now_secs=100)
    assert store.get([b"a"]) == {}
    store.put({b"a": b"1", b"b": b"2"})
    store.put({b"b": b"3"})
    assert store.get([b"a", b"b", b"c"]) == {b"a": b"1", b"b": b"3"}
    MergeStore(tmp_path / "m.sqlite3", now_secs=200).put({b"d": b"4"})
    store.forget_before(150)
    assert store.get([b"a", b"b", b"d"]) == {b"d": b"4"}


def test_the_oldest_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ROWS_MAX >= 100_000
    monkeypatch.setattr("agentd.conflicts.merges.store.ROWS_MAX", 10)
    path = tmp_path / "m.sqlite3"
    for number in range(12):
        MergeStore(path, now_secs=number).put({bytes([number]): b"x"})
    kept = MergeStore(path, now_secs=0).get([bytes([number]) for number in range(12)])
    assert 9 <= len(kept) <= 10
    assert bytes([11]) in kept
    assert bytes([0]) not in kept


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read" * 99, b"x"])
def test_a_damaged_memory_is_thrown_away(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.sqlite3"
    path.write_bytes(content)
    store = MergeStore(path, now_secs=1)
    assert store.get([b"a"]) == {}
    store.put({b"a": b"1"})
    store.put({b"a": b"1"})
    assert store.get([b"a"]) == {b"a": b"1"}


def test_a_locked_memory_costs_only_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite3"
    store = MergeStore(path, now_secs=1)
    store.put({b"a": b"1"})
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    store.put({b"b": b"2"})
    other.rollback()
    other.close()
    assert store.get([b"a", b"b"]) == {b"a": b"1"}


def count_merges(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    asked: list[Sequence[str]] = []
    run = Quarantine.run

    def watched(self: Quarantine, arguments: Sequence[str], **options: Any) -> GitResult:
        if arguments[0] == "merge-tree":
            asked.append(arguments)
        return run(self, arguments, **options)

    monkeypatch.setattr(Quarantine, "run", watched)
    return asked


def test_a_second_review_asks_nothing_and_says_the_same(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo({"a.txt": numbered(20), "stränge\n": "x"})
    names = ("one", "two", "three", "stale")
    repo.branch("stale", {"c.txt": "c\n"})
    repo.commit("the target moves on", {"b.txt": "b\n"})
    repo.branch("one", {"a.txt": numbered(20, {7: "seven\n"}), "stränge\n": "1"})
    repo.branch("two", {"a.txt": numbered(20, {7: "SEVEN\n"}), "stränge\n": "2"})
    repo.branch("three", {"a.txt": numbered(20, {15: "fifteen\n"})})
    asked = count_merges(monkeypatch)

    def made() -> bytes:
        outcome = repo.review(*(from_branch(name) for name in names), allow_stale_clean=True)
        return canonical_bytes({**outcome.record, "review_id": ""})

    first = made()
    assert asked
    asked.clear()
    assert made() == first
    assert not asked


def test_a_remembered_tree_that_is_gone_is_merged_again(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    repo.branch("one", {"a.txt": numbered(20, {7: "seven\n"})})
    repo.branch("two", {"a.txt": numbered(20, {15: "fifteen\n"})})
    quarantine = Quarantine(repo.home, Repository(repo.path, GitProcess()), GitProcess())
    store = MergeStore(quarantine.merges_file, now_secs=1)
    trees = []
    for name in ("main", "one", "two"):
        commit = quarantine.repository.commit_of(name)
        assert commit is not None
        trees.append(quarantine.tree_of(commit))
    merge = Merge(*trees)
    first = Merger(quarantine, store=store).merge_all([merge])[0]
    (quarantine.git_dir / "objects" / first.tree[:2] / first.tree[2:]).unlink()
    (verdict,) = Merger(quarantine, store=store).merge_all([merge], trees=False)
    assert verdict.clean
    again = Merger(quarantine, store=store)
    assert again.merge_all([merge], trees=False)[0].tree == first.tree
    assert again.merge_all([merge])[0].tree == first.tree
    assert quarantine.blob_at(first.tree, "a.txt")


def test_answers_of_another_git_or_other_attributes_do_not_count(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    for name in ("one", "two"):
        repo.branch(name, {"a.txt": numbered(20, {7: f"{name}\n"})})
    quarantine = Quarantine(repo.home, Repository(repo.path, GitProcess()), GitProcess())
    store = MergeStore(quarantine.merges_file, now_secs=1)
    commits = [quarantine.repository.commit_of(name) for name in ("main", "one", "two")]
    merge = Merge(*(quarantine.tree_of(commit) for commit in commits if commit))
    asked = count_merges(monkeypatch)
    mergers = [
        Merger(quarantine, {}, store, "2.39.5"),
        Merger(quarantine, {}, store, "2.51.0"),
        Merger(quarantine, {"a.txt": "merge=union"}, store, "2.39.5"),
        Merger(quarantine, {}, store, "2.39.5"),
    ]
    clean = [merger.merge_all([merge], trees=False)[0].clean for merger in mergers]
    assert clean == [False, False, True, False]
    assert len(asked) == 3
