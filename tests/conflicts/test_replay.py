"""A replay gives the same decisions, byte for byte, whatever has happened to the world since."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.collect import from_branch, from_patch_file
from agentd.conflicts.bundles.json_fields import FieldProblem
from agentd.conflicts.case_codec import decode_case, encode_case
from agentd.conflicts.daemon_copy import for_daemon
from agentd.conflicts.record import canonical_bytes, decisions_bytes
from agentd.conflicts.replay import replay, replay_record
from agentd.conflicts.review import open_workplace
from agentd.conflicts.symbols.grammars import readers
from agentd.errors import AgentdError
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import FileContent, Repo, numbered, patch_bundle

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
POLICY = '[verification]\ncommands = ["! grep -q broken a.txt"]\n'


def prune(repo: Repo) -> None:
    """Takes away all that no ref leads to, as a thorough user may."""
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "--quiet", "--prune=now")


def quarantine_bytes(repo: Repo) -> int:
    """The size of the packs that were kept."""
    return sum(path.stat().st_size for path in repo.home.glob("quarantine/*/objects/pack/*.pack"))


def busy_review(repo: Repo, tmp_path: Path, *bundles: Bundle) -> tuple[Repo, dict[str, object]]:
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
        *bundles,
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


def test_a_replay_with_other_readers_says_so(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo({"a.go": "package a\n", "b.py": "X = 1\n"})
    repo.branch("one", {"a.go": "package a\n\nfunc one() {}\n"})
    record = repo.review(from_branch("one")).record
    assert record["readers"] == readers()
    review_id = str(record["review_id"])
    assert replay(repo.path, repo.home, review_id).other_readers == ()
    monkeypatch.setattr("agentd.conflicts.record.reader_of", lambda language: "")
    (other,) = replay(repo.path, repo.home, review_id).other_readers
    assert other == f"go was read by {readers()['go']}, and here by nobody"


def test_replay_outlives_branches_and_a_gc(make_repo: MakeRepo, tmp_path: Path) -> None:
    """What only the bundles had is kept; the target's history is not copied."""
    repo = make_repo({"a.txt": numbered(20), "large.txt": numbered(5_000)})
    for count in range(3):
        repo.commit("history", {"large.txt": numbered(5_000, {7: f"{count}\n"})})
    repo.branch("base", {"e.txt": "a base of its own\n"})
    repo.branch("four", {"f.txt": "f\n"}, base="base")
    far = patch_bundle("five", repo.diff("base", "four"), base=repo.head("base"))
    repo, record = busy_review(repo, tmp_path, from_branch("four"), far)
    kept = quarantine_bytes(repo)
    for branch in ("one", "two", "bad", "four", "base"):
        repo.git("branch", "-D", branch)
    repo.commit("the target moves on", {"a.txt": "everything else\n"})
    prune(repo)
    again = replay(repo.path, repo.home, str(record["review_id"]))
    assert again.same_decisions
    assert again.differences == ()
    assert kept < 20_000


