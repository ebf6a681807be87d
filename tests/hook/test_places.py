"""A path has the name that the rest of agentd calls it by, however it is spelled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentd.conflicts.bundles.whereabouts import find_worktree
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.repository import Repository
from agentd.core.resource_keys import normalise
from agentd.hook.places import Ground, head_commit
from tests.conflicts.repo_builder import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "shop", tmp_path / "home", {"src/app.py": "x\n", "a.py": "y\n"})


def keys(ground: Ground, path: str) -> list[str]:
    found = [place.resource_key for place in ground.places(path)]
    assert [normalise(key) for key in found] == found
    return found


@pytest.mark.parametrize(
    "spelling",
    [
        "src/app.py",
        "./src//app.py",
        "src/../src/app.py",
        "../shop/src/app.py",
        "{repo}/src/app.py",
        "{repo}/./src/../src/app.py",
    ],
)
def test_a_file_has_one_key(repo: Repo, spelling: str) -> None:
    ground = Ground(str(repo.path), "")
    assert keys(ground, spelling.format(repo=repo.path)) == ["file:src/app.py"]


def test_paths_start_where_the_agent_works(repo: Repo) -> None:
    assert keys(Ground(str(repo.path / "src"), ""), "app.py") == ["file:src/app.py"]
    assert keys(Ground(str(repo.path / "src"), ""), "../a.py") == ["file:a.py"]


def test_what_is_not_there_yet_has_a_key(repo: Repo) -> None:
    ground = Ground(str(repo.path), "")
    assert keys(ground, "new/deep/er.py") == ["file:new/deep/er.py"]
    assert keys(ground, "q\"uo'te\nnew\tline ü.py") == ["file:q\"uo'te\nnew\tline ü.py"]


def test_what_is_in_no_repository_is_nobody_s_business(repo: Repo, tmp_path: Path) -> None:
    ground = Ground(str(repo.path), "")
    assert keys(ground, str(tmp_path / "elsewhere.txt")) == []
    assert keys(ground, "../../../../../../etc/passwd") == []
    assert keys(ground, str(repo.path)) == []


def test_a_link_locks_itself_and_what_it_leads_to(repo: Repo, tmp_path: Path) -> None:
    (repo.path / "link.py").symlink_to("src/app.py")
    (repo.path / "sources").symlink_to("src")
    (repo.path / "out.py").symlink_to(tmp_path / "outside.py")
    ground = Ground(str(repo.path), "")
    assert keys(ground, "link.py") == ["file:link.py", "file:src/app.py"]
    assert keys(ground, "sources/app.py") == ["file:src/app.py"]
    assert keys(ground, "out.py") == ["file:out.py"]
    (tmp_path / "in.py").symlink_to(repo.path / "a.py")
    assert keys(ground, str(tmp_path / "in.py")) == ["file:a.py"]


def test_a_link_that_leads_to_itself_has_a_key(repo: Repo) -> None:
    (repo.path / "loop").symlink_to("loop")
    assert keys(Ground(str(repo.path), ""), "loop") == ["file:loop"]


def test_spellings_that_differ_in_case_are_two_files_where_the_system_says_so(repo: Repo) -> None:
    (repo.path / "App.py").write_text("1")
    (repo.path / "app.py").write_text("2")
    if (repo.path / "App.py").read_text() != "1":
        pytest.skip("this file system does not tell case apart")
    ground = Ground(str(repo.path), "")
    assert keys(ground, "App.py") == ["file:App.py"]
    assert keys(ground, "app.py") == ["file:app.py"]


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b"])
def test_what_no_system_takes_is_no_path(repo: Repo, path: str) -> None:
    with pytest.raises(ValueError, match=r"null byte|surrogates"):
        Ground(str(repo.path), "").places(path)


def same_as_the_referee(directory: Path, path: str) -> None:
    """The repository is named as everywhere else in agentd, and its commit is git's."""
    [place] = Ground(str(directory), "").places(path)
    repository = Repository(directory, GitProcess())
    assert place.repository.namespace == repository.namespace
    assert head_commit(place.repository) == repository.commit_of("HEAD")


