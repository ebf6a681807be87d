"""A replay gives the same decisions, byte for byte, whatever has happened to the world since."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.collect import from_branch, from_patch_file
from agentd.conflicts.record import canonical_bytes, decisions_bytes, for_daemon
from agentd.conflicts.replay import replay, replay_record
from agentd.conflicts.review import open_workplace
from agentd.errors import AgentdError
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import FileContent, Repo, numbered, patch_bundle

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
POLICY = '[verification]\ncommands = ["! grep -q broken a.txt"]\n'


def busy_review(repo: Repo, tmp_path: Path) -> tuple[Repo, dict[str, object]]:
    """A review in which everything happens: locks, damage, conflicts, failures."""
    repo.branch("one", {"a.txt": numbered(20, {7: "seven\n"})})
    repo.branch("two", {"a.txt": numbered(20, {7: "SEVEN\n"})})
    repo.branch("bad", {"a.txt": numbered(20, {12: "broken\n"})})
    file = tmp_path / "three.diff"
    file.write_bytes(repo.patch_of({"b.txt": "b\n"}))
    daemon = FakeDaemon()
    daemon.lock("file:a.txt", "codex", {"intent": "look at it", "touched_paths": ["c.txt"]})
    daemon.commit("result", "gemini", {"patch": repo.patch_of({"c.txt": "c\n"}).decode()})
    outcome = repo.review(
        from_branch("one"),
        from_branch("two"),
        from_branch("bad"),
        from_patch_file(file),
        patch_bundle("damaged", "--- a/a.txt\n+++ b/a.txt\n@@ -1,9 +1 @@\n line 1\n-line 2\n"),
        daemon=daemon,
        policy_text=POLICY,
    )
    file.unlink()
    return repo, outcome.record


def test_replay_offline_and_without_running_anything(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo, record = busy_review(make_repo({"a.txt": numbered(20)}), tmp_path)
    for branch in ("one", "two", "bad"):
        repo.git("branch", "-D", branch)
    repo.commit("the target moves on", {"a.txt": "everything else\n"})
    again = replay(repo.path, repo.home, str(record["review_id"])[:36])
    assert again.same_decisions
    assert again.differences == ()
    assert canonical_bytes(again.record) == canonical_bytes(record)
    assert not (repo.home / "scratch").exists() or not list((repo.home / "scratch").iterdir())


def test_replay_notices_other_inputs(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo, record = busy_review(make_repo({"a.txt": numbered(20)}), tmp_path)
    workplace = open_workplace(repo.path, repo.home)
    changed = {**record, "inputs": {**record["inputs"], "command_runs": []}}  # type: ignore[dict-item]
    again = replay_record(workplace, changed)
    assert not again.same_decisions
    assert "decisions" in again.differences


def test_the_daemon_s_copy_is_replayed_from_what_was_kept(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo, record = busy_review(make_repo({"a.txt": numbered(20)}), tmp_path)
    slim = for_daemon(record)
    assert "inputs" not in slim
    again = replay_record(open_workplace(repo.path, repo.home), slim)
    assert again.same_decisions
    assert decisions_bytes(again.record) == decisions_bytes(record)


def test_two_reviews_of_the_same_differ_in_nothing_but_id_and_times(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    repo.branch("one", {"a.txt": numbered(20, {7: "seven\n"})})
    repo.branch("bad", {"a.txt": numbered(20, {12: "broken\n"})})

    def made() -> bytes:
        record = repo.review(from_branch("one"), from_branch("bad"), policy_text=POLICY).record
        del record["review_id"]
        runs = [*record["verification"], *record["inputs"]["command_runs"]]
        for run in runs:
            run |= {"seconds": 0, "cached": False}
        return canonical_bytes(record)

    first = made()
    shutil.rmtree(repo.home)
    assert made() == first
    assert made() == first


def test_an_unknown_review(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": "a\n"})
    with pytest.raises(AgentdError) as refused:
        replay(repo.path, repo.home, "0123")
    assert refused.value.reason == "review_not_found"
