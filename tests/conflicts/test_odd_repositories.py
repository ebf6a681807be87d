"""Repositories as people have them: bare, linked, cloned cheaply, with strange names."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.conflicts.bundles.bundle import Source, SourceKind
from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.bundles.make_bundle import make_bundle
from agentd.conflicts.bundles.parsing import parse_bundle
from agentd.conflicts.review import open_workplace
from agentd.errors import AgentdError
from tests.conflicts.repo_builder import (
    Repo,
    actions,
    findings_of,
    numbered,
    object_bundle,
    patch_bundle,
)

TWENTY = numbered(20)
SEVEN = numbered(20, {7: "seven\n"})
FIFTEEN = numbered(20, {15: "fifteen\n"})


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo.create(tmp_path / "größe und mehr", tmp_path / "home", {"a.txt": TWENTY})
    made.branch("one", {"a.txt": SEVEN})
    return made


def test_a_path_with_spaces_that_is_not_ascii(repo: Repo) -> None:
    assert actions(repo.review(from_branch("one"), apply=True)) == {"one": "merge"}


def test_from_a_directory_inside(repo: Repo) -> None:
    (repo.path / "deep" / "er").mkdir(parents=True)
    outcome = repo.review(from_branch("one"), repository=repo.path / "deep" / "er")
    assert actions(outcome) == {"one": "merge"}
    assert outcome.record["repository"] == str(repo.path)


def test_a_bare_repository(repo: Repo, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(bare))
    outcome = repo.review(
        from_branch("one"), repository=bare, apply=True, onto_target=False, branch="result"
    )
    assert actions(outcome) == {"one": "merge"}
    assert repo.git("show", "result:a.txt", at=bare) + "\n" == SEVEN


def test_a_linked_worktree_is_the_same_repository(repo: Repo, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "--quiet", "-b", "two", str(linked))
    repo.write({"a.txt": FIFTEEN, "new file": "new\n"}, at=linked)
    bundle = object_bundle("worker", {"worktree": str(linked)})
    outcome = repo.review(from_branch("one"), bundle, repository=linked, target="main", apply=True)
    assert actions(outcome) == {"one": "merge", "worker": "merge"}
    assert outcome.record["repository"] == str(repo.path)
    assert repo.files(outcome.record["integration"]["ref"]) == {"a.txt", "new file"}
    assert repo.git("status", "--porcelain", at=linked) == ' M a.txt\n?? "new file"'


def test_a_clone_that_borrows_objects_itself(repo: Repo, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", "--shared", str(repo.path), str(clone))
    outcome = repo.review(from_branch("origin/one"), repository=clone, apply=True)
    assert actions(outcome) == {"origin/one": "merge"}


def test_a_shallow_clone(repo: Repo, tmp_path: Path) -> None:
    repo.commit("more", {"b.txt": "b\n"})
    repo.branch("late", {"a.txt": FIFTEEN})
    clone = tmp_path / "shallow"
    repo.git(
        "clone", "--quiet", "--depth=2", "--no-single-branch", f"file://{repo.path}", str(clone)
    )
    outcome = repo.review(from_branch("origin/late"), repository=clone)
    assert actions(outcome) == {"origin/late": "merge"}


def test_a_clone_too_shallow_to_reach_the_base(repo: Repo, tmp_path: Path) -> None:
    repo.commit("more", {"b.txt": "b\n"})
    clone = tmp_path / "shallow"
    repo.git(
        "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{repo.path}", str(clone)
    )
    outcome = repo.review(from_branch("origin/one"), repository=clone)
    assert "git fetch --unshallow" in findings_of(outcome, "origin/one")["unknown_base"]["message"]


def test_a_clone_without_blobs_is_told_how_to_get_them(repo: Repo, tmp_path: Path) -> None:
    clone = tmp_path / "partial"
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "--quiet", "--filter=blob:none", f"file://{repo.path}", str(clone))
    outcome = repo.review(from_branch("origin/one"), repository=clone)
    assert actions(outcome) == {"origin/one": "escalate"}
    found = findings_of(outcome, "origin/one")["objects_unreadable"]
    assert "git fetch --refetch --no-filter" in found["message"]
    repo.git("fetch", "--quiet", "--refetch", "--no-filter", "origin", at=clone)
    outcome = repo.review(from_branch("origin/one"), repository=clone)
    assert actions(outcome) == {"origin/one": "merge"}


def test_a_repository_of_sha256(tmp_path: Path) -> None:
    repo = Repo.create(
        tmp_path / "sha256", tmp_path / "home", {"a.txt": TWENTY}, "--object-format=sha256"
    )
    repo.branch("one", {"a.txt": SEVEN})
    patch = patch_bundle("two", repo.patch_of({"a.txt": FIFTEEN}), repo.head())
    outcome = repo.review(from_branch("one"), patch, apply=True)
    assert actions(outcome) == {"one": "merge", "two": "merge"}
    assert len(outcome.record["integration"]["commit"]) == 64


def test_paths_that_are_no_unicode(repo: Repo) -> None:
    name = "caf\udce9.txt"
    repo.branch("latin", {name: "x\n"})
    outcome = repo.review(from_branch("latin"), apply=True)
    assert actions(outcome) == {"latin": "merge"}
    assert name in repo.files(outcome.record["integration"]["ref"])


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_no_repository(path: str, tmp_path: Path) -> None:
    with pytest.raises(AgentdError) as refused:
        open_workplace(tmp_path / path, tmp_path / "home")
    assert refused.value.hint


def test_a_branch_without_common_history(repo: Repo) -> None:
    tree = repo.git("rev-parse", "one^{tree}")
    repo.git("branch", "orphan", repo.git("commit-tree", "-m", "orphan", tree))
    outcome = repo.review(from_branch("orphan"))
    assert "unknown_base" in findings_of(outcome, "orphan")


def test_a_base_that_is_not_in_the_target_s_history(repo: Repo) -> None:
    """Work that starts from somebody else's unmerged branch brings only its own change."""
    repo.branch("on-top", {"a.txt": numbered(20, {7: "seven\n", 15: "fifteen\n"})}, base="one")
    bundle = object_bundle(
        "on-top", {"head_revision": "on-top", "base_revision": f"git:{repo.head('one')}"}
    )
    outcome = repo.review(bundle, allow_stale_clean=True, apply=True)
    assert actions(outcome) == {"on-top": "merge"}
    ref = outcome.record["integration"]["ref"]
    assert repo.show(ref, "a.txt") == FIFTEEN
    assert not repo.succeeds("merge-base", "--is-ancestor", "one", ref)


