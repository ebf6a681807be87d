"""A stale bundle on the target's tip: what comes along, what does not, and when there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.collect import from_branch, from_bundle_file
from agentd.conflicts.bundles.intake import Intake
from agentd.conflicts.freshness import Freshness
from agentd.conflicts.git.names import CommitId
from agentd.conflicts.policy.policy import Limits, Policy
from agentd.conflicts.proposals.rebase import NotRebased, Rebased, rebase
from agentd.conflicts.review import open_workplace
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    findings_of,
    numbered,
    only,
    patch_bundle,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]


def rebased(repo: Repo, bundle: Bundle, target: str = "main") -> Rebased | NotRebased:
    workplace = open_workplace(repo.path, repo.home)
    tip = CommitId(repo.head(target))
    intake = Intake(
        repository=workplace.repository,
        quarantine=workplace.quarantine,
        target=tip,
        limits=Limits(),
    )
    return rebase(intake.take(bundle), workplace.quarantine, tip, Policy.default())


@pytest.fixture
def moved_on(make_repo: MakeRepo) -> tuple[Repo, str]:
    """A repository whose target changed the end of a file since the base that is returned."""
    repo = make_repo({"a.txt": numbered(30), "b.txt": "b\n"})
    base = repo.head()
    repo.commit("the target's change", {"a.txt": numbered(30, {28: "target\n"})})
    return repo, base


def bundle_of(repo: Repo, base: str, files: Mapping[str, FileContent], **fields: object) -> Bundle:
    return patch_bundle("codex", repo.patch_of(files, base), base, **fields)


def test_a_stale_clean_bundle_comes_onto_the_tip(moved_on: tuple[Repo, str]) -> None:
    repo, base = moved_on
    old = bundle_of(
        repo,
        base,
        {"a.txt": numbered(30, {3: "mine\n"})},
        intent="mend line 3",
        verification=["make test: passed"],
        assumptions=["path_exists:b.txt"],
        confidence="high",
        ticket="T-1",
    )
    outcome = rebased(repo, old)
    assert isinstance(outcome, Rebased)
    said = outcome.offer.to_json()
    assert said["base_revision"] == f"git:{repo.head('main')}"
    assert (said["owner"], said["provider"], said["intent"]) == ("codex", "test", "mend line 3")
    assert (said["assumptions"], said["confidence"]) == (["path_exists:b.txt"], 0.75)
    assert said["ticket"] == "T-1"
    assert "verification" not in said
    assert said["supersedes"] == [outcome.original]
    assert said["derived_from"] == {"bundle_id": outcome.original, "base_revision": f"git:{base}"}
    assert said["touched_paths"] == ["a.txt"]
    assert said["diff_summary"] == "1 file, +1 -1"
    assert outcome.offer.bundle_id != outcome.original


def test_the_review_takes_the_new_one_where_it_sent_the_old_one_back(
    moved_on: tuple[Repo, str], tmp_path: Path
) -> None:
    repo, base = moved_on
    old = bundle_of(repo, base, {"a.txt": numbered(30, {3: "mine\n"})})
    assert actions(repo.review(old)) == {"codex": "rebase"}
    outcome = rebased(repo, old)
    assert isinstance(outcome, Rebased)
    file = tmp_path / "rebased.json"
    file.write_text(json.dumps(outcome.offer.to_json()))
    reviewed = repo.review(from_bundle_file(file))
    assert actions(reviewed) == {"codex": "merge"}
    assert only(reviewed.record["bundles"])["bundle_id"] == outcome.offer.bundle_id
    assert reviewed.record["integration"]["tree"] == outcome.offer.tree
    merged = numbered(30, {3: "mine\n", 28: "target\n"})
    reviewed = repo.review(from_bundle_file(file), apply=True, branch="landed")
    assert repo.show("landed", "a.txt") == merged


def test_a_conflicting_one_goes_back_with_the_evidence(moved_on: tuple[Repo, str]) -> None:
    repo, base = moved_on
    outcome = rebased(repo, bundle_of(repo, base, {"a.txt": numbered(30, {28: "mine\n"})}))
    assert isinstance(outcome, NotRebased)
    assert outcome.freshness is Freshness.STALE_CONFLICTING
    finding = only(outcome.findings)
    assert finding.path == "a.txt"
    assert "the target's change" in finding.message


def test_one_in_step_needs_nothing(moved_on: tuple[Repo, str]) -> None:
    repo, _ = moved_on
    outcome = rebased(repo, bundle_of(repo, "main", {"b.txt": "c\n"}))
    assert outcome == NotRebased(outcome.original, Freshness.IN_STEP, ())


def test_one_that_has_landed_is_told_so(moved_on: tuple[Repo, str]) -> None:
    repo, base = moved_on
    outcome = rebased(repo, bundle_of(repo, base, {"a.txt": numbered(30, {28: "target\n"})}))
    assert isinstance(outcome, NotRebased)
    assert outcome.freshness is Freshness.ALREADY_IN_TARGET


def test_a_damaged_one_is_not_rebased(moved_on: tuple[Repo, str]) -> None:
    repo, base = moved_on
    broken = repo.patch_of({"a.txt": numbered(30, {3: "mine\n"})}, base)
    outcome = rebased(repo, patch_bundle("codex", broken.replace(b" line 2", b" line 0"), base))
    assert isinstance(outcome, NotRebased)
    assert outcome.findings
    assert outcome.freshness is Freshness.UNKNOWN


def test_a_branch_follows_a_rename_of_the_targets(make_repo: MakeRepo) -> None:
    repo = make_repo({"old.txt": numbered(40)})
    repo.branch("agy", {"old.txt": numbered(40, {5: "mine\n"})})
    repo.commit("rename", {"old.txt": None, "new.txt": numbered(40)})
    outcome = rebased(repo, from_branch("agy"))
    assert isinstance(outcome, Rebased)
    assert outcome.offer.said["touched_paths"] == ["new.txt"]


def test_a_patch_that_is_no_text_goes_into_a_file(make_repo: MakeRepo, tmp_path: Path) -> None:
    latin = "caf\u00e9 {}\n".encode("latin-1")
    before = b"".join(latin.replace(b"{}", str(n).encode()) for n in range(20))
    repo = make_repo({"a.txt": before, "b.txt": "b\n"})
    repo.branch("agy", {"a.txt": before.replace(b" 3\n", b" three\n")})
    repo.commit("elsewhere", {"b.txt": "c\n"})
    outcome = rebased(repo, from_branch("agy"))
    assert isinstance(outcome, Rebased)
    assert not outcome.offer.is_text
    patch_file = tmp_path / "agy.patch"
    patch_file.write_bytes(outcome.offer.patch)
    (tmp_path / "agy.json").write_text(json.dumps(outcome.offer.to_json(patch_file)))
    reviewed = repo.review(from_bundle_file(tmp_path / "agy.json"), readable=(tmp_path,))
    assert actions(reviewed) == {"agy": "merge"}, findings_of(reviewed, "agy")
    assert only(reviewed.record["bundles"])["bundle_id"] == outcome.offer.bundle_id


def test_what_only_the_lines_make_of_it_is_not_offered(make_repo: MakeRepo) -> None:
    """The target took away what the bundle newly uses, in another file."""
    repo = make_repo({"store.py": "def load():\n    return 1\n", "app.py": "print(1)\n"})
    base = repo.head()
    repo.commit("Rename load", {"store.py": "def read():\n    return 1\n"})
    bundle = bundle_of(repo, base, {"app.py": "from store import load\n\nprint(load())\n"})
    outcome = rebased(repo, bundle)
    assert isinstance(outcome, NotRebased)
    assert outcome.freshness is Freshness.STALE_CLEAN
    assert {found.symbol for found in outcome.findings} == {"load"}
    assert "Rename load" in outcome.findings[0].message
