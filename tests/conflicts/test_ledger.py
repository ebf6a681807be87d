"""The ledger on real merges: what is lost, moved, flipped or resurrected does not get past it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import pytest

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.merges.composition import Composer, Composition
from agentd.errors import AgentdError
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
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
    """Who is merged in the end is merged as git does it without the sabotage."""
    repo = make_repo(START)
    bundles = bundles_of(repo)
    compose = Composer.compose
    honest: list[Composition] = []

    def lie(self: Composer, placed: Sequence[Placed]) -> Composition:
        honest.append(compose(self, placed))
        made = rewrite(self._quarantine, honest[-1].tree, EDITS[name](self._quarantine))
        assert made != honest[0].tree, "nothing was sabotaged"
        return replace(honest[-1], trees=(*honest[-1].trees[:-1], made))

    monkeypatch.setattr(Composer, "compose", lie)
    outcome = repo.review(*bundles)
    reasons = first_reasons(outcome)
    held_back = {owner for owner, action in actions(outcome).items() if action == "escalate"}
    assert held_back
    assert {reasons[owner] for owner in held_back} == {"ledger_mismatch"}
    assert "ledger_mismatch" in {found["kind"] for found in outcome.record["findings"]}
    integration, ledger = outcome.record["integration"], outcome.record["ledger"]
    if integration is None:
        assert held_back == set(actions(outcome))
        assert ledger["discrepancies"]
    else:
        assert integration["tree"] == honest[-1].tree
        assert integration["order"] == list(honest[-1].order)
        assert ledger["balanced"]


def test_only_who_is_in_the_way_is_held_back(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge that loses a line of two bundles together says nothing against a third."""
    repo = make_repo({**START, "b.txt": numbered(9)})
    for name, files in (
        ("one", {"a.txt": numbered(30, {7: "seven\n"})}),
        ("two", {"a.txt": numbered(30, {22: "twenty-two\n"})}),
        ("three", {"b.txt": numbered(9, {4: "four\n"})}),
    ):
        repo.branch(name, files)
    compose = Composer.compose

    def lose(self: Composer, placed: Sequence[Placed]) -> Composition:
        honest = compose(self, placed)
        owners = {each.candidate.bundle.owner for each in placed}
        if not {"one", "two"} <= owners:
            return honest
        loss = {"a.txt": text(self._quarantine, numbered(30, {7: "seven\n"}))}
        made = rewrite(self._quarantine, honest.tree, loss)
        return replace(honest, trees=(*honest.trees[:-1], made))

    monkeypatch.setattr(Composer, "compose", lose)
    outcome = repo.review(*(from_branch(name) for name in ("one", "two", "three")), apply=True)
    done = actions(outcome)
    assert sorted(done.values()) == ["escalate", "merge", "merge"]
    assert done["three"] == "merge"
    (held_back,) = (owner for owner, action in done.items() if action == "escalate")
    (reason,) = all_reasons(outcome)[held_back]
    (partner,) = {"one", "two"} - {held_back}
    assert f"together with {partner}" in reason["message"]
    assert outcome.landed is not None
    assert repo.show(outcome.landed.ref, "b.txt") == numbered(9, {4: "four\n"})
    kept = {"one": {7: "seven\n"}, "two": {22: "twenty-two\n"}}[partner]
    assert repo.show(outcome.landed.ref, "a.txt") == numbered(30, kept)