def test_a_declared_base_that_the_branch_does_not_contain(repo: Repo) -> None:
    later = repo.commit("later", {"b.txt": "b\n"})
    outcome = repo.review(
        object_bundle("sly", {"head_revision": "one", "base_revision": f"git:{later}"}),
        allow_stale_clean=True,
        apply=True,
    )
    assert "misdeclared" in findings_of(outcome, "sly")
    # Taken at its word, the bundle would have deleted b.txt.
    assert repo.files(outcome.record["integration"]["ref"]) == {"a.txt", "b.txt"}


class TestMakeBundle:
    def test_uncommitted_and_untracked_files_are_in_it(self, repo: Repo) -> None:
        repo.git("checkout", "--quiet", "one")
        repo.write({"a.txt": numbered(20, {7: "seven\n", 9: "nine\n"}), "new": "x\n", "ig": "y"})
        (repo.path / ".git" / "info").mkdir(exist_ok=True)
        (repo.path / ".git" / "info" / "exclude").write_text("ig\n")
        workplace = open_workplace(repo.path, repo.home)
        before = repo.fingerprint()
        made = make_bundle(workplace, target="main")
        assert repo.fingerprint() == before
        assert made.dirty
        assert made.bundle["touched_paths"] == ["a.txt", "new"]
        assert made.bundle["base_revision"] == f"git:{repo.head('main')}"
        repo.git("checkout", "--quiet", "--force", "main")
        outcome = repo.review(object_bundle("me", made.bundle), apply=True)
        assert actions(outcome) == {"me": "merge"}
        assert repo.files(outcome.record["integration"]["ref"]) == {"a.txt", "new"}

    def test_what_is_no_text_goes_by_revision(self, repo: Repo) -> None:
        repo.branch("latin", {"l.txt": b"caf\xe9\n"})
        made = make_bundle(open_workplace(repo.path, repo.home), target="main", revision="latin")
        assert made.bundle["head_revision"] == f"git:{repo.head('latin')}"
        assert "patch" not in made.bundle
        assert b"caf\xe9" in made.patch

    def test_nothing_to_hand_in(self, repo: Repo) -> None:
        assert make_bundle(open_workplace(repo.path, repo.home), target="main").is_empty

    def test_unresolved_conflicts(self, repo: Repo) -> None:
        repo.commit("other", {"a.txt": numbered(20, {7: "SEVEN\n"})})
        assert not repo.succeeds("merge", "one")
        with pytest.raises(AgentdError, match="unresolved"):
            make_bundle(open_workplace(repo.path, repo.home))
        bundle = parse_bundle(
            {"worktree": "."}, source=Source(SourceKind.EVENT, "e"), owner="worker"
        )
        assert "unresolved_merge" in findings_of(repo.review(bundle), "worker")

    def test_worktrees_inside_the_worktree_are_left_out(self, repo: Repo) -> None:
        repo.git("worktree", "add", "--quiet", "-b", "inner", str(repo.path / "trees" / "inner"))
        repo.write({"b.txt": "b\n"})
        made = make_bundle(open_workplace(repo.path, repo.home))
        assert made.bundle["touched_paths"] == ["b.txt"]


