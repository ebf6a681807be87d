"""Landing: objects and one ref, by compare-and-swap, and only when asked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.checks.command_runs import CommandRun
from agentd.conflicts.checks.verification import Verifier
from agentd.conflicts.policy.policy import Command
from agentd.conflicts.replay import replay
from agentd.conflicts.review import ReviewRequest, review
from agentd.errors import AgentdError
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
    findings_of,
    first_reasons,
    numbered,
    patch_bundle,
)

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


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        ("merged/now", "merged/now exists already"),
        ("merged/now/below", "merged/now exists already"),
        ("merged", "merged/now exists already"),
        ("-x..y", "no name for a branch"),
        ("-x", "no name for a branch"),
        ("@{-1}", "no name for a branch"),
        ("HEAD", "no name for a branch"),
        ("refs/heads/x", "no name for a branch"),
        ("", "no name for a branch"),
    ],
)
def test_a_branch_that_cannot_be_made_is_refused_before_anything_runs(
    repo: Repo, branch: str, said: str
) -> None:
    repo.git("branch", "merged/now")
    with pytest.raises(AgentdError, match=said) as refused:
        repo.review(from_branch("one"), progress=pytest.fail, apply=True, branch=branch)
    assert refused.value.reason == "invalid_field"


def test_a_branch_that_appears_while_the_commands_run_stays(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Verifier.run

    def run_and_take(
        self: Verifier, tree: str, commands: Sequence[Command] | None = None
    ) -> tuple[CommandRun, ...]:
        repo.git("branch", "--force", "wanted", "main")
        return run(self, tree, commands)

    monkeypatch.setattr(Verifier, "run", run_and_take)
    with pytest.raises(AgentdError, match="wanted exists already"):
        repo.review(
            from_branch("one"),
            apply=True,
            branch="wanted",
            policy_text='[verification]\ncommands = ["true"]\n',
        )
    assert repo.head("wanted") == repo.head("main")


@pytest.mark.parametrize("onto_target", [True, False])
def test_a_ref_that_git_cannot_move_is_no_target_that_moved(repo: Repo, onto_target: bool) -> None:
    """Somebody's lock lies on it; reviewing again would not help."""
    name = "main" if onto_target else "wanted"
    (repo.path / ".git" / "refs" / "heads" / f"{name}.lock").write_text("")
    reviews: list[str] = []
    with pytest.raises(AgentdError, match=f"{name} cannot be .*lock") as failure:
        repo.review(
            from_branch("one"),
            progress=reviews.append,
            apply=True,
            onto_target=onto_target,
            branch=None if onto_target else name,
        )
    assert failure.value.reason == "git_failed"
    assert reviews.count("collecting bundles") == 1


def test_a_symbolic_branch_stands_for_the_one_that_it_names(repo: Repo) -> None:
    repo.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    outcome = repo.review(from_branch("one"), target="alias", apply=True, onto_target=True)
    assert outcome.landed is not None
    assert outcome.landed.ref == "refs/heads/main"
    assert outcome.landed.behind == repo.path
    assert repo.git("symbolic-ref", "refs/heads/alias") == "refs/heads/main"


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
        repo.review(
            from_branch("one"),
            progress=pytest.fail,
            target=commit,
            apply=True,
            onto_target=True,
        )


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


