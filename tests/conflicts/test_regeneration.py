"""Generated files are made anew from the merged sources, and from no bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.checks.taken_files import Untakeable, take_files
from agentd.conflicts.replay import replay
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
    findings_of,
    first_reasons,
    only,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
GENERATE = "mkdir -p out && cat src/*.txt > out/all.lock && echo done"
POLICY = f'[[generated]]\npaths = ["/out/**"]\nregenerate = "{GENERATE}"\n'
START: Mapping[str, FileContent] = {
    "src/a.txt": "a\n",
    "src/b.txt": "b\n",
    "out/all.lock": "a\nb\n",
}


def policy(text: str = POLICY, command: str = "") -> dict[str, FileContent]:
    verify = f'[verification]\ncommands = ["{command}"]\nflaky_reruns = 0\n' if command else ""
    return {".agentd/review.toml": verify + text}


ONE: Mapping[str, FileContent] = {"src/a.txt": "A\n", "out/all.lock": "A\nb\n"}
TWO: Mapping[str, FileContent] = {"src/b.txt": "B\n"}


def test_what_merged_sources_make_is_taken_as_a_commit_of_its_own(make_repo: MakeRepo) -> None:
    repo = make_repo({**START, **policy(command="cat src/*.txt | cmp - out/all.lock")})
    repo.branch("one", ONE)
    repo.branch("two", TWO)
    outcome = repo.review(from_branch("one"), from_branch("two"), apply=True)
    assert set(actions(outcome).values()) == {"merge"}, all_reasons(outcome)
    commit = outcome.record["integration"]["commit"]
    assert repo.show(commit, "out/all.lock") == "A\nB\n"
    assert f"Agentd-Generated-By: {GENERATE}" in repo.git("log", "-1", "--format=%B", commit)
    assert repo.show(f"{commit}^", "out/all.lock") == "A\nb\n"
    step = only(outcome.record["regenerated"])
    assert step["paths"] == ["out/all.lock"]
    assert step["status"] == "passed"
    assert step["result"] == outcome.record["integration"]["tree"]
    assert len(step["output_sha256"]) == 64
    # The command of the policy ran on the finished tree: on the merged one it would fail.
    assert {run["tree"] for run in outcome.record["verification"]} == {step["result"]}
    assert "regenerated" in findings_of(outcome, "one")
    again = replay(repo.path, repo.home, outcome.record["review_id"])
    assert again.same_decisions
    assert again.differences == ()


def test_what_was_made_from_these_very_sources_is_left_alone(make_repo: MakeRepo) -> None:
    repo = make_repo({**START, **policy(POLICY.replace(GENERATE, "exit 1"))})
    repo.branch("one", ONE)
    outcome = repo.review(from_branch("one"))
    assert actions(outcome) == {"one": "merge"}
    assert outcome.record["regenerated"] == []
    assert outcome.record["inputs"]["generations"] == []


def test_nothing_runs_where_nobody_touches_a_generated_file(make_repo: MakeRepo) -> None:
    repo = make_repo({**START, **policy(POLICY.replace(GENERATE, "exit 1"))})
    repo.branch("one", {"src/a.txt": "A\n"})
    repo.branch("two", TWO)
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert set(actions(outcome).values()) == {"merge"}
    assert outcome.record["regenerated"] == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo broken; exit 3", "exit code 3"),
        ("rm -f out/all.lock; mkfifo out/all.lock", "regular"),
    ],
)
def test_a_generator_that_fails_is_for_a_person_and_hinders_nobody_else(
    command: str, said: str, make_repo: MakeRepo
) -> None:
    repo = make_repo({**START, **policy(POLICY.replace(GENERATE, command))})
    repo.branch("one", ONE)
    repo.branch("two", TWO)
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert actions(outcome) == {"one": "escalate", "two": "merge"}
    assert first_reasons(outcome)["one"] == "regeneration_failed"
    assert said in all_reasons(outcome)["one"][0]["message"]
    again = replay(repo.path, repo.home, outcome.record["review_id"])
    assert again.differences == ()


def test_the_owner_of_the_file_goes_on_and_the_other_is_sent_back(make_repo: MakeRepo) -> None:
    repo = make_repo({**START, **policy()})
    repo.branch("one", ONE)
    repo.branch("two", {"src/b.txt": "B\n", "out/all.lock": "a\nB\n"})
    repo.branch("three", {"src/c.txt": "c\n"})
    outcome = repo.review(*(from_branch(name) for name in ("one", "two", "three")))
    assert sorted(actions(outcome).values()) == ["merge", "merge", "reject"]
    assert "regenerate_after_merge" in first_reasons(outcome).values()
    assert only(outcome.record["regenerated"])["paths"] == ["out/all.lock"]


def test_generated_files_that_are_made_no_more_are_gone(make_repo: MakeRepo) -> None:
    command = "rm -rf out && mkdir out && cat src/*.txt > out/new.lock"
    repo = make_repo({**START, **policy(POLICY.replace(GENERATE, command))})
    repo.branch("one", ONE)
    repo.branch("two", TWO)
    outcome = repo.review(from_branch("one"), from_branch("two"), apply=True)
    commit = outcome.record["integration"]["commit"]
    assert {path for path in repo.files(commit) if path.startswith("out/")} == {"out/new.lock"}


def test_what_a_command_leaves_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("x")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a").write_text("a")
    (tmp_path / "run").write_text("r")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "directory").symlink_to("/etc")
    taken = take_files(tmp_path, lambda _: True)
    assert taken == {"deep/er/a": ("100644", b"a"), "run": ("100755", b"r")}
    assert take_files(tmp_path, lambda path: path == "run").keys() == {"run"}
    monkeypatch.setattr("agentd.conflicts.checks.taken_files.BYTES_MAX", 1)
    with pytest.raises(Untakeable):
        take_files(tmp_path, lambda _: True)
