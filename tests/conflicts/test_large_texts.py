"""Files beyond the limits are compared as wholes, and said to be; nothing waits for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.git.process import TimeRanOut
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.replay import replay
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    findings_of,
    numbered,
    patch_bundle,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
SMALL_TEXTS = "[limits]\ntext_bytes_max = 2000\n"
LARGE = numbered(400)


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    made = make_repo({"large.txt": LARGE, "small.txt": numbered(20)})
    made.branch("top", {"large.txt": numbered(400, {3: "three\n"})})
    made.branch("end", {"large.txt": numbered(400, {390: "end\n"})})
    made.branch("small", {"small.txt": numbered(20, {7: "seven\n"})})
    return made


def test_a_large_text_that_one_changes_merges_as_it_is(repo: Repo) -> None:
    outcome = repo.review(
        from_branch("top"), from_branch("small"), policy_text=SMALL_TEXTS, apply=True
    )
    assert actions(outcome) == {"top": "merge", "small": "merge"}
    found = findings_of(outcome, "top")["compared_whole"]
    assert found["severity"] == "info"
    assert "text_bytes_max" in found["message"]
    assert found["evidence"] == {"files": {"large.txt": len(LARGE)}, "limit": 2000}
    assert "compared_whole" not in findings_of(outcome, "small")
    assert outcome.landed is not None
    assert repo.show(outcome.landed.ref, "large.txt") == repo.show("top", "large.txt")
    assert outcome.record["ledger"]["balanced"]


@pytest.mark.parametrize("policy", [None, SMALL_TEXTS])
def test_two_changes_of_a_large_text_do_not_go_together(repo: Repo, policy: str | None) -> None:
    branches = [from_branch(name) for name in ("top", "end", "small")]
    outcome = repo.review(*branches, policy_text=policy)
    decided = sorted(actions(outcome).values())
    assert decided == (["merge"] * 3 if policy is None else ["merge", "merge", "rebase"])
    assert ("binary_conflict" in findings_of(outcome, "top")) == (policy is not None)
    assert replay(repo.path, repo.home, outcome.record["review_id"]).differences == ()


@pytest.mark.parametrize("size", [400, 30])
def test_a_text_that_grew_on_the_target_is_not_merged_by_lines(repo: Repo, size: int) -> None:
    """Small at the base and in the bundle, so that nothing but the target's version tells."""
    repo.branch("more", {"small.txt": numbered(20, {9: "nine\n"})})
    repo.commit("grows", {"small.txt": numbered(size)})
    outcome = repo.review(from_branch("more"), policy_text=SMALL_TEXTS, allow_stale_clean=True)
    assert actions(outcome) == {"more": "rebase" if size == 400 else "merge"}


def test_a_patch_of_a_large_text_applies_exactly(repo: Repo) -> None:
    patch = repo.patch_of({"large.txt": numbered(400, {200: "middle\n"})})
    outcome = repo.review(patch_bundle("middle", patch), policy_text=SMALL_TEXTS, apply=True)
    assert actions(outcome) == {"middle": "merge"}
    assert outcome.landed is not None
    assert repo.show(outcome.landed.ref, "large.txt") == numbered(400, {200: "middle\n"})


def test_a_large_text_that_moved_keeps_its_content(repo: Repo) -> None:
    repo.branch("move", {"large.txt": None, "moved.txt": LARGE})
    outcome = repo.review(
        from_branch("move"), from_branch("small"), policy_text=SMALL_TEXTS, apply=True
    )
    assert actions(outcome) == {"move": "merge", "small": "merge"}
    assert outcome.landed is not None
    assert repo.show(outcome.landed.ref, "moved.txt") == LARGE


def test_a_file_changed_in_too_many_places_is_over_the_limit(repo: Repo) -> None:
    scattered = {n: f"other {n}\n" for n in range(1, 400, 3)}
    repo.branch("scattered", {"large.txt": numbered(400, scattered)})
    at_once = numbered(400, {n: f"other {n}\n" for n in range(1, 300)})
    repo.branch("at-once", {"large.txt": at_once})
    branches = [from_branch(name) for name in ("scattered", "at-once", "small")]
    outcome = repo.review(*branches, policy_text="[limits]\nfile_hunks_max = 100\n")
    assert actions(outcome) == {"scattered": "reject", "at-once": "merge", "small": "merge"}
    found = findings_of(outcome, "scattered")["over_limit"]
    assert "file_hunks_max" in found["message"]
    assert found["evidence"]["count"] == len(scattered)


def test_a_comparison_that_takes_too_long_costs_its_bundle_alone(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = repo.head("top^{tree}")
    asked = Quarantine.changes

    def changes(quarantine: Quarantine, pairs: list[tuple[str, str]], **options: bool) -> object:
        if any(slow in pair for pair in pairs):
            raise TimeRanOut("git_failed", "`git diff-tree` failed: its time ran out")
        return asked(quarantine, pairs, **options)

    monkeypatch.setattr(Quarantine, "changes", changes)
    outcome = repo.review(from_branch("top"), from_branch("small"))
    assert actions(outcome) == {"top": "escalate", "small": "merge"}
    assert "time ran out" in findings_of(outcome, "top")["objects_unreadable"]["message"]
