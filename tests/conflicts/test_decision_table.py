"""The coordinator's table: each situation with locks and bundles, and the action that it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agentd.conflicts.bundles.collect import from_branch
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
    findings_of,
    first_reasons,
    numbered,
    object_bundle,
    patch_bundle,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
TWENTY = numbered(20)
SEVEN = {"a.txt": numbered(20, {7: "seven\n"})}
OTHER_SEVEN = {"a.txt": numbered(20, {7: "SEVEN\n"})}
FIFTEEN = {"a.txt": numbered(20, {15: "fifteen\n"})}


def metadata(repo: Repo, files: Mapping[str, FileContent], **more: Any) -> dict[str, Any]:
    """A bundle as agents put it into a lock or an event."""
    return {
        "base_revision": f"git:{repo.head('main')}",
        "touched_paths": sorted(files),
        "patch": repo.patch_of(files).decode(),
        **more,
    }


def policy(text: str) -> dict[str, FileContent]:
    return {"a.txt": TWENTY, ".agentd/review.toml": text}


def test_incompatible_change_of_a_locked_file_waits_for_the_holder(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    # The second is the more confident one; the first lock counts more.
    daemon.lock("file:a.txt", "codex", metadata(repo, SEVEN, confidence="low"))
    daemon.commit("result", "antigravity", metadata(repo, OTHER_SEVEN, confidence="high"))
    outcome = repo.review(daemon=daemon)
    assert actions(outcome) == {"codex": "merge", "antigravity": "wait"}
    reason = all_reasons(outcome)["antigravity"][0]
    assert reason["reason"] == "conflicts_with_holder"
    assert "codex holds file:a.txt until 2026-09-21T14:06:40Z" in reason["message"]
    assert "a.txt:7" in reason["message"]
    assert reason["evidence"]["holder"]["owner"] == "codex"
    (hunk,) = reason["evidence"]["hunks"]
    assert {tuple(hunk[side]["added"]) for side in ("left", "right")} == {("seven",), ("SEVEN",)}
    assert "first_lock" in [each["reason"] for each in all_reasons(outcome)["codex"]]


def test_compatible_changes_of_a_locked_file_both_merge(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.lock("file:a.txt", "codex", metadata(repo, SEVEN))
    daemon.commit("result", "antigravity", metadata(repo, FIFTEEN))
    outcome = repo.review(daemon=daemon)
    assert actions(outcome) == {"codex": "merge", "antigravity": "merge"}


def test_without_a_live_lock_the_loser_rebases(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.release(daemon.lock("file:a.txt", "codex", metadata(repo, SEVEN)))
    daemon.commit("result", "antigravity", metadata(repo, OTHER_SEVEN, confidence="high"))
    outcome = repo.review(daemon=daemon)
    assert actions(outcome) == {"codex": "merge", "antigravity": "rebase"}
    assert first_reasons(outcome)["antigravity"] == "conflicts_with_merged"


def test_a_holder_without_a_change_makes_others_wait(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.lock("file:a.txt", "codex", {"intent": "edit", "touched_paths": ["a.txt"]})
    daemon.commit("intent", "antigravity", {"intent": "rewrite", "touched_paths": ["a.txt"]})
    daemon.commit("result", "deepseek", metadata(repo, SEVEN), node="node-2")
    outcome = repo.review(daemon=daemon)
    assert actions(outcome) == {"codex": "wait", "antigravity": "wait", "deepseek": "wait"}
    assert first_reasons(outcome) == {
        "codex": "no_change_yet",
        "antigravity": "lock_held",
        "deepseek": "lock_held",
    }
    assert "declared_overlap" in findings_of(outcome, "antigravity")


def test_a_lock_on_a_directory_covers_its_files(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"src/a.txt": TWENTY}), FakeDaemon()
    daemon.lock("dir:src", "codex", {})
    change = {"src/a.txt": numbered(20, {7: "seven\n"})}
    outcome = repo.review(patch_bundle("other", repo.patch_of(change)), daemon=daemon)
    assert first_reasons(outcome) == {"other": "lock_held"}


def test_locks_of_other_repositories_and_shared_ones_hold_nobody_up(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.lock("file:a.txt", "codex", {"intent": "edit"}, namespace="/some/where/else")
    daemon.lock("file:a.txt", "reader", {}, mode="shared")
    outcome = repo.review(patch_bundle("other", repo.patch_of(SEVEN)), daemon=daemon)
    assert actions(outcome) == {"other": "merge"}


def test_stale_base_is_sent_back_with_the_commits_that_matter(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY, "b.txt": "b\n"})
    repo.branch("work", SEVEN)
    repo.commit("unrelated", {"b.txt": "B\n"})
    relevant = repo.commit("touches a", FIFTEEN)
    outcome = repo.review(from_branch("work"))
    assert actions(outcome) == {"work": "rebase"}
    reason = all_reasons(outcome)["work"][0]
    assert reason["reason"] == "stale_base"
    assert [each["commit"] for each in reason["evidence"]["commits"]] == [relevant]
    assert reason["evidence"]["behind"] == 2
    assert "--allow-stale-clean" in reason["message"]


def test_stale_but_clean_merges_where_that_is_allowed(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    repo.branch("work", SEVEN)
    repo.commit("moves on", FIFTEEN)
    outcome = repo.review(from_branch("work"), allow_stale_clean=True, apply=True)
    assert actions(outcome) == {"work": "merge"}
    assert "stale_clean" in findings_of(outcome, "work")
    landed = repo.show(outcome.record["integration"]["ref"], "a.txt")
    assert landed == numbered(20, {7: "seven\n", 15: "fifteen\n"})


def test_stale_and_conflicting_comes_back_even_where_stale_is_allowed(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    repo.branch("work", SEVEN)
    culprit = repo.commit("the other seven", OTHER_SEVEN)
    outcome = repo.review(from_branch("work"), allow_stale_clean=True)
    assert first_reasons(outcome) == {"work": "stale_conflict"}
    reason = all_reasons(outcome)["work"][0]
    assert reason["evidence"]["commits"][0]["commit"] == culprit
    (hunk,) = reason["evidence"]["hunks"]
    assert (hunk["left"]["added"], hunk["right"]["added"]) == (["seven"], ["SEVEN"])


def test_failed_verification_is_rejected_with_its_output(make_repo: MakeRepo) -> None:
    repo = make_repo(
        policy(
            '[verification]\ncommands = ["! grep -q broken a.txt || { echo found it; false; }"]\n'
        )
    )
    repo.branch("good", SEVEN)
    repo.branch("bad", {"a.txt": numbered(20, {15: "broken\n"})})
    outcome = repo.review(from_branch("good"), from_branch("bad"))
    assert actions(outcome) == {"good": "merge", "bad": "reject"}
    reason = all_reasons(outcome)["bad"][0]
    assert reason["reason"] == "verification_failed"
    assert "found it" in reason["evidence"]["output_tail"]
    assert first_reasons(outcome)["good"] == "verified"


def test_a_bundle_s_own_claim_of_failure_is_enough(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    claim = [{"command": "pytest", "status": "failed", "output": "2 failed"}]
    outcome = repo.review(patch_bundle("honest", repo.patch_of(SEVEN), verification=claim))
    assert first_reasons(outcome) == {"honest": "claimed_failure"}
    assert "2 failed" in all_reasons(outcome)["honest"][0]["message"]


def test_two_that_fail_only_together(make_repo: MakeRepo) -> None:
    repo = make_repo(policy('[verification]\ncommands = ["! { test -e one && test -e two; }"]\n'))
    for name in ("zero", "one", "two", "three"):
        repo.branch(name, {name: name})
    outcome = repo.review(*(from_branch(name) for name in ("zero", "one", "two", "three")))
    assert actions(outcome) == {"zero": "merge", "one": "merge", "two": "reject", "three": "merge"}
    reason = all_reasons(outcome)["two"][0]
    assert reason["reason"] == "fails_together"
    assert "together with one" in reason["message"]


def test_who_lost_to_a_bundle_that_breaks_the_checks_gets_its_turn(make_repo: MakeRepo) -> None:
    repo = make_repo(policy('[verification]\ncommands = ["! grep -q seven a.txt"]\n'))
    repo.branch("first", SEVEN)
    repo.branch("second", OTHER_SEVEN)
    outcome = repo.review(from_branch("first"), from_branch("second"))
    assert actions(outcome) == {"first": "reject", "second": "merge"}


def test_a_failure_of_the_target_is_nobody_s_fault(make_repo: MakeRepo) -> None:
    repo = make_repo(policy('[verification]\ncommands = ["true", "false"]\n'))
    repo.branch("work", SEVEN)
    outcome = repo.review(from_branch("work"))
    assert actions(outcome) == {"work": "merge"}
    kinds = {found["kind"] for found in outcome.record["findings"]}
    assert "verification_broken_before" in kinds


@pytest.mark.parametrize("required", [True, False])
def test_a_flaky_gate_evicts_nobody(required: bool, make_repo: MakeRepo, tmp_path: Path) -> None:
    """It fails when it first sees a tree, and passes ever after."""
    (tmp_path / "seen").mkdir()
    mark = f"{tmp_path}/seen/$(cat *.txt | cksum | cut -c1-9)"
    gate = f"test -e {mark} || (touch {mark}; false)"
    wanted = f"required = {str(required).lower()}\n"
    repo = make_repo(policy(f'[verification]\n{wanted}commands = ["{gate}"]\n'))
    repo.branch("one", SEVEN)
    repo.branch("two", {"b.txt": "b\n"})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    action = "escalate" if required else "merge"
    assert actions(outcome) == {"one": action, "two": action}
    assert {run["status"] for run in outcome.record["verification"]} == {"flaky"}
    assert "verification_flaky" in {found["kind"] for found in outcome.record["findings"]}


def test_a_command_that_never_ends_is_said_to_be_too_slow(make_repo: MakeRepo) -> None:
    limits = "timeout_secs = 1\nflaky_reruns = 0\n"
    gate = "if test -e slow; then sleep 600; fi"
    repo = make_repo(policy(f'[verification]\n{limits}commands = ["{gate}"]\n'))
    repo.branch("work", {"slow": "x\n"})
    outcome = repo.review(from_branch("work"))
    (reason,) = all_reasons(outcome)["work"]
    assert reason["reason"] == "verification_failed"
    assert "does not end within 1 s with its change alone" in reason["message"]


def test_nothing_is_called_verified_where_nothing_ran(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    outcome = repo.review(patch_bundle("x", repo.patch_of(SEVEN), verification=["pytest: passed"]))
    assert actions(outcome) == {"x": "merge"}
    assert first_reasons(outcome) == {"x": "unverified"}


def test_required_verification_that_cannot_be_had_is_for_a_person(make_repo: MakeRepo) -> None:
    repo = make_repo(
        policy('[verification]\nrequired = true\nallow_bundle_commands = ["make test"]\n')
    )
    repo.branch("work", SEVEN)
    outcome = repo.review(from_branch("work"))
    assert first_reasons(outcome) == {"work": "verification_unknown"}
    assert actions(outcome) == {"work": "escalate"}
    assert outcome.record["integration"] is None


def test_a_bundle_s_own_command_runs_only_where_the_policy_allows_it(make_repo: MakeRepo) -> None:
    repo = make_repo(policy('[verification]\nallow_bundle_commands = ["test -e *"]\n'))
    claims = ["test -e one", "touch /tmp/never-run"]
    one = patch_bundle("one", repo.patch_of({"one": "1"}), verification=claims)
    two = patch_bundle("two", repo.patch_of({"two": "2"}), verification=["test -e missing"])
    outcome = repo.review(one, two)
    assert actions(outcome) == {"one": "merge", "two": "reject"}
    assert {run["command"] for run in outcome.record["verification"]} == {
        "test -e one",
        "test -e missing",
    }


def test_a_generated_file_has_one_owner(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            **policy('[[generated]]\npaths = ["api.json"]\nregenerate = "make api"\n'),
            "api.json": TWENTY,
        }
    )
    # The lines are far apart: git would merge them.
    repo.branch("one", {"api.json": numbered(20, {2: "two\n"})})
    repo.branch("two", {"api.json": numbered(20, {18: "eighteen\n"})})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert actions(outcome) == {"one": "merge", "two": "reject"}
    reason = all_reasons(outcome)["two"][0]
    assert reason["reason"] == "regenerate_after_merge"
    assert "make api" in reason["message"]


def test_at_most_one_of_several_alternatives_wins(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    bundles = [
        patch_bundle(name, repo.patch_of({name: name}), alternative_of="job", confidence=value)
        for name, value in (("low", 0.2), ("best", 0.9), ("middling", 0.5))
    ]
    outcome = repo.review(*bundles)
    assert actions(outcome) == {"low": "reject", "best": "merge", "middling": "reject"}
    assert first_reasons(outcome)["low"] == "alternative_lost"


def test_facts_of_one_node_by_two_owners_are_alternatives(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.commit("result", "codex", metadata(repo, SEVEN, confidence="high"))
    daemon.commit("result", "gemini", metadata(repo, FIFTEEN, confidence="low"))
    assert actions(repo.review(daemon=daemon)) == {"codex": "merge", "gemini": "reject"}


def test_paths_that_the_policy_forbids_or_holds(make_repo: MakeRepo) -> None:
    repo = make_repo(policy('[paths]\nforbidden = ["secrets/**"]\nheld = ["infra/**"]\n'))
    repo.branch("secret", {"secrets/key": "k\n"})
    repo.branch("infra", {"infra/main.tf": "x\n"})
    repo.branch("rules", {".agentd/review.toml": ""})
    repo.branch("fine", SEVEN)
    outcome = repo.review(*(from_branch(name) for name in ("secret", "infra", "rules", "fine")))
    assert first_reasons(outcome) == {
        "secret": "forbidden",
        "infra": "held_for_grant",
        "rules": "held_for_grant",
        "fine": "unverified",
    }
    assert actions(outcome)["infra"] == "escalate"


def test_priorities_of_the_policy_count_more_than_confidence(make_repo: MakeRepo) -> None:
    repo = make_repo(policy('[selection]\nowner_priority = ["boss"]\n'))
    boss = patch_bundle("boss", repo.patch_of(SEVEN), confidence="low")
    eager = patch_bundle("eager", repo.patch_of(OTHER_SEVEN), confidence=1.0)
    assert actions(repo.review(eager, boss)) == {"boss": "merge", "eager": "rebase"}


def test_both_sides_are_kept_only_in_files_that_the_policy_names(make_repo: MakeRepo) -> None:
    repo = make_repo({**policy('[merge]\nunion = ["CHANGES.md"]\n'), "CHANGES.md": "# Changes\n"})
    repo.branch("one", {"CHANGES.md": "# Changes\n- one\n"})
    repo.branch("two", {"CHANGES.md": "# Changes\n- two\n"})
    outcome = repo.review(from_branch("one"), from_branch("two"), apply=True)
    assert actions(outcome) == {"one": "merge", "two": "merge"}
    landed = repo.show(outcome.record["integration"]["ref"], "CHANGES.md")
    assert sorted(landed.splitlines()) == ["# Changes", "- one", "- two"]


def test_unknown_base_and_unknown_revision(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    outcome = repo.review(
        patch_bundle("lost", repo.patch_of(SEVEN), "git:0123456789012345678901234567890123456789"),
        from_branch("no-such-branch"),
        patch_bundle("fine", repo.patch_of(FIFTEEN)),
    )
    assert actions(outcome) == {"lost": "reject", "no-such-branch": "reject", "fine": "merge"}
    assert "unknown_base" in findings_of(outcome, "lost")
    assert "unknown_revision" in findings_of(outcome, "no-such-branch")


def test_what_is_in_the_target_already(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    made = metadata(repo, SEVEN)
    daemon.commit("result", "codex", made)
    landing = repo.commit("landed by hand", SEVEN)
    outcome = repo.review(object_bundle("again", made), daemon=daemon)
    # What the journal remembers is closed; what somebody names is answered.
    assert first_reasons(outcome) == {"again": "already_in_target"}
    assert landing[:12] in all_reasons(outcome)["again"][0]["message"]
    assert [each["owner"] for each in outcome.record["closed"]] == ["codex"]


def test_declared_paths_are_held_against_the_real_ones(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    patch = repo.patch_of({**SEVEN, "b.txt": "b\n"})
    outcome = repo.review(patch_bundle("sly", patch, touched_paths=["a.txt", "docs"]))
    evidence = findings_of(outcome, "sly")["misdeclared"]["evidence"]
    assert evidence == {"undeclared": ["b.txt"], "untouched": ["docs"]}
    assert actions(outcome) == {"sly": "merge"}


def test_an_alternative_of_a_node_or_of_a_bundle(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.commit("result", "codex", metadata(repo, SEVEN, confidence="high"), node="node-9")
    rival = patch_bundle("rival", repo.patch_of(FIFTEEN), alternative_of="node-9", confidence="low")
    outcome = repo.review(rival, daemon=daemon)
    assert first_reasons(outcome)["rival"] == "alternative_lost"
    one = patch_bundle("one", repo.patch_of(SEVEN), confidence="high")
    (known,) = repo.review(one).record["bundles"]
    other = patch_bundle("other", repo.patch_of(FIFTEEN), alternative_of=known["bundle_id"])
    assert first_reasons(repo.review(one, other))["other"] == "alternative_lost"


def test_a_branch_that_was_merged_by_hand_is_closed(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    repo.branch("work", SEVEN)
    daemon.commit("result", "codex", {"head_revision": "work", "intent": "seven"})
    assert actions(repo.review(daemon=daemon)) == {"codex": "merge"}
    repo.git("merge", "--quiet", "--no-ff", "-m", "by hand", "work")
    repo.commit("and on", {"b.txt": "b\n"})
    outcome = repo.review(from_branch("work"), daemon=daemon)
    assert first_reasons(outcome) == {"work": "already_in_target"}
    assert [each["owner"] for each in outcome.record["closed"]] == ["codex"]


def test_what_a_holder_had_in_mind_is_no_bundle_once_its_lock_has_ended(
    make_repo: MakeRepo,
) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.release(daemon.lock("file:a.txt", "codex", {"intent": "edit"}))
    outcome = repo.review(patch_bundle("other", repo.patch_of(SEVEN)), daemon=daemon)
    assert actions(outcome) == {"other": "merge"}
    assert [each["owner"] for each in outcome.record["closed"]] == ["codex"]


def test_a_named_bundle_stands_for_what_its_owner_announced(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.lock("file:a.txt", "codex", {"intent": "say seven"})
    outcome = repo.review(patch_bundle("codex", repo.patch_of(SEVEN)), daemon=daemon)
    assert actions(outcome) == {"codex": "merge"}


def test_bundles_of_other_repositories_are_left_to_them(make_repo: MakeRepo) -> None:
    repo, daemon = make_repo({"a.txt": TWENTY}), FakeDaemon()
    daemon.commit("result", "codex", metadata(repo, SEVEN, namespace="/some/where/else"))
    daemon.commit("result", "agy", metadata(repo, SEVEN, namespace=str(repo.path)), node="node-2")
    outcome = repo.review(daemon=daemon)
    assert actions(outcome) == {"agy": "merge"}
