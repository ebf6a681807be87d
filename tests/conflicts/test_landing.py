"""Landing: objects and one ref, by compare-and-swap, and only when asked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence

import pytest

from agentd.conflicts.collect import from_branch
from agentd.conflicts.command_runs import CommandRun
from agentd.conflicts.policy import Command
from agentd.conflicts.verification import Verifier
from agentd.errors import AgentdError
from tests.conflicts.repo_builder import FileContent, Repo, actions, numbered, patch_bundle

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
SEVEN = {"a.txt": numbered(20, {7: "seven\n"})}
FIFTEEN = {"a.txt": numbered(20, {15: "fifteen\n"})}
BOTH = numbered(20, {7: "seven\n", 15: "fifteen\n"})


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    made = make_repo({"a.txt": numbered(20), ".agentd/review.toml": ""})
    made.branch("one", SEVEN)
    return made


def test_a_new_branch_with_the_checkout_left_alone(repo: Repo) -> None:
    patch = patch_bundle("two", repo.patch_of(FIFTEEN), intent="say fifteen")
    repo.write({"a.txt": "dirty\n"})
    status = repo.git("status", "--porcelain")
    tip = repo.head("main")
    outcome = repo.review(from_branch("one"), patch, apply=True)
    assert outcome.landed is not None
    branch = f"agentd/review-{outcome.record['review_id'][:8]}"
    assert outcome.landed.ref == f"refs/heads/{branch}"
    assert outcome.landed.next_step == f"git merge --ff-only {branch}"
    assert repo.show(branch, "a.txt") == BOTH
    assert repo.head("main") == tip
    assert repo.git("status", "--porcelain") == status
    assert repo.succeeds("merge-base", "--is-ancestor", "main", branch)
    assert repo.succeeds("merge-base", "--is-ancestor", "one", branch)
    assert "say fifteen" in repo.git("log", "--format=%s%n%(trailers)", branch)
    assert repo.succeeds("fsck", "--strict", "--no-dangling")


def test_the_branch_has_the_name_that_was_asked_for(repo: Repo) -> None:
    outcome = repo.review(from_branch("one"), apply=True, branch="merged/now")
    assert outcome.record["integration"]["ref"] == "refs/heads/merged/now"
    with pytest.raises(AgentdError, match="may exist already"):
        repo.review(from_branch("one"), apply=True, branch="merged/now")
    with pytest.raises(AgentdError, match="no name for a branch"):
        repo.review(from_branch("one"), apply=True, branch="-x..y")


def test_the_target_itself_moves_when_asked(repo: Repo) -> None:
    repo.git("checkout", "--quiet", "--detach")
    tip = repo.head("main")
    outcome = repo.review(from_branch("one"), target="main", apply=True, onto_target=True)
    assert repo.head("main") == outcome.record["integration"]["commit"]
    assert repo.head("main@{1}") == tip
    assert repo.show("main", "a.txt") == SEVEN["a.txt"]


def test_a_checkout_of_the_moved_branch_is_left_and_can_be_brought_along(repo: Repo) -> None:
    repo.write({"b.txt": "not committed\n"})
    repo.git("add", "b.txt")
    before = repo.git("ls-files", "--stage")
    outcome = repo.review(from_branch("one"), apply=True, onto_target=True)
    assert outcome.landed is not None
    assert outcome.landed.behind == repo.path
    assert repo.head("main") == outcome.record["integration"]["commit"]
    assert repo.git("ls-files", "--stage") == before
    assert (repo.path / "a.txt").read_text() == numbered(20)
    program, *arguments = shlex.split(outcome.landed.next_step)
    assert program == "git"
    repo.git(*arguments)
    assert (repo.path / "a.txt").read_text() == SEVEN["a.txt"]
    assert repo.git("status", "--porcelain") == "A  b.txt"


def test_a_target_that_is_no_branch_can_be_reviewed_but_not_moved(repo: Repo) -> None:
    commit = repo.head("main")
    assert actions(repo.review(from_branch("one"), target=commit)) == {"one": "merge"}
    with pytest.raises(AgentdError, match="no branch"):
        repo.review(from_branch("one"), target=commit, apply=True, onto_target=True)


def test_nothing_lands_where_nothing_merges(repo: Repo) -> None:
    before = repo.fingerprint()
    outcome = repo.review(patch_bundle("odd", "no patch at all"), apply=True)
    assert outcome.landed is None
    assert repo.fingerprint() == before


def test_a_target_that_moved_is_reviewed_again(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody pushes while the commands run: what was proved no longer holds."""
    policy = '[verification]\ncommands = ["true"]\n'
    trees: list[str] = []
    run = Verifier.run

    def run_and_push(
        self: Verifier, tree: str, commands: Sequence[Command] | None = None
    ) -> tuple[CommandRun, ...]:
        trees.append(tree)
        if len(trees) == 1:
            repo.commit("meanwhile", {"b.txt": "b\n"})
        return run(self, tree, commands)

    monkeypatch.setattr(Verifier, "run", run_and_push)
    outcome = repo.review(
        from_branch("one"), apply=True, policy_text=policy, allow_stale_clean=True
    )
    assert outcome.landed is not None
    assert len(set(trees)) == 2
    assert outcome.record["target"]["commit"] == repo.head("main")
    assert repo.files(outcome.landed.ref) == {"a.txt", "b.txt", ".agentd/review.toml"}


def test_a_target_that_never_rests_ends_in_an_error(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(100))
    run = Verifier.run

    def run_and_push(
        self: Verifier, tree: str, commands: Sequence[Command] | None = None
    ) -> tuple[CommandRun, ...]:
        repo.commit("meanwhile", {"b.txt": f"{next(count)}\n"})
        return run(self, tree, commands)

    monkeypatch.setattr(Verifier, "run", run_and_push)
    with pytest.raises(AgentdError, match="moved during each"):
        repo.review(
            from_branch("one"),
            apply=True,
            policy_text='[verification]\ncommands = ["true"]\n',
            allow_stale_clean=True,
        )
    assert not repo.succeeds("show-ref", "--verify", "--quiet", "refs/heads/agentd")