def test_reviewing_the_same_again_keeps_its_objects_once(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    repo.branch("one", {"a.txt": numbered(20, {7: "seven\n"})})
    packs = set()
    for _ in range(3):
        repo.review(from_branch("one"))
        packs.add(quarantine_bytes(repo))
    assert len(packs) == 1


@pytest.mark.parametrize("quarantine_gone", [False, True])
def test_a_review_whose_target_is_gone_says_so(
    make_repo: MakeRepo, tmp_path: Path, quarantine_gone: bool
) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    repo.commit("second", {"a.txt": numbered(20, {3: "three\n"})})
    repo, record = busy_review(repo, tmp_path)
    target = repo.head("main")
    for branch in ("one", "two", "bad"):
        repo.git("branch", "-D", branch)
    repo.git("reset", "--quiet", "--hard", "main~1")
    prune(repo)
    if quarantine_gone:
        shutil.rmtree(repo.home / "quarantine")
    with pytest.raises(AgentdError) as refused:
        replay_record(open_workplace(repo.path, repo.home), record)
    assert refused.value.reason == "review_not_found"
    assert str(record["review_id"])[:8] in refused.value.message
    assert target[:12] in refused.value.message
    assert "fsck" not in refused.value.hint
    assert "Try again" not in refused.value.hint


def test_a_review_whose_objects_are_damaged_says_so(make_repo: MakeRepo, tmp_path: Path) -> None:
    """The commit is there, a file of it is not."""
    repo, record = busy_review(make_repo({"a.txt": numbered(20)}), tmp_path)
    blob = repo.head("main:a.txt")
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(AgentdError, match="no longer whole") as refused:
        replay_record(open_workplace(repo.path, repo.home), record)
    assert refused.value.reason == "review_not_found"


def test_replay_notices_other_inputs(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo, record = busy_review(make_repo({"a.txt": numbered(20)}), tmp_path)
    workplace = open_workplace(repo.path, repo.home)
    changed = {**record, "inputs": {**record["inputs"], "command_runs": []}}  # type: ignore[dict-item]
    again = replay_record(workplace, changed)
    assert not again.same_decisions
    assert "decisions" in again.differences


def with_member(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """A JSON value with one member replaced."""
    if not path:
        return new
    if isinstance(value, list):
        return [
            with_member(each, path[1:], new) if place == path[0] else each
            for place, each in enumerate(value)
        ]
    return {**value, path[0]: with_member(value.get(path[0]), path[1:], new)}


def members(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places of a JSON value."""
    yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from members(each, (*path, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from members(each, (*path, place))


MALFORMED: tuple[tuple[tuple[str | int, ...], object], ...] = (
    ((), "x"),
    ((), []),
    (("case",), None),
    (("command_runs",), {"a": 1}),
    (("command_runs",), ["x"]),
    (("command_runs", 0, "status"), "great"),
    (("case", "target"), "--help"),
    (("case", "policy"), {"limits": {"git_timeout_secs": "soon"}}),
    (("case", "policy"), 7),
    (("case", "locks", 0, "owner"), None),
    (("case", "submissions", 0), None),
    (("case", "submissions", 0, "base"), 5),
    (("case", "submissions", 0, "bundle", "touched_paths"), [1]),
    (("case", "submissions", 0, "bundle", "touched_paths"), ["a\0b"]),
    (("case", "submissions", 0, "bundle", "confidence"), True),
    (("case", "submissions", 0, "bundle", "sources"), []),
)


def test_a_record_with_malformed_inputs_is_refused_in_a_sentence(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo, record = busy_review(make_repo({"a.txt": numbered(20)}), tmp_path)
    workplace = open_workplace(repo.path, repo.home)
    for path, wrong in MALFORMED:
        inputs = with_member(record["inputs"], path, wrong)
        with pytest.raises(AgentdError) as refused:
            replay_record(workplace, {**record, "inputs": inputs})
        assert refused.value.reason == "invalid_field", path
        assert str(record["review_id"]) in refused.value.message
        assert "inputs" in refused.value.message or "case" in refused.value.message
    del record["target"]
    with pytest.raises(AgentdError, match="target"):
        replay_record(workplace, record)


def test_no_wrong_type_anywhere_in_a_case_gets_past_its_decoding(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    _, record = busy_review(make_repo({"a.txt": numbered(20)}), tmp_path)
    case: Any = record["inputs"]["case"]  # type: ignore[index]
    assert encode_case(decode_case(case)) == case
    free = {"extra", "evidence", "policy"}
    for path in members(case):
        if free & set(path[:-1]):
            continue
        wrong: object
        for wrong in (3.5, [[]], {"": []}):
            if (path and path[-1] == "confidence" and wrong == 3.5) or (
                path and path[-1] in free and isinstance(wrong, dict) and path[-1] != "policy"
            ):
                continue
            with pytest.raises(FieldProblem):
                decode_case(with_member(case, path, wrong))


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