def test_the_main_worktree(repo: Repo) -> None:
    same_as_the_referee(repo.path, "src/app.py")
    same_as_the_referee(repo.path / "src", "app.py")


def test_a_linked_worktree_has_the_names_of_the_main_one(repo: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", str(tmp_path / "tree"), "-b", "feature/one")
    same_as_the_referee(tmp_path / "tree", "a.py")
    [there] = Ground(str(tmp_path / "tree"), "").places("a.py")
    [here] = Ground(str(repo.path), "").places("a.py")
    assert (there.resource_key, there.repository.namespace) == (
        here.resource_key,
        here.repository.namespace,
    )
    # Also when an agent of the main worktree writes there.
    assert Ground(str(repo.path), "").places(str(tmp_path / "tree" / "a.py")) == (there,)


def test_a_linked_worktree_of_a_repository_with_a_line_break_in_its_name(tmp_path: Path) -> None:
    odd = Repo.create(tmp_path / "odd\nname", tmp_path / "home", {"a.py": "z\n"})
    odd.git("worktree", "add", "--quiet", str(odd.path / "nested" / "tree"), "-b", "feature/one")
    [place] = Ground(str(odd.path), "").places("nested/tree/a.py")
    assert place.resource_key == "file:a.py"
    assert place.repository.namespace == str(odd.path.resolve())
    found = find_worktree(odd.path / "nested" / "tree")
    assert found is not None
    assert found.namespace == place.repository.namespace


def test_a_home_directory_s_short_name_and_a_file_of_that_name(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(repo.path / "src"))
    assert keys(Ground(str(repo.path), ""), "~/app.py") == ["file:~/app.py", "file:src/app.py"]
    monkeypatch.setenv("HOME", "/nowhere")
    assert keys(Ground(str(repo.path), ""), "~/app.py") == ["file:~/app.py"]


def test_packed_and_detached_heads(repo: Repo) -> None:
    repo.git("pack-refs", "--all")
    same_as_the_referee(repo.path, "a.py")
    repo.git("checkout", "--quiet", "--detach")
    same_as_the_referee(repo.path, "a.py")


def test_a_branch_without_a_commit_has_none(tmp_path: Path, repo: Repo) -> None:
    repo.git("checkout", "--quiet", "--orphan", "fresh")
    [place] = Ground(str(repo.path), "").places("a.py")
    assert head_commit(place.repository) is None


def test_a_submodule_is_a_repository_of_its_own(repo: Repo, tmp_path: Path) -> None:
    Repo.create(tmp_path / "library", tmp_path / "home", {"lib.py": "z\n"})
    repo.git(
        *("-c", "protocol.file.allow=always", "submodule", "--quiet", "add"),
        *(str(tmp_path / "library"), "vendor"),
    )
    same_as_the_referee(repo.path / "vendor", "lib.py")
    [place] = Ground(str(repo.path), "").places("vendor/lib.py")
    assert place.resource_key == "file:lib.py"


def test_a_worktree_of_a_bare_repository(repo: Repo, tmp_path: Path) -> None:
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    tree = tmp_path / "tree"
    repo.git("worktree", "add", "--quiet", str(tree), "main", at=tmp_path / "bare.git")
    same_as_the_referee(tree, "a.py")


def test_what_only_looks_like_a_repository_is_none(repo: Repo) -> None:
    (repo.path / "src" / ".git").mkdir()
    assert keys(Ground(str(repo.path), ""), "src/app.py") == ["file:src/app.py"]
    os.rmdir(repo.path / "src" / ".git")
    (repo.path / "src" / ".git").write_text("gitdir: /nowhere\n")
    assert keys(Ground(str(repo.path), ""), "src/app.py") == ["file:src/app.py"]


def test_a_session_s_directory_without_git_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    ground = Ground(str(tmp_path / "plain"), str(tmp_path / "plain"))
    [place] = ground.places("sub/a.txt")
    assert place.resource_key == "file:sub/a.txt"
    assert place.repository.namespace == str((tmp_path / "plain").resolve())
    assert head_commit(place.repository) is None
