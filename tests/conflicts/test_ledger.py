"""The ledger on real merges: what is lost, moved, flipped or resurrected does not get past it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from agentd.conflicts.bundle import Bundle
from agentd.conflicts.collect import from_branch
from agentd.conflicts.composition import Composer, Composition
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git_names import TreeId
from agentd.conflicts.quarantine import Quarantine
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    first_reasons,
    numbered,
    patch_bundle,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
BINARY = bytes(range(256)) * 4
POLICY = "[paths]\nallow_symlinks = true\nallow_submodules = true\n"
START: Mapping[str, FileContent] = {
    "a.txt": numbered(30),
    "moving.txt": numbered(30),
    "untouched.txt": "as it was\n",
    "gone.txt": "to be deleted\n",
    "run.sh": "echo run\n",
    "logo.png": BINARY,
    ".agentd/review.toml": POLICY,
}


@dataclass(frozen=True)
class Entry:
    mode: str
    blob: str


def rewrite(quarantine: Quarantine, tree: TreeId, changes: Mapping[str, Entry | None]) -> TreeId:
    """A tree with some entries exchanged."""
    with quarantine.index_of(tree) as environment:
        lines = b"".join(
            f"{entry.mode} {entry.blob}\t{path}\0".encode()
            if entry
            else f"0 {'0' * 40}\t{path}\0".encode()
            for path, entry in changes.items()
        )
        arguments = ["update-index", "-z", "--index-info"]
        quarantine.run(arguments, stdin=lines, environment=environment, check=True)
        return TreeId(quarantine.run(["write-tree"], environment=environment, check=True).text)


def text(quarantine: Quarantine, content: str, mode: str = "100644") -> Entry:
    return Entry(mode, quarantine.store_blob(content.encode()))


MERGED = numbered(30, {7: "seven\n", 22: "twenty-two\n"})
EDITS: Mapping[str, Callable[[Quarantine], Mapping[str, Entry | None]]] = {
    "drop a hunk": lambda q: {"a.txt": text(q, numbered(30, {7: "seven\n"}))},
    "take one side whole": lambda q: {"a.txt": text(q, numbered(30, {22: "twenty-two\n"}))},
    "take the target's": lambda q: {"a.txt": text(q, numbered(30))},
    "turn two untouched lines round": lambda q: {
        "a.txt": text(
            q, numbered(30, {7: "seven\n", 22: "twenty-two\n", 14: "line 15\n", 15: "line 14\n"})
        )
    },
    "turn the two changes round": lambda q: {
        "a.txt": text(q, numbered(30, {7: "twenty-two\n", 22: "seven\n"}))
    },
    "move a change elsewhere": lambda q: {
        "a.txt": text(q, numbered(30, {7: "", 12: "line 12\nseven\n", 22: "twenty-two\n"}))
    },
    "say a line twice": lambda q: {"a.txt": text(q, MERGED + "line 30\n")},
    "edit an untouched file": lambda q: {"untouched.txt": text(q, "not as it was\n")},
    "delete an untouched file": lambda q: {"untouched.txt": None},
    "add a file of nobody's": lambda q: {"nobody.txt": text(q, "x\n")},
    "resurrect a deleted file": lambda q: {"gone.txt": text(q, "to be deleted\n")},
    "flip a mode": lambda q: {"run.sh": text(q, "echo run\n", "100755")},
    "flip back a mode": lambda q: {"tool.sh": text(q, "echo tool\n")},
    "swap a symlink": lambda q: {"link": text(q, "untouched.txt", "120000")},
    "a file for a symlink": lambda q: {"link": text(q, "a.txt")},
    "another binary": lambda q: {"logo.png": Entry("100644", q.store_blob(BINARY + b"2"))},
    "the old binary": lambda q: {"logo.png": Entry("100644", q.store_blob(BINARY))},
    "another commit of a submodule": lambda _: {"sub": Entry("160000", "2" * 40)},
    "undo a rename": lambda q: {"moved.txt": None, "moving.txt": text(q, numbered(30, {9: "9\n"}))},
    "lose an edit in a renamed file": lambda q: {"moved.txt": text(q, numbered(30))},
    "reorder a renamed file": lambda q: {
        "moved.txt": text(q, numbered(30, {9: "9\n", 20: "line 21\n", 21: "line 20\n"}))
    },
}


def bundles_of(repo: Repo) -> list[Bundle]:
    """Two that share files, one with everything that is not lines, and a rename against an edit."""
    (repo.path / "tool.sh").write_text("echo tool\n")
    (repo.path / "tool.sh").chmod(0o755)
    (repo.path / "link").symlink_to("a.txt")
    repo.git("checkout", "--quiet", "-b", "odd")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    repo.git("add", "tool.sh", "link")
    (repo.path / "logo.png").write_bytes(BINARY + b"1")
    (repo.path / "gone.txt").unlink()
    repo.git("add", "logo.png", "gone.txt")
    repo.tick()
    repo.git("commit", "--quiet", "-m", "odd")
    repo.git("checkout", "--quiet", "--force", "main")
    repo.branch("one", {"a.txt": numbered(30, {7: "seven\n"})})
    repo.branch("two", {"a.txt": numbered(30, {22: "twenty-two\n"})})
    repo.branch("mover", {"moving.txt": None, "moved.txt": numbered(30)})
    repo.branch("editor", {"moving.txt": numbered(30, {9: "9\n"})})
    return [from_branch(name) for name in ("one", "two", "odd", "mover", "editor")]


def test_an_honest_merge_of_everything_balances(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    outcome = repo.review(*bundles_of(repo))
    assert set(actions(outcome).values()) == {"merge"}, outcome.record["findings"]
    ledger = outcome.record["ledger"]
    assert ledger["balanced"]
    assert ledger["discrepancies"] == []
    owners = {each["bundle_id"]: each["owner"] for each in outcome.record["bundles"]}
    accounts = {owners[each["bundle_id"]]: each for each in ledger["bundles"]}
    assert (accounts["one"]["added"], accounts["one"]["removed"]) == (1, 1)
    assert {each["accounted_elsewhere"] for each in ledger["bundles"]} == {0}
    # Of seven files one stays that nobody touches, with the policy and the script.
    assert ledger["untouched_paths"] == 3


@pytest.mark.parametrize("name", EDITS)
def test_sabotage(name: str, make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = make_repo(START)
    bundles = bundles_of(repo)
    compose = Composer.compose

    def lie(self: Composer, placed: Sequence[Placed]) -> Composition:
        honest = compose(self, placed)
        made = rewrite(self._quarantine, honest.tree, EDITS[name](self._quarantine))
        assert made != honest.tree, "nothing was sabotaged"
        return Composition(honest.order, (*honest.trees[:-1], made), honest.base_tree)

    monkeypatch.setattr(Composer, "compose", lie)
    outcome = repo.review(*bundles)
    assert set(actions(outcome).values()) == {"escalate"}
    assert set(first_reasons(outcome).values()) == {"ledger_mismatch"}
    assert outcome.record["integration"] is None
    ledger = outcome.record["ledger"]
    assert not ledger["balanced"]
    assert ledger["discrepancies"]


def test_what_the_target_did_meanwhile_survives(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One side alone touched the file; copying the bundle's would lose what the target did."""
    repo = make_repo(START)
    base = repo.head()
    patch = repo.patch_of({"a.txt": numbered(30, {7: "seven\n"})})
    repo.commit("meanwhile", {"a.txt": numbered(30, {22: "twenty-two\n"})})
    stale = patch_bundle("stale", patch, f"git:{base}")
    honest = repo.review(stale, allow_stale_clean=True)
    assert actions(honest) == {"stale": "merge"}
    assert repo.git("rev-parse", "HEAD") == honest.record["target"]["commit"]
    compose = Composer.compose
    for content in (
        numbered(30, {7: "seven\n"}),
        numbered(30, {7: "twenty-two\n", 22: "seven\n"}),
        numbered(30, {7: "seven\n", 22: "twenty-two\n", 1: "line 2\n", 2: "line 1\n"}),
    ):

        def lie(self: Composer, placed: Sequence[Placed], content: str = content) -> Composition:
            honest = compose(self, placed)
            changes = {"a.txt": text(self._quarantine, content)}
            made = rewrite(self._quarantine, honest.tree, changes)
            return Composition(honest.order, (made,), honest.base_tree)

        monkeypatch.setattr(Composer, "compose", lie)
        outcome = repo.review(stale, allow_stale_clean=True)
        assert first_reasons(outcome) == {"stale": "ledger_mismatch"}, content


def test_lines_that_two_added_alike_are_accounted_once(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    both = {"a.txt": numbered(30, {7: "seven\n"})}
    repo.branch("one", {**both, "b.txt": "b\n"})
    repo.branch("two", {**both, "c.txt": "c\n"})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert set(actions(outcome).values()) == {"merge"}
    elsewhere = sorted(each["accounted_elsewhere"] for each in outcome.record["ledger"]["bundles"])
    assert elsewhere == [0, 2]


def test_a_union_of_changelogs_balances(make_repo: MakeRepo) -> None:
    policy = POLICY + '[merge]\nunion = ["CHANGES.md"]\n'
    repo = make_repo({**START, "CHANGES.md": "# New\n\n# Old\n", ".agentd/review.toml": policy})
    for name in ("one", "two"):
        repo.branch(name, {"CHANGES.md": f"# New\n- {name}\n\n# Old\n"})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert set(actions(outcome).values()) == {"merge"}
    assert outcome.record["ledger"]["balanced"]