@pytest.fixture
def crossed(tmp_path: Path) -> Repo:
    """Two branches that have merged each other and gone on; each changes what the other brought."""
    made = Repo.create(tmp_path / "work", tmp_path / "home", {"a.txt": TWENTY})
    made.branch("dev", {"a.txt": FIFTEEN})
    first = made.commit("main's own", {"a.txt": SEVEN})
    made.git("merge", "--quiet", "--no-edit", "dev")
    made.commit("main goes on", {"a.txt": numbered(20, {7: "seven\n", 15: "main's fifteen\n"})})
    made.git("checkout", "--quiet", "dev")
    made.git("merge", "--quiet", "--no-edit", first)
    made.commit("dev goes on", {"a.txt": numbered(20, {7: "dev's seven\n", 15: "fifteen\n"})})
    made.git("checkout", "--quiet", "main")
    return made


@pytest.mark.parametrize("declare", [False, True])
def test_several_merge_bases_are_merged_as_git_does(crossed: Repo, *, declare: bool) -> None:
    bases = crossed.git("merge-base", "--all", "main", "dev").split()
    assert len(bases) == 2
    bundle = from_branch("dev", base=bases[0] if declare else None)
    outcome = crossed.review(bundle, allow_stale_clean=True, apply=True, branch="result")
    assert actions(outcome) == {"dev": "merge"}
    git = crossed.git("merge-tree", "--write-tree", "main", "dev")
    assert outcome.record["integration"]["tree"] == git
    assert crossed.show("result", "a.txt") == numbered(
        20, {7: "dev's seven\n", 15: "main's fifteen\n"}
    )
    assert crossed.git("rev-parse", "result^2") == crossed.head("dev")
    assumed = findings_of(outcome, "dev")["base_assumed"]
    assert assumed["evidence"]["merge_bases"] == bases


def test_a_base_that_is_no_merge_base_is_taken_as_declared(crossed: Repo) -> None:
    crossed.git("branch", "older", "dev~1")
    outcome = crossed.review(from_branch("dev", base="older"), allow_stale_clean=True)
    (bundle,) = outcome.record["bundles"]
    assert bundle["base"]["commit"] == crossed.head("older")


def test_merge_bases_that_conflict_leave_marks_in_the_base(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "work", tmp_path / "home", {"a.txt": TWENTY})
    repo.branch("dev", {"a.txt": numbered(20, {7: "dev's\n"})})
    first = repo.commit("main's own", {"a.txt": numbered(20, {7: "main's\n"})})
    both = numbered(20, {7: "both\n"})
    repo.git("merge", "--quiet", "--no-commit", "--no-ff", "-s", "ours", "dev")
    repo.commit("merged by hand", {"a.txt": both})
    repo.git("checkout", "--quiet", "dev")
    repo.git("merge", "--quiet", "--no-commit", "--no-ff", "-s", "ours", first)
    repo.commit("merged by hand, too", {"a.txt": both, "new.txt": "new\n"})
    repo.git("checkout", "--quiet", "main")
    outcome = repo.review(from_branch("dev"), allow_stale_clean=True)
    assert actions(outcome) == {"dev": "merge"}
    assert outcome.record["integration"]["tree"] == repo.git(
        "merge-tree", "--write-tree", "main", "dev"
    )


