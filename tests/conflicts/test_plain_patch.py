"""What is taken for a plain patch means to git what it means here; all else is left to git."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import pytest

from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.patches.batches import plain_trees
from agentd.conflicts.patches.plain_patch import plain_files
from agentd.conflicts.trees.edits import Edits
from tests.conflicts.repo_builder import FileContent, Repo, numbered
from tests.conflicts.test_patch_forms import FORMS, START, add, modify

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
HEADER = "diff --git a/a.txt b/a.txt\n"
SOUND = modify(header=HEADER)

NOT_PLAIN = {
    "without git's header": modify(),
    "names without prefixes": modify(old="a.txt", new="a.txt", header="diff --git a.txt a.txt\n"),
    "other names in the header": modify(header="diff --git a/b.txt b/b.txt\n"),
    "text before it": "A change:\n" + SOUND,
    "text behind it": SOUND + "-- \n2.39.5\n",
    "no newline at its end": SOUND.removesuffix("\n"),
    "a carriage return": SOUND.replace("THREE", "THREE\r"),
    "a line too many": SOUND + " line 6\n",
    "a line too few": SOUND.removesuffix(" line 5\n"),
    "a line without its mark": SOUND.replace(" line 2\n", "line 2\n"),
    "no newline in the file": SOUND + "\\ No newline at end of file\n",
    "nothing changed": HEADER + "--- a/a.txt\n+++ b/a.txt\n@@ -1,1 +1,1 @@\n line 1\n",
    "nothing but names": HEADER + "--- a/a.txt\n+++ b/a.txt\n",
    "a new mode": HEADER + "old mode 100644\nnew mode 100755\n",
    "a link": add("l", "120000", "a.txt"),
    "a move": "diff --git a/a.txt b/b.txt\nsimilarity index 100%\n"
    "rename from a.txt\nrename to b.txt\n",
    "a deletion": HEADER
    + "deleted file mode 100644\n--- a/a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
    "one file twice": SOUND + SOUND,
    "a file and a directory": add("x") + add("x/y"),
    "no context before": HEADER
    + "--- a/a.txt\n+++ b/a.txt\n@@ -3,2 +3,2 @@\n-line 3\n+THREE\n line 4\n",
    "nothing": "",
}
ODD_NAMES = (
    "../x",
    "a/../x",
    "./x",
    ".git/x",
    "sub/.GIT/x",
    ".gitattributes",
    "git~1/x",
    "x./y",
    "sp ace",
    "ö",
    "a//b",
    "/x",
    "-x:y",
    "back\\slash",
)


@pytest.mark.parametrize("patch", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_it_is_not_plain(patch: str) -> None:
    assert plain_files(patch.encode()) is None


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_raises_a_question_is_not_plain(name: str) -> None:
    assert plain_files(add(name).encode()) is None


def test_what_git_diff_prints_is_plain() -> None:
    files = plain_files((SOUND + add("dir/new.txt")).encode())
    assert files is not None
    assert [(file.path, file.new, file.mode) for file in files] == [
        ("a.txt", False, None),
        ("dir/new.txt", True, "100644"),
    ]


def quarantine_of(repo: Repo) -> Quarantine:
    return Quarantine(repo.home, Repository(repo.path, GitProcess()), GitProcess())


def test_the_odd_forms_mean_the_same(make_repo: MakeRepo) -> None:
    repo = make_repo({**START, "run.sh": "line 1\n"})
    repo.git("update-index", "--chmod=+x", "run.sh")
    repo.commit("mode")
    quarantine = quarantine_of(repo)
    base = TreeId(repo.git("rev-parse", "HEAD^{tree}"))
    more = [
        SOUND,
        add("new.txt"),
        add("a.txt/below"),  # A file is there.
        add("dir"),  # A directory is there.
        add("a.txt"),
        SOUND.replace("line 4", "line 44"),
        SOUND.replace("-1,5 +1,5", "-2,5 +2,5"),
        SOUND.replace("--- a", "index 1111111..2222222 100755\n--- a"),
        HEADER + "--- a/a.txt\n+++ b/a.txt\n@@ -19,2 +19,2 @@\n line 19\n-line 20\n+LAST\n",
        HEADER + "--- a/a.txt\n+++ b/a.txt\n@@ -18,2 +18,2 @@\n line 18\n-line 19\n+LAST\n",
    ]
    patches = [text.encode() for text in (*(form.patch for form in FORMS), *more)]
    made = plain_trees(quarantine, {n: (base, patch) for n, patch in enumerate(patches)})
    assert len(made) >= 4
    for number, tree in made.items():
        assert quarantine.apply(base, patches[number]).tree == tree, patches[number]


def test_random_edits_mean_what_git_makes_of_them(make_repo: MakeRepo) -> None:
    chance = Random(11)
    names = ["a.txt", "dir/b.txt", "dir/sub/c.py"]
    repo = make_repo({name: numbered(30) for name in names})
    base = TreeId(repo.git("rev-parse", "HEAD^{tree}"))
    patches = []
    for number in range(25):
        changes: dict[str, FileContent] = {}
        for name in chance.sample(names, 2):
            lines = [f"line {n}\n" for n in range(1, 31)]
            for _ in range(chance.randrange(1, 5)):
                at = chance.randrange(len(lines))
                lines[at : at + chance.randrange(3)] = ["}\n"] * chance.randrange(3)
            changes[name] = "".join(lines) or "x\n"
        if chance.random() < 0.3:
            changes[f"new{number}/file.txt"] = numbered(3)
        patches.append(repo.patch_of(changes))
    quarantine = quarantine_of(repo)
    made = plain_trees(quarantine, {n: (base, patch) for n, patch in enumerate(patches)})
    assert len(made) > 20
    for number, tree in made.items():
        assert quarantine.apply(base, patches[number]).tree == tree, patches[number]


def test_large_files_are_left_to_git_and_others_come_in_portions(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo({**START, "large.txt": numbered(600)})
    quarantine = quarantine_of(repo)
    base = TreeId(repo.git("rev-parse", "HEAD^{tree}"))
    patches = [SOUND.replace("THREE", f"THREE {number}").encode() for number in range(6)]
    patches.append(repo.patch_of({"large.txt": numbered(600, {300: "by me\n"})}))
    wanted = {number: (base, patch) for number, patch in enumerate(patches)}
    everything = plain_trees(quarantine, wanted)
    assert set(everything) == set(wanted)
    calls: list[int] = []
    make_trees = Quarantine.make_trees

    def watched(self: Quarantine, asked: list[tuple[TreeId | None, Edits]]) -> object:
        calls.append(len(asked))
        return make_trees(self, asked)

    monkeypatch.setattr(Quarantine, "make_trees", watched)
    monkeypatch.setattr("agentd.conflicts.patches.batches.BYTES_AT_ONCE", 1_000)
    monkeypatch.setattr("agentd.conflicts.patches.batches._PATCHED_BYTES_MAX", 3_000)
    some = plain_trees(quarantine, wanted)
    assert some == {number: everything[number] for number in range(6)}
    assert len(calls) > 1
    assert sum(calls) == 6
