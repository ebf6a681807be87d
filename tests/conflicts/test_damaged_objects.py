"""What git cannot read, or would not have written, costs the bundle that has it and no other."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.replay import replay
from tests.conflicts.repo_builder import (
    Repo,
    actions,
    findings_of,
    numbered,
    patch_bundle,
)

TWENTY = numbered(20)
THIRTY = numbered(30)
SEVEN = numbered(20, {7: "seven\n"})
FIFTEEN = numbered(20, {15: "fifteen\n"})

Entry = tuple[str, str | bytes, str]
"""Mode, name, object."""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo.create(
        tmp_path / "repo", tmp_path / "home", {"a.txt": TWENTY, "deep/er/b.txt": THIRTY}
    )
    made.branch("fine", {"a.txt": SEVEN})
    made.branch(
        "hurt",
        {
            "a.txt": FIFTEEN,
            "deep/er/b.txt": numbered(20, {3: "three\n"}),
            "deep/er/new.txt": "new\n",
        },
    )
    return made


def loose(repo: Repo, name: str) -> Path:
    found = repo.head(name)
    return repo.path / ".git" / "objects" / found[:2] / found[2:]


def take_away(path: Path) -> None:
    path.unlink()


def cut_off(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-4])


def empty(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(b"")


def say_another_kind(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(zlib.compress(b"blob 3\0abc"))


DAMAGES = (take_away, cut_off, empty, say_another_kind)
"""The last is none of a blob: other bytes are a content, too."""


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *product(("hurt", "hurt^{tree}", "hurt:deep", "hurt:deep/er"), DAMAGES),
        *product(("hurt:deep/er/b.txt", "hurt:deep/er/new.txt"), DAMAGES[:-1]),
    ],
)
def test_a_damaged_object_costs_its_bundle_alone(
    repo: Repo, name: str, damage: Callable[[Path], None]
) -> None:
    damage(loose(repo, name))
    outcome = repo.review(from_branch("hurt"), from_branch("fine"), apply=True)
    decided = actions(outcome)
    assert decided["fine"] == "merge"
    assert decided["hurt"] in ("escalate", "reject")
    kinds = findings_of(outcome, "hurt").keys()
    assert kinds & {"objects_unreadable", "unknown_revision", "malformed_tree"}
    assert outcome.landed is not None
    assert repo.show(outcome.landed.ref, "a.txt") == SEVEN


def test_a_review_of_damage_is_replayed_alike(repo: Repo) -> None:
    cut_off(loose(repo, "hurt:deep/er/new.txt"))
    outcome = repo.review(from_branch("hurt"), from_branch("fine"))
    again = replay(repo.path, repo.home, outcome.record["review_id"])
    assert again.same_decisions
    assert again.differences == ()


def test_missing_contents_are_no_verdict_and_the_sentence_says_how_to_get_them(repo: Repo) -> None:
    take_away(loose(repo, "hurt:deep/er/new.txt"))
    outcome = repo.review(from_branch("hurt"))
    assert actions(outcome) == {"hurt": "escalate"}
    message = findings_of(outcome, "hurt")["objects_unreadable"]["message"]
    assert "'deep/er/new.txt'" in message
    assert "git fetch --refetch --no-filter" in message


@pytest.mark.parametrize("damage", [take_away, cut_off])
def test_a_patch_whose_base_lacks_a_file_does_not_count_as_one_that_does_not_apply(
    repo: Repo, damage: Callable[[Path], None]
) -> None:
    before = repo.head("main")
    patch = repo.patch_of({"deep/er/b.txt": numbered(30, {5: "five\n"})})
    moved = repo.patch_of({"deep/er/b.txt": None, "deep/c.txt": numbered(30, {5: "five\n"})})
    repo.commit("of its own", {"deep/er/b.txt": "other\n"})
    damage(loose(repo, f"{before}:deep/er/b.txt"))
    outcome = repo.review(
        patch_bundle("edit", patch, before),
        patch_bundle("move", moved, before),
        from_branch("fine"),
        allow_stale_clean=True,
    )
    assert actions(outcome) == {"edit": "escalate", "move": "escalate", "fine": "merge"}


def test_a_history_that_breaks_off_costs_its_bundle_alone(repo: Repo) -> None:
    first = repo.head("hurt")
    repo.git("branch", "later", "hurt")
    repo.git("checkout", "--quiet", "later")
    repo.commit("later", {"later.txt": "later\n"})
    repo.git("checkout", "--quiet", "main")
    repo.git("branch", "--quiet", "-D", "hurt")
    take_away(repo.path / ".git" / "objects" / first[:2] / first[2:])
    outcome = repo.review(from_branch("later"), from_branch("fine"))
    assert actions(outcome) == {"later": "escalate", "fine": "merge"}


def raw_tree(repo: Repo, entries: Sequence[Entry]) -> str:
    """A tree of any entries; git checks those of indexes and patches alone."""
    content = b"".join(
        f"{mode} ".encode()
        + (name if isinstance(name, bytes) else name.encode())
        + b"\0"
        + bytes.fromhex(found)
        for mode, name, found in entries
    )
    return repo.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=content)


def hand_made(repo: Repo, entries: Sequence[Entry], *, deep: bool) -> None:
    """A branch `odd` whose root, or a directory of it, is made of these entries."""
    tree = raw_tree(repo, entries)
    if deep:
        a = repo.head("main:a.txt")
        tree = raw_tree(repo, [("100644", "a.txt", a), ("40000", "deep", tree)])
    commit = repo.git("commit-tree", tree, "-p", "main", "-m", "odd")
    repo.git("update-ref", "refs/heads/odd", commit)


FILE, TREE = "main:a.txt", "main:deep"
ODD: dict[str, list[Entry]] = {
    "no name": [("100644", "", FILE)],
    "a slash in a name": [("100644", "a.txt", FILE), ("100644", "x/y", FILE)],
    "the same name twice": [("100644", "a.txt", FILE), ("100644", "a.txt", "fine:a.txt")],
    "a file and a directory": [
        ("100644", "x", FILE),
        ("100644", "x.y", FILE),
        ("40000", "x", TREE),
    ],
    "not in order": [("100644", "b", FILE), ("100644", "a", FILE)],
    "an odd mode": [("100600", "a.txt", FILE)],
    "a mode of many digits": [("0000100644", "a.txt", FILE)],
    "no mode": [("", "a.txt", FILE)],
    "a mode that is no number": [("rw-r--", "a.txt", FILE)],
    "a file as a directory": [("40000", "x", FILE)],
    "a directory as a file": [("100644", "x", TREE)],
    "cut off": [("100644", "a.txt", FILE), ("100644", b"b\0\0\0", "")],
    "no entry at all": [("", b"", "")],
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("deep", [False, True])
def test_a_tree_that_git_would_not_write_costs_its_bundle_alone(
    repo: Repo, what: str, deep: bool
) -> None:
    entries = [(mode, name, repo.head(found) if found else "") for mode, name, found in ODD[what]]
    hand_made(repo, entries, deep=deep)
    outcome = repo.review(from_branch("odd"), from_branch("fine"), apply=True)
    assert actions(outcome) == {"odd": "reject", "fine": "merge"}
    finding = findings_of(outcome, "odd")["malformed_tree"]
    assert "make its commits with git" in finding["message"]


def test_what_the_base_had_already_is_nobody_s_fault(repo: Repo) -> None:
    """Old histories have what git would refuse today; whoever works on them has not made it."""
    hand_made(repo, [("100644", "b", repo.head(FILE)), ("100644", "a", repo.head(FILE))], deep=True)
    repo.git("checkout", "--quiet", "--force", "-B", "main", "main")
    repo.git("update-ref", "refs/heads/main", repo.head("odd"))
    b, seven = repo.head(FILE), repo.head("fine:a.txt")
    inner = repo.head("odd:deep")
    tree = raw_tree(repo, [("100644", "a.txt", seven), ("40000", "deep", inner)])
    commit = repo.git("commit-tree", tree, "-p", "odd", "-m", "on it")
    repo.git("update-ref", "refs/heads/on-it", commit)
    assert b != seven
    assert actions(repo.review(from_branch("on-it"))) == {"on-it": "merge"}


def test_a_bomb_of_directories_is_over_the_limit(repo: Repo) -> None:
    tree = raw_tree(repo, [("100644", f"f{n}", repo.head(FILE)) for n in range(10)])
    for _ in range(12):
        tree = raw_tree(repo, [("40000", f"d{n}", tree) for n in range(10)])
    hand_made(repo, [("40000", "x", tree)], deep=False)
    outcome = repo.review(from_branch("odd"), from_branch("fine"))
    assert actions(outcome) == {"odd": "reject", "fine": "merge"}
    assert "files_max" in findings_of(outcome, "odd")["over_limit"]["message"]


def test_directories_without_end_are_refused(repo: Repo) -> None:
    tree = raw_tree(repo, [("100644", "f", repo.head(FILE))])
    for _ in range(300):
        tree = raw_tree(repo, [("40000", "d", tree)])
    hand_made(repo, [("40000", "x", tree)], deep=False)
    outcome = repo.review(from_branch("odd"), from_branch("fine"))
    assert actions(outcome) == {"odd": "reject", "fine": "merge"}
    assert "deep" in findings_of(outcome, "odd")["malformed_tree"]["message"]