def test_a_path_with_a_newline(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "two\nlines and more", tmp_path / "home", {"a.txt": TWENTY})
    repo.branch("one", {"a.txt": SEVEN})
    outcome = repo.review(from_branch("one"), apply=True)
    assert actions(outcome) == {"one": "merge"}
    assert outcome.record["repository"] == str(repo.path)
    assert outcome.landed is not None
    assert repo.show(outcome.landed.ref, "a.txt") == SEVEN


def test_a_repository_without_commits_has_no_target(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo", tmp_path / "home")
    repo.path.mkdir()
    repo.git("init", "--quiet")
    with pytest.raises(AgentdError) as failure:
        repo.review(patch_bundle("x", "--- a/a\n+++ b/a\n@@ -0,0 +1 @@\n+x\n"))
    assert failure.value.reason == "invalid_field"
    assert (failure.value.message, failure.value.hint) == (
        f"{repo.path} has no commit yet",
        "Commit something first: changes are compared on a commit.",
    )


def test_names_that_git_replaces_or_grafts_mean_what_they_are(repo: Repo) -> None:
    repo.commit("meanwhile", {"b.txt": "b\n"})
    repo.git("replace", repo.head("one"), repo.head("main"))
    (repo.path / ".git" / "info" / "grafts").write_text(f"{repo.head('main')}\n")
    outcome = repo.review(from_branch("one"), allow_stale_clean=True, apply=True)
    assert actions(outcome) == {"one": "merge"}
    assert outcome.landed is not None
    assert repo.show(outcome.landed.ref, "a.txt") == SEVEN
    assert repo.show(outcome.landed.ref, "b.txt") == "b\n"


def test_a_sparse_checkout_hides_nothing_from_a_review(repo: Repo) -> None:
    repo.commit("more", {"kept/k.txt": "k\n", "hidden/h.txt": TWENTY})
    repo.branch("two", {"hidden/h.txt": SEVEN})
    repo.git("sparse-checkout", "set", "kept")
    assert not (repo.path / "hidden").exists()
    outcome = repo.review(from_branch("two"), apply=True)
    assert actions(outcome) == {"two": "merge"}
    assert outcome.landed is not None
    assert repo.show(outcome.landed.ref, "hidden/h.txt") == SEVEN


def raw_tree(repo: Repo, *entries: tuple[str, str, str]) -> str:
    """A tree object of any names; git checks those of indexes and patches alone."""
    content = b"".join(
        f"{mode} {name}\0".encode() + bytes.fromhex(found) for mode, name, found in entries
    )
    return repo.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=content)


@pytest.mark.parametrize("name", [".", "..", ".git", ".GIT ", "git~1", ".g\u200cit", "x\\.git"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_tree_with_a_name_that_no_checkout_may_write(repo: Repo, name: str, deep: bool) -> None:
    inner = raw_tree(repo, ("100644", "config", repo.head("main:a.txt")))
    if deep:
        inner = raw_tree(repo, ("40000", "below", inner))
    odd = ("40000", name, inner)
    root = raw_tree(repo, *sorted([odd, ("100644", "a.txt", repo.head("main:a.txt"))], key=last))
    commit = repo.git("commit-tree", root, "-p", "main", "-m", "odd")
    repo.git("update-ref", "refs/heads/odd", commit)
    outcome = repo.review(from_branch("odd"), from_branch("one"))
    assert actions(outcome) == {"odd": "reject", "one": "merge"}
    assert "unsafe_path" in findings_of(outcome, "odd")


def last(entry: tuple[str, str, str]) -> bytes:
    return f"{entry[1]}{'/' if entry[0] == '40000' else ''}".encode()
