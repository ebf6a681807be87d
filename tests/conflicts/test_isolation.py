"""Judging writes nothing into the user's repository, and nothing of his can sway or run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.bundles.bundle import Bundle, Source, SourceKind
from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.bundles.parsing import parse_bundle
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    numbered,
    object_bundle,
    patch_bundle,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
TWENTY = numbered(20)
SEVEN = {"a.txt": numbered(20, {7: "seven\n"})}
OTHER_SEVEN = {"a.txt": numbered(20, {7: "SEVEN\n"})}


def test_a_review_leaves_the_repository_as_it_was(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY, "b.txt": "b\n"})
    repo.branch("one", SEVEN)
    repo.branch("two", OTHER_SEVEN)
    patch = repo.patch_of({"b.txt": "B\n"})
    repo.write({"b.txt": "not committed\n", "untracked": "x"})
    before = repo.fingerprint()
    worktree = parse_bundle(
        {"worktree": str(repo.path)}, source=Source(SourceKind.BUNDLE_FILE, "w"), owner="w"
    )
    outcome = repo.review(
        from_branch("one"), from_branch("two"), patch_bundle("p", patch), worktree
    )
    assert outcome.record["integration"] is not None
    assert repo.fingerprint() == before


def test_attributes_and_drivers_of_the_user_do_not_count(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo = make_repo({"a.txt": TWENTY})
    repo.branch("one", SEVEN)
    repo.branch("two", OTHER_SEVEN)
    proof = tmp_path / "ran"
    repo.git("config", "merge.evil.driver", f"touch {proof}; true")
    (repo.path / ".git" / "info").mkdir(exist_ok=True)
    (repo.path / ".git" / "info" / "attributes").write_text("*.txt merge=evil\n")
    repo.write({".gitattributes": "*.txt merge=union\n"})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert actions(outcome) == {"one": "merge", "two": "rebase"}
    assert not proof.exists()


def test_attributes_of_the_target_may_forbid_merging_by_lines(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "locks/x.lock": TWENTY,
            "a.txt": TWENTY,
            ".gitattributes": "*.lock -merge\na.txt merge=union\n",
        }
    )
    repo.branch("one", {"locks/x.lock": numbered(20, {2: "two\n"}), "a.txt": SEVEN["a.txt"]})
    repo.branch("two", {"locks/x.lock": numbered(20, {18: "eighteen\n"})})
    repo.branch("three", OTHER_SEVEN)
    outcome = repo.review(*(from_branch(name) for name in ("one", "two", "three")))
    # git's own union would keep both sevens; the policy has not declared the file.
    edges = {frozenset((edge["left"], edge["right"])) for edge in outcome.record["edges"]}
    ids = {each["owner"]: each["bundle_id"] for each in outcome.record["bundles"]}
    assert edges == {
        frozenset((ids["one"], ids["two"])),
        frozenset((ids["one"], ids["three"])),
    }


def test_no_hook_and_no_filter_runs_even_when_landing(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"a.txt": TWENTY})
    proof = tmp_path / "ran"
    for name in ("reference-transaction", "post-update", "update", "post-checkout", "pre-commit"):
        hook = repo.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {proof}\n")
        hook.chmod(0o755)
    repo.git("config", "filter.evil.clean", f"touch {proof}; cat")
    repo.git("config", "core.fsmonitor", f"touch {proof}")
    (repo.path / ".git" / "info").mkdir(exist_ok=True)
    (repo.path / ".git" / "info" / "attributes").write_text("* filter=evil\n")
    repo.write({"a.txt": SEVEN["a.txt"]})
    worktree = parse_bundle(
        {"worktree": str(repo.path)}, source=Source(SourceKind.BUNDLE_FILE, "w"), owner="w"
    )
    outcome = repo.review(worktree, apply=True)
    assert outcome.landed is not None
    assert not proof.exists()


def test_variables_of_a_hook_s_environment_do_not_count(
    make_repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo({"a.txt": TWENTY})
    repo.branch("one", SEVEN)
    other = Repo.create(tmp_path / "other", tmp_path / "home", {"z": "z"})
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no-index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "no-objects"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "maybe")
    assert actions(repo.review(from_branch("one"))) == {"one": "merge"}


@pytest.mark.parametrize("where", ["worktree", "patch_file", "head_revision", "touched_paths"])
def test_names_that_lead_nowhere_are_findings(where: str, make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    repo.branch("fine", SEVEN)
    (repo.path / "circle").symlink_to("circle")
    os.mkfifo(repo.path / "pipe")
    names = ["a\0b", "circle", "pipe", "n" * 3_000, "/".join(["d" * 200] * 15), "~", "\udcff"]
    bundles = [
        object_bundle(f"agent-{number}", {where: [name] if where == "touched_paths" else name})
        for number, name in enumerate(names)
    ]
    outcome = repo.review(from_branch("fine"), *bundles)
    decided = actions(outcome)
    assert decided.pop("fine") == "merge"
    assert set(decided.values()) <= {"reject", "wait"}
    assert len(decided) == len(names)


def test_patch_files_outside_of_the_repository_are_not_read(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo = make_repo({"a.txt": TWENTY})
    secret = tmp_path / "secret.diff"
    patch = repo.patch_of(SEVEN)
    secret.write_bytes(patch)
    (repo.path / "link.diff").symlink_to(secret)
    (repo.path / "fine.diff").write_bytes(patch)
    repo.git("config", "--local", "agentd.test", "secret")

    def bundle(owner: str, path: str) -> Bundle:
        return parse_bundle(
            {"patch_file": path}, source=Source(SourceKind.EVENT, owner), owner=owner
        )

    names = {
        "absolute": str(secret),
        "relative": os.path.relpath(secret, repo.path),
        "link": "link.diff",
        "config": ".git/config",
        "missing": "nothing.diff",
        "fine": "fine.diff",
    }
    outcome = repo.review(*(bundle(owner, path) for owner, path in names.items()))
    kinds = {
        each["owner"]: {
            found["kind"]
            for found in outcome.record["findings"]
            if each["bundle_id"] in found["bundles"] and found["severity"] == "error"
        }
        for each in outcome.record["bundles"]
    }
    assert kinds == {
        "absolute": {"path_outside_repository"},
        "relative": {"path_outside_repository"},
        "link": {"path_outside_repository"},
        "config": {"path_outside_repository"},
        "missing": {"change_unreadable"},
        "fine": set(),
    }


def test_a_worktree_that_is_none_of_the_repository_s_is_not_read(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo = make_repo({"a.txt": TWENTY})
    (tmp_path / "elsewhere").mkdir()
    bundle = parse_bundle(
        {"worktree": str(tmp_path / "elsewhere")},
        source=Source(SourceKind.EVENT, "e"),
        owner="sly",
    )
    outcome = repo.review(bundle)
    assert actions(outcome) == {"sly": "reject"}
    assert outcome.record["findings"][0]["kind"] == "path_outside_repository"


def test_hostile_fields_are_findings_and_not_tracebacks(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": TWENTY})
    raw = {
        "owner": 7,
        "base_revision": ["HEAD"],
        "touched_paths": {"a": 1},
        "intent": {"deep": [1]},
        "confidence": "certain",
        "verification": 3,
        "assumptions": [1, 2],
        "patch": {"not": "text"},
        "head_revision": None,
        "alternative_of": [],
        "nested": {"a": {"b": {"c": {"d": {"e": "f"}}}}},
    }
    bundle = parse_bundle(raw, source=Source(SourceKind.EVENT, "e"), owner="odd")
    outcome = repo.review(
        bundle,
        parse_bundle(
            {"base_revision": "--all\n", "head_revision": "-rf", "touched_paths": ["../../etc"]},
            source=Source(SourceKind.EVENT, "f"),
            owner="\x1b[31mred\x1b[0m\n<x>",
        ),
        patch_bundle("fine", repo.patch_of(SEVEN)),
    )
    assert actions(outcome)["fine"] == "merge"
    fields = {
        found["evidence"]["field"]
        for found in outcome.record["findings"]
        if found["kind"] == "bad_field"
    }
    assert fields >= {"owner", "base_revision", "touched_paths", "confidence", "patch", "intent"}
