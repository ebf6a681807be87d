"""Old reviews are forgotten, what is needed stays, and the user's repository is left alone."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.git.archive import kept_reviews
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.pruning import DAY_SECS, UNREFERENCED_DAYS, prune_rarely
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.merges.store import AGE_SECS_MAX, MergeStore
from agentd.conflicts.replay import replay
from agentd.conflicts.symbols.languages import summarise
from agentd.conflicts.symbols.summary import Summary
from agentd.conflicts.symbols.summary_cache import SummaryCache
from agentd.errors import AgentdError
from tests.conflicts.repo_builder import NOW, FileContent, Repo, numbered

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
NOW_SECS = int(NOW) // 1000


@pytest.fixture
def reviewed(make_repo: MakeRepo) -> tuple[Repo, Quarantine, str]:
    """A repository with one kept review."""
    repo = make_repo({"a.txt": numbered(20)})
    repo.branch("one", {"a.txt": numbered(20, {7: "seven\n"})})
    repo.branch("two", {"a.txt": numbered(20, {15: "fifteen\n"})})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    quarantine = Quarantine(repo.home, Repository(repo.path, GitProcess()), GitProcess())
    return repo, quarantine, outcome.record["review_id"]


def age_objects(quarantine: Quarantine) -> int:
    """Makes every object look old; how many files there are."""
    old = os.stat(quarantine.git_dir / "HEAD").st_mtime - (UNREFERENCED_DAYS + 1) * DAY_SECS
    files = [path for path in (quarantine.git_dir / "objects").rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (old, old))
    return len(files)


def prune(quarantine: Quarantine, now_secs: int, keep_days: int = 90) -> object:
    store = MergeStore(quarantine.merges_file, now_secs=now_secs)
    memories = (store, SummaryCache(quarantine.summaries_file))
    return prune_rarely(quarantine, memories, now_secs=now_secs, keep_days=keep_days)


def test_a_review_is_kept_until_it_is_old(reviewed: tuple[Repo, Quarantine, str]) -> None:
    repo, quarantine, review_id = reviewed
    before = repo.fingerprint()
    age_objects(quarantine)
    young = prune(quarantine, NOW_SECS + 89 * DAY_SECS)
    assert getattr(young, "reviews", None) == ()
    assert replay(repo.path, repo.home, review_id).same_decisions
    age_objects(quarantine)  # The replay made some of them anew.
    old = prune(quarantine, NOW_SECS + 91 * DAY_SECS)
    assert getattr(old, "reviews", None) == (review_id,)
    assert getattr(old, "collected", None)
    assert kept_reviews(quarantine) == ()
    with pytest.raises(AgentdError) as gone:
        replay(repo.path, repo.home, review_id)
    assert gone.value.reason == "review_not_found"
    left = quarantine.run(["count-objects", "-v"], check=True).text
    assert "count: 0\n" in left
    assert "in-pack: 0\n" in left
    assert repo.fingerprint() == before


def test_what_a_kept_review_needs_survives_a_clearing(
    reviewed: tuple[Repo, Quarantine, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, quarantine, review_id = reviewed
    monkeypatch.setattr("agentd.conflicts.git.pruning.LOOSE_MAX", 0)
    files = age_objects(quarantine)
    done = prune(quarantine, NOW_SECS + 2 * DAY_SECS)
    assert getattr(done, "collected", None)
    assert age_objects(quarantine) < files
    for name in ("one", "two"):
        repo.git("branch", "-D", name)
    assert replay(repo.path, repo.home, review_id).differences == ()


def test_what_was_written_lately_is_never_cleared_away(
    reviewed: tuple[Repo, Quarantine, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a review that is under way has it: not referred to yet."""
    _, quarantine, _ = reviewed
    monkeypatch.setattr("agentd.conflicts.git.pruning.LOOSE_MAX", 0)
    blob = quarantine.store_blob(b"of a review under way")
    assert getattr(prune(quarantine, NOW_SECS + 91 * DAY_SECS), "collected", None)
    assert quarantine.read_blobs([blob]) == {blob: b"of a review under way"}


def test_it_is_done_once_a_day_and_by_one_at_a_time(
    reviewed: tuple[Repo, Quarantine, str],
) -> None:
    _, quarantine, _ = reviewed
    later = NOW_SECS + 100 * DAY_SECS
    stamp = quarantine.git_dir / "agentd-pruned"
    assert stamp.read_text() == f"{NOW_SECS}\n"
    assert prune(quarantine, NOW_SECS + DAY_SECS - 1) is None
    with stamp.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert prune(quarantine, later) is None
    assert prune(quarantine, later) is not None
    assert prune(quarantine, later + 5) is None
    # A clock that was ahead does not keep it from being done for years.
    assert prune(quarantine, NOW_SECS) is not None


def test_that_it_fails_is_no_failure_of_a_review(
    reviewed: tuple[Repo, Quarantine, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, quarantine, _ = reviewed
    stamp = quarantine.git_dir / "agentd-pruned"
    stamp.unlink()
    stamp.mkdir()
    assert prune(quarantine, NOW_SECS + 100 * DAY_SECS) is None
    assert repo.review(from_branch("one")).all_merge


def test_remembered_merges_and_summaries_grow_old(
    reviewed: tuple[Repo, Quarantine, str], tmp_path: Path
) -> None:
    _, quarantine, _ = reviewed
    store = MergeStore(tmp_path / "m.sqlite3", now_secs=100)
    store.put({b"a": b"1"})
    late = MergeStore(tmp_path / "m.sqlite3", now_secs=101 + AGE_SECS_MAX)
    assert late.get([b"a"]) == {}
    cache, key = SummaryCache(quarantine.summaries_file), ("ab", "python-1")
    summary = summarise("a.py", b"X = 1\n")
    assert isinstance(summary, Summary)
    cache.put({key: summary})
    assert cache.get([key, ("cd", "python-1")]) == {key: summary}
    prune(quarantine, int(time.time()) + 91 * DAY_SECS)
    assert not cache.get([key])
