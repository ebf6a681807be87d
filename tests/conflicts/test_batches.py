"""Many questions to git in one call have the answers that one call each has."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.git.forks import merge_bases_of
from agentd.conflicts.git.names import CommitId, ObjectId, TreeId
from agentd.conflicts.git.process import GitProcess, GitResult
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.trees.edits import NewFile
from agentd.errors import AgentdError
from tests.conflicts.random_worlds import ObjectStore
from tests.conflicts.repo_builder import FileContent, Repo, actions, numbered, patch_bundle

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]


def quarantine_of(repo: Repo) -> Quarantine:
    return Quarantine(repo.home, Repository(repo.path, GitProcess()), GitProcess())


def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows with each call of git."""
    calls: list[str] = []
    run = GitProcess.run

    def counted(self: GitProcess, arguments: Sequence[str], **options: Any) -> GitResult:
        words = [each for each in arguments if not each.startswith("--git-dir")]
        calls.append(" ".join(words[:2]))
        return run(self, arguments, **options)

    monkeypatch.setattr(GitProcess, "run", counted)
    return calls


def test_the_number_of_git_calls_does_not_grow_with_that_of_the_bundles(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    start: dict[str, FileContent] = {f"src/m{n}.py": numbered(30) for n in range(40)}
    repo = make_repo({**start, "shared.txt": numbered(400)})
    repo.git("branch", "yesterday")
    repo.commit("today", {"today.txt": "today\n"})
    bundles = []
    for number in range(40):
        files: dict[str, FileContent] = {
            f"src/m{number}.py": numbered(30, {5: f"five = {number}\n"}),
            "shared.txt": numbered(400, {9 * number + 3: f"by {number}\n"}),
        }
        if number % 8 == 5:
            files["today.txt"] = f"not today, says {number}\n"  # Which conflicts with the target.
        base = "yesterday" if number % 4 in (1, 3) else "main"
        commit = repo.branch(f"b{number}", files, base)
        if number % 2:
            bundles.append(from_branch(f"b{number}"))
        else:
            patch = repo.diff(base, commit)
            bundles.append(patch_bundle(f"b{number}", patch, repo.head(base)))
    calls = count_calls(monkeypatch)
    made: list[Counter[str]] = []
    for count in (8, 40):
        calls.clear()
        repo.home = repo.home.with_name(f"home{count}")  # Where nothing is remembered.
        outcome = repo.review(*bundles[:count], allow_stale_clean=True, keep=False)
        assert set(actions(outcome).values()) == {"merge", "rebase"}
        made.append(Counter(calls))
    assert made[1] - made[0] == Counter()


def test_revisions_mean_together_what_they_mean_alone(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": "a\n"})
    repo.branch("work", {"a.txt": "b\n"})
    repo.git("tag", "-a", "-m", "v1", "v1", "work")
    head = repo.head("work")
    names = ["main", "work", "v1", "HEAD", "@", head, head[:9], head.upper(), "refs/heads/work"]
    names += ["work^", "work~1", "work^{tree}", "work:a.txt", ":/work", "nope", "0" * 40, ""]
    names += ["main..work", "-x", "--all", "^main", "a b", "x\ny", "work missing", "é", "main@{0}"]
    repository = Repository(repo.path, GitProcess())
    together = repository.commits_of(names)
    assert together == {name: repository.commit_of(name) for name in names}
    assert sum(found is not None for found in together.values()) >= 10


def test_a_damaged_object_spoils_nobody_elses_answer(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": "a\n"})
    broken = repo.branch("broken", {"a.txt": "b\n"})
    object_file = repo.path / ".git" / "objects" / broken[:2] / broken[2:]
    object_file.chmod(0o600)
    object_file.write_bytes(b"damaged")
    found = Repository(repo.path, GitProcess()).commits_of(["main", "broken"])
    assert found["main"] == repo.head("main")


def test_merge_bases_are_those_that_git_finds_for_each(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "repo")], check=True)
    git = GitProcess()
    quarantine = Quarantine(tmp_path / "home", Repository(tmp_path / "repo", git), git)
    store = ObjectStore(quarantine.git_dir)
    for seed in range(6):
        chance = Random(seed)
        commits: list[CommitId] = []
        for number in range(40):
            count = chance.choice([0, 1, 1, 1, 1, 2]) if number > 3 else min(number, 1)
            parents = chance.sample(commits[-9:], min(count, len(commits)))
            tree = store.tree({"n": ("100644", f"{seed} {number}".encode())})
            commits.append(CommitId(store.commit(tree, [*parents], number)))
        found = merge_bases_of(quarantine, commits[-1], commits)
        expected = {each: quarantine.merge_bases(commits[-1], each) for each in commits}
        assert found == expected, f"seed {seed}"


def test_trees_are_made_from_others_and_leave_no_ref(make_repo: MakeRepo) -> None:
    odd = 'odd " \\ \n \t é.txt'
    repo = make_repo({"a.txt": "a\n", "d/b.txt": "b\n", odd: "odd\n"})
    quarantine = quarantine_of(repo)
    tree = TreeId(repo.git("rev-parse", "HEAD^{tree}"))
    blob = ObjectId(repo.git("rev-parse", "HEAD:a.txt"))
    made = quarantine.make_trees(
        [
            (tree, {"a.txt": None, odd: NewFile("100755", b"new\ncontent")}),
            (None, {"d/b.txt": None, "d": NewFile("100644", blob)}),
            (tree, {}),
        ]
    )
    assert made[2] == tree
    assert quarantine.entries(made[0]).keys() == {"d/b.txt", odd}
    assert quarantine.blob_at(made[0], odd) == b"new\ncontent"
    assert quarantine.entries(made[1]) == {
        odd: quarantine.entries(made[0])[odd],
        "d": ("100644", blob),
    }
    assert quarantine.run(["for-each-ref"], check=True).stdout == b""
    with pytest.raises(AgentdError, match="fast-import"):
        quarantine.make_trees([(tree, {"x": NewFile("100644", ObjectId("1" * 40))})])


def test_entries_are_found_where_they_are(make_repo: MakeRepo) -> None:
    files: dict[str, FileContent] = {"a.txt": "a\n", "d/e/b.txt": "b\n", "d/x y\n.txt": "x\n"}
    repo = make_repo(files)
    repo.branch("work", {"a.txt": "new\n"})
    quarantine = quarantine_of(repo)
    trees = [repo.git("rev-parse", f"{name}^{{tree}}") for name in ("main", "work")]
    asked = [*files, "d", "d/e", "nope", "a.txt/below", "d/nope/x", "d/e/b.txt/x"]
    found = quarantine.entries_at((tree, path) for tree in trees for path in asked)
    expected = {
        (tree, path): entry for tree in trees for path, entry in quarantine.entries(tree).items()
    }
    assert {key: entry for key, entry in found.items() if entry[0] != "040000"} == expected
    assert {path for (_, path), (mode, _) in found.items() if mode == "040000"} == {"d", "d/e"}


@pytest.mark.parametrize(
    ("owner", "intent"),
    [
        ("plain", "Do it"),
        ('Nasty <x> "é" .,\'', "a\nb\x01\tc <d> \x7f"),
        ("\x01\x02 ", "é" * 100),
        (". <>", ""),
        ("tab\tin it", "  spaces  "),
    ],
)
def test_a_commit_of_the_integration_is_what_git_would_make(
    owner: str, intent: str, make_repo: MakeRepo
) -> None:
    repo = make_repo({"a.txt": numbered(9)})
    patch = repo.patch_of({"a.txt": numbered(9, {5: "five\n"})})
    outcome = repo.review(patch_bundle(owner, patch, repo.head(), intent=intent))
    integration = outcome.record["integration"]
    quarantine = quarantine_of(repo)
    raw = quarantine.run(["cat-file", "commit", integration["commit"]], check=True).text
    author = raw.split("\nauthor ")[1].split(" <")[0]
    again = quarantine.commit(
        TreeId(integration["tree"]),
        [CommitId(repo.head())],
        message=raw.partition("\n\n")[2] + "\n",
        seconds=quarantine.commit_seconds(CommitId(repo.head())) + 1,
        author=author,
    )
    assert again == integration["commit"]
    quarantine.run(["fsck", "--no-dangling", "--strict", integration["commit"]], check=True)
