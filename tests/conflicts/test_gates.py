"""The last gates: sets that merge in pairs but not together, and merges that lie."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.process import GitProcess, GitResult
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.merges.composition import Clash, Composer, Composition
from agentd.conflicts.merges.conflict_kinds import ConflictKind
from agentd.conflicts.merges.result import parse_merge
from agentd.errors import AgentdError
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
    first_reasons,
    numbered,
)
from tests.fakes.patience import PATIENCE_SECS

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
SEVEN = {"a.txt": numbered(20, {7: "seven\n"})}
FIFTEEN = {"a.txt": numbered(20, {15: "fifteen\n"})}


def sabotage_with(content: str | None, path: str) -> Callable[[Quarantine, TreeId], TreeId]:
    """Puts other content into a composed tree, as a merge would that loses lines."""

    def sabotage(quarantine: Quarantine, tree: TreeId) -> TreeId:
        files = {name: blob for name, (_, blob) in quarantine.entries(tree).items()}
        if content is None:
            del files[path]
        else:
            files[path] = quarantine.store_blob(content.encode())
        return quarantine.make_tree(files)

    return sabotage


def in_order(discrepancy: Mapping[str, Any]) -> list[Any]:
    return [discrepancy[key] for key in ("path", "problem", "bundles", "lines")]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.txt", numbered(20, {15: "fifteen\n"})),  # The first bundle's line is lost,
        ("a.txt", numbered(20, {7: "seven\n", 15: "fifteen\n", 3: ""})),  # a line of the target's,
        ("a.txt", numbered(20, {7: "line 7\nseven\n", 15: "fifteen\n"})),  # or one is back.
        ("a.txt", numbered(20, {7: "seven\n", 15: "fifteen\nfifteen\n"})),
        ("b.txt", "somebody else's\n"),
        ("b.txt", None),
        ("c.txt", "from nowhere\n"),
    ],
)
def test_no_lie_of_a_merge_gets_past_the_ledger(
    path: str,
    content: str | None,
    make_repo: MakeRepo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo = make_repo({"a.txt": numbered(20), "b.txt": "b\n"})
    repo.branch("one", SEVEN)
    repo.branch("two", FIFTEEN)
    compose = Composer.compose

    def lie(self: Composer, placed: Sequence[Placed]) -> Composition:
        honest = compose(self, placed)
        made = sabotage_with(content, path)(self._quarantine, honest.tree)
        return Composition(honest.order, (*honest.trees[:-1], made), honest.base_tree)

    monkeypatch.setattr(Composer, "compose", lie)
    outcome = repo.review(from_branch("one"), from_branch("two"), apply=True)
    assert "escalate" in actions(outcome).values()
    assert "ledger_mismatch" in first_reasons(outcome).values()
    for decision in outcome.record["decisions"]:
        for reason in decision["reasons"]:
            told = reason["evidence"].get("discrepancies", [])
            assert told == sorted(told, key=in_order), "what they say alike is left to chance"
    if outcome.landed is not None:
        # What is lost of one is nothing against the other alone.
        (merged,) = (owner for owner, action in actions(outcome).items() if action == "merge")
        alone = {"one": SEVEN, "two": FIFTEEN}[merged]
        assert repo.show(outcome.landed.ref, "a.txt") == alone["a.txt"] == content
        assert repo.show(outcome.landed.ref, "b.txt") == "b\n"
    assert path in {found["path"] for found in outcome.record["findings"]}


def test_three_that_merge_only_in_pairs(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git decides once more about the whole set; here it is made to refuse the third."""
    repo = make_repo({"a.txt": numbered(40)})
    for name, line in (("one", 5), ("two", 15), ("three", 25)):
        repo.branch(name, {"a.txt": numbered(40, {line: f"{name}\n"})})
    compose = Composer.compose

    def refuse(self: Composer, placed: Sequence[Placed]) -> Composition:
        honest = compose(self, placed)
        if len(placed) < 3:
            return honest
        clash = Clash(honest.order[2], honest.order[:2], ("a.txt",), (ConflictKind.CONTENT,))
        return Composition(honest.order[:2], honest.trees[:2], honest.base_tree, clash)

    monkeypatch.setattr(Composer, "compose", refuse)
    outcome = repo.review(*(from_branch(name) for name in ("one", "two", "three")))
    assert sorted(actions(outcome).values()) == ["merge", "merge", "rebase"]
    (loser,) = (owner for owner, action in actions(outcome).items() if action == "rebase")
    assert first_reasons(outcome)[loser] == "does_not_compose"
    assert all_reasons(outcome)[loser][0]["evidence"]["edge"] == "composition"
    assert "composition_conflict" in {found["kind"] for found in outcome.record["findings"]}