def test_each_is_told_of_its_own_discrepancies(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo({"a.txt": numbered(30), "b.txt": numbered(30)})
    for name in ("a", "b"):
        repo.branch(name, {f"{name}.txt": numbered(30, {7: "seven\n"})})
    compose = Composer.compose

    def lose(self: Composer, placed: Sequence[Placed]) -> Composition:
        honest = compose(self, placed)
        paths = [path for each in placed for path in each.candidate.paths]
        made = honest.tree
        for path in paths:
            made = rewrite(self._quarantine, made, {path: text(self._quarantine, numbered(29))})
        return replace(honest, trees=(*honest.trees[:-1], made)) if paths else honest

    monkeypatch.setattr(Composer, "compose", lose)
    outcome = repo.review(from_branch("a"), from_branch("b"))
    assert set(actions(outcome).values()) == {"escalate"}
    for owner, (reason,) in all_reasons(outcome).items():
        assert f"({owner}.txt: " in reason["message"]
        assert reason["evidence"]["partners"] == []


def test_a_mode_follows_a_rename(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    repo.branch("mover", {"run.sh": None, "bin/run.sh": "echo run\n"})
    (repo.path / "run.sh").chmod(0o755)
    repo.git("checkout", "--quiet", "-b", "executable")
    repo.commit("executable")
    repo.git("checkout", "--quiet", "main")
    outcome = repo.review(from_branch("mover"), from_branch("executable"), apply=True)
    assert actions(outcome) == {"mover": "merge", "executable": "merge"}
    assert outcome.landed is not None
    entry = repo.git("ls-tree", outcome.landed.ref, "bin/run.sh")
    assert entry.startswith("100755"), entry


def test_a_binary_file_follows_a_rename(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    repo.branch("mover", {"logo.png": None, "art/logo.png": BINARY})
    repo.branch("painter", {"logo.png": BINARY + b"new"})
    outcome = repo.review(from_branch("mover"), from_branch("painter"), apply=True)
    assert actions(outcome) == {"mover": "merge", "painter": "merge"}
    assert outcome.landed is not None
    assert repo.raw_git("show", f"{outcome.landed.ref}:art/logo.png") == BINARY + b"new"


def test_an_edit_follows_its_file_and_not_a_copy(make_repo: MakeRepo) -> None:
    """Merged in another order, git takes the copy for the place where the file went."""
    repo = make_repo(START)
    repo.branch("mover", {"moving.txt": None, "moved.txt": numbered(30)})
    repo.branch("copier", {"alike.txt": numbered(30)})
    repo.branch("editor", {"moving.txt": numbered(30, {9: "nine\n"})})
    names = ("mover", "copier", "editor")
    for order in permutations(names):
        outcome = repo.review(*(from_branch(name) for name in order))
        assert actions(outcome) == dict.fromkeys(names, "merge")
        tree = outcome.record["integration"]["tree"]
        quarantine = Quarantine(repo.home, Repository(repo.path, GitProcess()), GitProcess())
        assert quarantine.blob_at(tree, "moved.txt") == numbered(30, {9: "nine\n"}).encode()
        assert quarantine.blob_at(tree, "alike.txt") == numbered(30).encode()


def test_an_edit_that_git_puts_into_another_file_is_noticed(make_repo: MakeRepo) -> None:
    """Where alike files move together, git may take one for another, and calls that clean."""
    licence = "# one\n# two\n# three\n"
    packages = ("a", "b", "c")
    repo = make_repo({f"pkg/{name}/x.py": licence for name in packages})
    moved: dict[str, FileContent] = {f"pkg/{name}/x.py": None for name in packages}
    repo.branch("mover", moved | {f"lib/{name}/x.py": licence for name in packages})
    repo.branch("editor", {"pkg/b/x.py": licence + "VALUE = 1\n"})
    misplaced = repo.git("merge-tree", "--write-tree", "mover", "editor")
    assert "VALUE" not in repo.show(misplaced, "lib/b/x.py"), "git has become better at this"
    outcome = repo.review(from_branch("mover"), from_branch("editor"))
    assert sorted(actions(outcome).values()) == ["escalate", "merge"]
    assert "ledger_mismatch" in first_reasons(outcome).values()


def test_equal_lines_at_one_place_and_another_are_counted_apart(make_repo: MakeRepo) -> None:
    """Both insert the same line, and one takes an equal line away elsewhere: once is right."""
    start = numbered(12, {5: "same\n"})
    repo = make_repo({"a.txt": start})
    repo.branch("one", {"a.txt": numbered(12, {5: "same\n", 10: "line 10\nsame\n"})})
    repo.branch("two", {"a.txt": numbered(12, {5: "five\n", 10: "line 10\nsame\n"})})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert actions(outcome) == {"one": "merge", "two": "merge"}, outcome.record["findings"]


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
            return replace(honest, trees=(made,))

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


@pytest.mark.parametrize(
    ("mine", "targets"),
    [
        # Both take the line away, and the target has it again elsewhere: moved, or as another one.
        ({5: ""}, {5: "", 25: "line 25\nline 5\n"}),
        ({5: "", 6: ""}, {5: "", 6: "", 20: "line 20\nline 5\nline 6\n"}),
        # Both add it, and the target takes one like it away.
        ({5: "line 5\nline 25\n"}, {5: "line 5\nline 25\n", 25: ""}),
    ],
)
def test_a_change_that_the_target_made_too_may_be_undone_elsewhere(
    mine: Mapping[int, str], targets: Mapping[int, str], make_repo: MakeRepo
) -> None:
    repo = make_repo({"a.txt": numbered(30)})
    repo.branch("one", {"a.txt": numbered(30, {**mine, 12: "twelve\n"})})
    repo.commit("the target's", {"a.txt": numbered(30, targets)})
    outcome = repo.review(from_branch("one"), allow_stale_clean=True)
    assert actions(outcome) == {"one": "merge"}, all_reasons(outcome)
    git = repo.git("merge-tree", "--write-tree", "main", "one")
    assert outcome.record["integration"]["tree"] == git


def test_a_file_moves_to_where_the_target_has_it_already(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.txt": numbered(30)})
    moved = {"new/a.txt": numbered(30, {3: "three\n"})}
    repo.branch("mover", {"a.txt": None, **moved})
    repo.commit("the target's", moved)
    outcome = repo.review(from_branch("mover"), allow_stale_clean=True)
    assert actions(outcome) == {"mover": "merge"}, all_reasons(outcome)
    git = repo.git("merge-tree", "--write-tree", "main", "mover")
    assert outcome.record["integration"]["tree"] == git


def test_a_union_of_changelogs_balances(make_repo: MakeRepo) -> None:
    policy = POLICY + '[merge]\nunion = ["CHANGES.md"]\n'
    repo = make_repo({**START, "CHANGES.md": "# New\n\n# Old\n", ".agentd/review.toml": policy})
    for name in ("one", "two"):
        repo.branch(name, {"CHANGES.md": f"# New\n- {name}\n\n# Old\n"})
    outcome = repo.review(from_branch("one"), from_branch("two"))
    assert set(actions(outcome).values()) == {"merge"}
    assert outcome.record["ledger"]["balanced"]


def test_more_than_git_may_print_at_once_is_read_in_parts(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    small = GitProcess(output_bytes_max=3_000)
    quarantine = Quarantine(repo.home, Repository(repo.path, small), small)
    contents = [bytes([65 + number]) * 900 for number in range(6)]
    blobs = [quarantine.store_blob(content) for content in contents]
    assert quarantine.read_blobs(blobs) == dict(zip(blobs, contents, strict=True))
    with pytest.raises(AgentdError, match="more than 3,000 bytes"):
        quarantine.read_blobs([quarantine.store_blob(b"x" * 4_000)])
