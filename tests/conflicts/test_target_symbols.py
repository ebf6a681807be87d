"""Names that the target took away since a bundle's base, which git's merge does not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from agentd.conflicts import target_symbols
from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.checks.verification import Verifier
from agentd.conflicts.replay import replay
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
    findings_of,
    first_reasons,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
STORE = "def load(path):\n    return path\n\n\ndef save(path):\n    return path\n"
RENAMED = {"store.py": STORE.replace("def load", "def read")}
CALLER = {"tool.py": "from store import load\n\nprint(load('x'))\n"}


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    return make_repo({"store.py": STORE, "README.md": "a store\n"})


def test_a_stale_clean_bundle_that_uses_what_the_target_took_away(repo: Repo) -> None:
    repo.branch("caller", CALLER)
    repo.branch("other", {"README.md": "the store\n"})
    took = repo.commit("Rename load", RENAMED)
    outcome = repo.review(from_branch("caller"), from_branch("other"), allow_stale_clean=True)
    assert actions(outcome) == {"caller": "rebase", "other": "merge"}
    (reason,) = all_reasons(outcome)["caller"]
    assert reason["reason"] == "symbol_conflict"
    assert [each["commit"] for each in reason["evidence"]["commits"]] == [took]
    found = findings_of(outcome, "caller")["stale_symbols"]
    assert (found["symbol"], found["severity"]) == ("load", "error")
    assert found["evidence"]["bundle"] == {"path": "tool.py", "line": 1, "text": "load from store"}
    assert found["evidence"]["target"]["path"] == "store.py"
    assert found["message"].endswith(
        "tool.py:1 of caller imports `load from store`, which the target removed from store.py:1; "
        "adapt it to that and hand it in again."
    )
    again = replay(repo.path, repo.home, outcome.record["review_id"])
    assert again.differences == ()


def test_a_bundle_that_takes_away_what_the_target_newly_uses(repo: Repo) -> None:
    repo.branch("renamer", RENAMED)
    repo.commit("Call load", CALLER)
    outcome = repo.review(from_branch("renamer"), allow_stale_clean=True)
    assert first_reasons(outcome) == {"renamer": "symbol_conflict"}
    assert findings_of(outcome, "renamer")["stale_symbols"]["path"] == "store.py"


def test_both_define_the_same_in_different_places(make_repo: MakeRepo) -> None:
    parts = "".join(f"def part_{n}():\n    return {n}\n\n\n" for n in range(12))
    repo = make_repo({"store.py": parts})
    new = "def clear():\n    return None\n\n\n"
    repo.branch("adder", {"store.py": new + parts})
    repo.commit("Clear", {"store.py": parts + new})
    outcome = repo.review(from_branch("adder"), allow_stale_clean=True)
    assert first_reasons(outcome) == {"adder": "symbol_conflict"}


def test_what_the_target_did_beside_it_is_no_obstacle(repo: Repo) -> None:
    repo.branch("caller", CALLER)
    repo.commit("More", {"store.py": STORE + "\n\ndef clear():\n    return None\n"})
    outcome = repo.review(from_branch("caller"), allow_stale_clean=True)
    assert actions(outcome) == {"caller": "merge"}
    assert "stale_symbols" not in findings_of(outcome, "caller")


def test_a_target_that_moves_during_the_review_sends_back_who_uses_its_names(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new commit touches none of its paths."""
    run = Verifier.run
    began = repo.head("main")

    def run_and_push(self: Verifier, tree: str, commands: object = None) -> object:
        if repo.head("main") == began:
            repo.commit("Rename load", RENAMED)
        return run(self, tree, commands)  # type: ignore[arg-type]

    monkeypatch.setattr(Verifier, "run", run_and_push)
    repo.branch("caller", CALLER)
    repo.branch("other", {"README.md": "the store\n"})
    outcome = repo.review(
        from_branch("caller"),
        from_branch("other"),
        apply=True,
        policy_text='[verification]\ncommands = ["true"]\n',
    )
    assert actions(outcome) == {"caller": "rebase", "other": "merge"}
    assert first_reasons(outcome)["caller"] == "symbol_conflict"
    assert outcome.landed is not None
    assert "tool.py" not in repo.files(outcome.landed.ref)


def test_too_much_drift_is_not_read_and_said_so(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_symbols, "DRIFT_FILES_MAX", 2)
    repo.branch("caller", CALLER)
    repo.commit("Much", {**RENAMED, "a.py": "", "b.py": ""})
    outcome = repo.review(from_branch("caller"), allow_stale_clean=True)
    assert actions(outcome) == {"caller": "merge"}
    assert "3 files" in findings_of(outcome, "caller")["not_analysed"]["message"]
