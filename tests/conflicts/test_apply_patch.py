"""Codex's own form of a patch is taken as Codex takes it, but for what would lose something.

`apply_patch_measured.json` holds what `apply_patch` of Codex 0.169.0 made of small files: forms
that were written by hand, and random ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentd.conflicts.patches.apply_patch import (
    AddFile,
    DeleteFile,
    Malformed,
    UpdateFile,
    is_apply_patch,
    parse_apply_patch,
    paths_of,
)
from agentd.conflicts.patches.apply_patch_chunks import DoesNotFit, updated
from tests.conflicts.repo_builder import FileContent, Repo, actions, findings_of, patch_bundle

MEASURED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "apply_patch_measured.json").read_text()
)
START: Mapping[str, FileContent] = {
    "a.txt": "one\ntwo\nthree\n",
    "dir/b.py": "def f():\n    return 1\n\n\ndef g():\n    return 1\n",
    "dos.txt": "one\r\ntwo\r\n",
    "end.txt": "one\ntwo",
    "data.bin": bytes(range(256)),
}

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]


def patch(*lines: str) -> str:
    """A patch of some lines."""
    return "\n".join(["*** Begin Patch", *lines, "*** End Patch", ""])


def made_of(files: Mapping[str, str], text: str) -> dict[str, str] | None:
    """What a patch makes of some files; None where it does not fit."""
    after = dict(files)
    try:
        for operation in parse_apply_patch(text.encode()):
            path = operation.path.removeprefix("./")
            match operation:
                case AddFile():
                    after[path] = operation.content
                case DeleteFile():
                    del after[path]
                case UpdateFile():
                    after[operation.move_to or path] = updated(after.pop(path), operation.chunks)
    except (Malformed, DoesNotFit, KeyError):
        return None
    return after


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: case["name"].replace(" ", "-"))
def test_as_codex_takes_it(case: dict[str, Any]) -> None:
    assert made_of(case["before"], case["patch"]) == case["after"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_text_is_too_odd(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(MEASURED))
    lines = case["patch"].split("\n")
    at = data.draw(st.integers(0, len(lines)))
    odd = data.draw(st.text(max_size=8) | st.sampled_from(["*** ", "@@", "+", "*** End of File"]))
    made_of(case["before"], "\n".join([*lines[:at], odd, *lines[at:]]))
    made_of_bytes("\n".join(lines).encode() + data.draw(st.binary(max_size=8)))


def made_of_bytes(text: bytes) -> int:
    """How many operations are read from a text that need not be one."""
    try:
        return len(parse_apply_patch(text))
    except Malformed:
        return 0


def test_every_name_counts() -> None:
    text = patch(
        "*** Add File: n",
        "+x",
        "*** Update File: a",
        "*** Move to: b",
        "-x",
        "*** Delete File: d",
        "*** Update File: b",
        "+y",
    )
    assert paths_of(parse_apply_patch(text.encode())) == ("n", "a", "b", "d")


def test_what_it_is_told_by() -> None:
    assert is_apply_patch(b"\n  *** Begin Patch\n")
    assert is_apply_patch(b"<<'EOF'\n*** Begin Patch\n")
    assert not is_apply_patch(b"diff --git a/x b/x\n")
    assert not is_apply_patch(b"")


def reviewed(repo: Repo, text: str | bytes) -> dict[str, dict[str, Any]]:
    """The findings on a patch that is reviewed alone."""
    return findings_of(repo.review(patch_bundle("codex", text, repo.head())), "codex")


def test_a_review_merges_it(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    (repo.path / "a.txt").chmod(0o755)
    repo.commit("runs", {})
    text = patch(
        "*** Add File: new/c.txt",
        "+new",
        "*** Update File: a.txt",
        "*** Move to: moved.txt",
        " one",
        "-two",
        "+TWO",
        "*** Update File: dir/b.py",
        "@@ def g():",
        "-    return 1",
        "+    return 2",
        "*** Update File: dos.txt",
        "-two",
        "+TWO",
        "*** Delete File: end.txt",
    )
    outcome = repo.review(patch_bundle("codex", text, repo.head()))
    assert actions(outcome) == {"codex": "merge"}
    tree = outcome.record["integration"]["tree"]
    quarantine = next((repo.home / "quarantine").iterdir())

    def content(path: str) -> bytes:
        return repo.raw_git("cat-file", "blob", f"{tree}:{path}", at=quarantine)

    assert content("new/c.txt") == b"new\n"
    assert content("moved.txt") == b"one\nTWO\nthree\n"
    assert content("dir/b.py").endswith(b"def g():\n    return 2\n")
    assert content("dos.txt") == b"one\r\nTWO\r\n"
    listed = repo.git("ls-tree", "-r", tree, at=quarantine)
    assert "100755" in listed
    assert "end.txt" not in listed
    assert "a.txt" not in listed.split()


def test_it_is_judged_beside_unified_diffs(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    other = repo.patch_of({"a.txt": "one\nzwei\nthree\n"})
    text = patch("*** Update File: a.txt", "-two", "+TWO")
    outcome = repo.review(
        patch_bundle("codex", text, repo.head()), patch_bundle("git", other, repo.head())
    )
    assert sorted(actions(outcome).values()) == ["merge", "rebase"]


@pytest.mark.parametrize(
    ("lines", "kind", "says"),
    [
        (["*** Update File: a.txt", "-nothing", "+x"], "does_not_apply", "do not stand there"),
        (["*** Update File: a.txt", "@@ no", "-two", "+x"], "does_not_apply", "no line 'no'"),
        (["*** Update File: gone", "-two", "+x"], "does_not_apply", "does not have"),
        (["*** Delete File: gone"], "does_not_apply", "does not have"),
        (["*** Add File: a.txt", "+x"], "does_not_apply", "has a.txt"),
        (
            ["*** Update File: a.txt", "*** Move to: end.txt", "-two", "+x"],
            "does_not_apply",
            "has end.txt",
        ),
        (
            ["*** Update File: a.txt", "*** Move to: ./a.txt", "-two", "+x"],
            "does_not_apply",
            "onto itself",
        ),
        (["*** Update File: data.bin", "-x", "+y"], "does_not_apply", "not UTF-8"),
        (["*** Update File: a.txt", "?"], "does_not_apply", "line 3 is '?'"),
        (["*** Update File: a.txt"], "does_not_apply", "changes no line"),
        (["*** Add File: "], "does_not_apply", "must begin with"),
        ([], "does_not_apply", "changes no file"),
        (["what"], "does_not_apply", "line 2 is 'what'"),
        (["*** Add File: /etc/x", "+x"], "unsafe_path", "'/etc/x'"),
        (["*** Add File: ../x", "+x"], "unsafe_path", "'../x'"),
        (["*** Add File: a/../../x", "+x"], "unsafe_path", ""),
        (["*** Add File: .git/hooks/x", "+x"], "unsafe_path", "git does not take"),
        (["*** Add File: a.txt/x", "+x"], "does_not_apply", "below a.txt"),
        (["*** Add File: dir", "+x"], "does_not_apply", "there is a directory, dir"),
        (["*** Add File: x\0y", "+x"], "unsafe_path", ""),
        (["*** Update File: a.txt", " two"], "empty", "changes nothing"),
    ],
    ids=str,
)
def test_what_is_refused(lines: list[str], kind: str, says: str, make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    found = reviewed(repo, patch(*lines))
    assert says in found[kind]["message"]


def test_a_file_may_take_the_place_of_a_directory_that_it_empties(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    text = patch("*** Delete File: dir/b.py", "*** Add File: dir", "+x")
    assert actions(repo.review(patch_bundle("codex", text, repo.head()))) == {"codex": "merge"}


def test_a_link_is_no_file_with_lines(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    (repo.path / "link").symlink_to("a.txt")
    repo.commit("link", {})
    found = reviewed(repo, patch("*** Update File: link", "-a.txt", "+b.txt"))
    assert "no regular file" in found["does_not_apply"]["message"]


def test_a_text_that_is_cut_off_or_no_text(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    whole = patch("*** Update File: a.txt", "-two", "+x")
    assert "its last line" in reviewed(repo, whole[:-15])["does_not_apply"]["message"]
    assert "not UTF-8" in reviewed(repo, whole.encode() + b"\xff")["does_not_apply"]["message"]


@pytest.mark.parametrize(
    ("limit", "lines"),
    [
        ("files_max = 1", ["*** Add File: x", "+x", "*** Add File: y", "+y"]),
        ("hunks_max = 1", ["*** Update File: a.txt", "@@", "-one", "@@", "-two"]),
        ("line_bytes_max = 50", ["*** Add File: x", "+" + "x" * 60]),
    ],
)
def test_limits(limit: str, lines: list[str], make_repo: MakeRepo) -> None:
    repo = make_repo({**START, ".agentd/review.toml": f"[limits]\n{limit}\n"})
    assert "over_limit" in reviewed(repo, patch(*lines))