def test_a_missing_object_is_an_error_and_never_a_verdict(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    repo.branch("one", SEVEN)
    git = GitProcess()
    quarantine = Quarantine(repo.home, Repository(repo.path, git), git)
    tree = TreeId(repo.git("rev-parse", "main^{tree}"))
    missing = TreeId("1" * 40)
    with pytest.raises(AgentdError) as failure:
        quarantine.merge(tree, tree, missing)
    assert failure.value.reason == "git_failed"
    blob = repo.git("rev-parse", "one:a.txt")
    (repo.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    outcome = repo.review(from_branch("one"))
    assert actions(outcome) == {"one": "escalate"}
    assert first_reasons(outcome) == {"one": "objects_unreadable"}


def test_a_git_call_that_takes_too_long_is_an_error(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    git = GitProcess(timeout_secs=0.3)
    with pytest.raises(AgentdError, match="time ran out") as failure:
        git.run(["-c", "alias.wait=!sleep 30", "wait"], directory=repo.path)
    assert failure.value.reason == "git_failed"


class Interrupted(Exception):
    """Raised by the handler of a signal."""


def test_an_interrupted_git_call_leaves_nothing_that_runs_on(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def interrupt() -> None:
        with fifo.open() as begun:
            assert begun.readline() == "begun\n"
            os.kill(os.getpid(), signal.SIGUSR1)
            assert begun.read() == "", "it is open for as long as git's child lives"

    def on_signal(number: int, frame: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, on_signal)
    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    try:
        with pytest.raises(Interrupted):
            GitProcess(timeout_secs=2 * PATIENCE_SECS).run(
                ["-c", f"alias.wait=!exec >{fifo}; echo begun; sleep {int(PATIENCE_SECS)}", "wait"],
                directory=repo.path,
            )
        interrupter.join(PATIENCE_SECS / 2)
        assert not interrupter.is_alive()
        assert not any(isinstance(each, threading.Timer) for each in threading.enumerate())
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_output_without_end_is_cut_off(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": numbered(20)})
    git = GitProcess(output_bytes_max=10_000, timeout_secs=0.3)
    with pytest.raises(AgentdError, match="more than 10,000 bytes"):
        git.run(["-c", "alias.much=!yes", "much"], directory=repo.path, large=True)


@pytest.mark.parametrize("version", ["git version 2.37.7", "git version 1.8", "no git at all"])
def test_an_old_git_is_named_with_what_is_needed(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = GitProcess()
    answer = GitResult(0, version.encode(), "")
    monkeypatch.setattr(GitProcess, "run", lambda *_, **__: answer)
    with pytest.raises(AgentdError) as refused:
        git.version()
    assert refused.value.reason == "git_too_old"
    assert refused.value.data["need"] == "2.38"


def test_the_two_kinds_of_conflict_that_git_writes_without_a_space() -> None:
    """A conflict may list no file, and its kind may lack the space."""
    rest = (
        b"\x001\x00d\x00CONFLICT(directory rename unclear split)\x00"
        b"CONFLICT (directory rename split): Unclear where to rename d to\n\x00"
    )
    paths, messages = parse_merge(rest)
    assert paths == ()
    assert [message.is_conflict for message in messages] == [True]