@pytest.fixture
def pushed(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets somebody commit to the target while the first command of a review runs."""

    def push(*pushes: Mapping[str, FileContent]) -> None:
        waiting = list(pushes)
        run = Verifier.run

        def run_and_push(
            self: Verifier, tree: str, commands: Sequence[Command] | None = None
        ) -> tuple[CommandRun, ...]:
            if waiting:
                repo.commit("meanwhile", waiting.pop(0))
            return run(self, tree, commands)

        monkeypatch.setattr(Verifier, "run", run_and_push)

    return push


def test_a_moved_target_sends_back_only_what_it_touches(
    repo: Repo, pushed: Callable[..., None]
) -> None:
    """What was in step stays so, is proved on the new tip, and a replay says the same."""
    repo.branch("two", {"c.txt": "c\n"})
    patch = patch_bundle("three", repo.patch_of({"d.txt": "d\n"}))  # names no base
    touched = patch_bundle("four", repo.patch_of({"b.txt": "other\n"}))
    began = repo.head("main")
    pushed({"b.txt": "b\n"}, {"e.txt": "e\n"})
    bundles = (from_branch("one"), from_branch("two"), patch, touched)
    outcome = repo.review(*bundles, apply=True, policy_text='[verification]\ncommands = ["true"]\n')
    assert actions(outcome) == {"one": "merge", "two": "merge", "three": "merge", "four": "rebase"}
    moved = outcome.record["moved"]
    assert (moved["from"], moved["to"], moved["count"]) == (began, repo.head("main"), 2)
    assert [each["subject"] for each in moved["commits"]] == ["meanwhile"] * 2
    for owner in ("one", "two", "three"):
        reasons = {each["reason"]: each for each in all_reasons(outcome)[owner]}
        assert reasons["target_moved"]["evidence"]["commits"] == moved["commits"]
        assert began[:12] in reasons["target_moved"]["message"]
        assert findings_of(outcome, owner)["target_moved"]["severity"] == "info"
    (sent_back,) = all_reasons(outcome)["four"]
    assert sent_back["reason"] == "stale_conflict"
    assert "moved during the review" in sent_back["message"]
    assert outcome.landed is not None
    assert repo.files(outcome.landed.ref) >= {"b.txt", "c.txt", "d.txt", "e.txt"}
    again = replay(repo.path, repo.home, outcome.record["review_id"])
    assert again.same_decisions
    assert again.differences == ()


def test_a_target_that_moved_in_a_bundle_s_file_sends_it_back(
    repo: Repo, pushed: Callable[..., None]
) -> None:
    """Also where git merges the two: nobody has looked at them together."""
    pushed(FIFTEEN)
    outcome = repo.review(
        from_branch("one"), apply=True, policy_text='[verification]\ncommands = ["true"]\n'
    )
    assert first_reasons(outcome) == {"one": "stale_base"}
    assert outcome.landed is None


def test_the_combination_is_proved_anew_on_the_new_tip(
    repo: Repo, pushed: Callable[..., None]
) -> None:
    pushed({"b.txt": "b\n"})
    check = "test ! -e b.txt || ! grep -q seven a.txt"
    outcome = repo.review(
        from_branch("one"), apply=True, policy_text=f"[verification]\ncommands = [{check!r}]\n"
    )
    assert actions(outcome) == {"one": "reject"}
    assert outcome.landed is None


def test_a_target_that_was_rewritten_keeps_nothing_in_step(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Verifier.run
    began = repo.head("main")

    def run_and_rewrite(
        self: Verifier, tree: str, commands: Sequence[Command] | None = None
    ) -> tuple[CommandRun, ...]:
        if repo.head("main") == began:
            repo.git("commit", "--quiet", "--amend", "-m", "told otherwise")
            repo.commit("and on", {"b.txt": "b\n"})
        return run(self, tree, commands)

    monkeypatch.setattr(Verifier, "run", run_and_rewrite)
    bundle = patch_bundle("one", repo.diff(began, "one"), base=began)
    outcome = repo.review(bundle, apply=True, policy_text='[verification]\ncommands = ["true"]\n')
    assert first_reasons(outcome) == {"one": "stale_base"}
    assert outcome.record["moved"]["rewritten"]


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
    with pytest.raises(AgentdError, match="moved during each of 3 reviews"):
        repo.review(
            from_branch("one"),
            apply=True,
            landing_secs=0,
            policy_text='[verification]\ncommands = ["true"]\n',
            allow_stale_clean=True,
        )
    assert not repo.succeeds("show-ref", "--verify", "--quiet", "refs/heads/agentd")


def apply_one(path: Path, home: Path, number: int) -> str:
    """What an applier does in a process of its own."""
    bundles = (from_branch(f"work-{number}"),)
    request = ReviewRequest(
        repository=path,
        home=home,
        bundles=bundles,
        apply=True,
        onto_target=True,
        allow_stale_clean=True,  # Some begin when others have landed.
    )
    return actions(review(request))[f"work-{number}"]


def test_many_who_apply_at_once_all_land(repo: Repo) -> None:
    for number in range(6):
        repo.branch(f"work-{number}", {f"{number}.txt": f"{number}\n"})
    processes = ProcessPoolExecutor(6, mp_context=get_context("spawn"))
    with processes:
        applied = [processes.submit(apply_one, repo.path, repo.home, n) for n in range(6)]
        assert [each.result(timeout=300) for each in applied] == ["merge"] * 6
    assert repo.files("main") >= {f"{number}.txt" for number in range(6)}
