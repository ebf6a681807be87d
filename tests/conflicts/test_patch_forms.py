"""The odd forms in which patches come, each with what the referee makes of it.

One review a form, on a real repository, beside a sound bundle that must merge in any case.
"""

from __future__ import annotations

import zlib
from base64 import b85encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    findings_of,
    numbered,
    patch_bundle,
)

START: Mapping[str, FileContent] = {
    "a.txt": numbered(20),
    "dir/b.txt": numbered(6),
    "dos.txt": numbered(6).replace("\n", "\r\n"),
    "end.txt": numbered(6, end=""),
    "repeated.txt": "start\n" + "block {\n  x\n}\n" * 8 + "end\n",
    "data.bin": bytes(range(256)),
    "sound.txt": numbered(6),
}


def modify(
    path: str = "a.txt", *, old: str | None = None, new: str | None = None, header: str = ""
) -> str:
    """A sound patch of a file's line 3, with other names if need be."""
    return (
        f"{header}--- {old if old is not None else 'a/' + path}\n"
        f"+++ {new if new is not None else 'b/' + path}\n"
        "@@ -1,5 +1,5 @@\n line 1\n line 2\n-line 3\n+THREE\n line 4\n line 5\n"
    )


def add(path: str, mode: str = "100644", content: str = "x", *, quoted: bool = False) -> str:
    a, b = (f'"a/{path}"', f'"b/{path}"') if quoted else (f"a/{path}", f"b/{path}")
    return (
        f"diff --git {a} {b}\nnew file mode {mode}\nindex 0000000..1111111\n"
        f"--- /dev/null\n+++ {b}\n@@ -0,0 +1 @@\n+{content}\n"
    )


def link(path: str, target: str) -> str:
    return add(path, "120000", target) + "\\ No newline at end of file\n"


def copies(path: str, times: int) -> str:
    return "".join(
        f"diff --git a/{path} b/copy{number}\nsimilarity index 100%\n"
        f"copy from {path}\ncopy to copy{number}\n"
        for number in range(times)
    )


def binary(content: str, data: bytes = bytes(4_000)) -> str:
    packed = zlib.compress(data)
    assert len(packed) <= 52, "one line of data is enough"
    length = len(packed)
    mark = chr(ord("A") + length - 1) if length <= 26 else chr(ord("a") + length - 27)
    return (
        f"diff --git a/data.bin b/data.bin\nindex {'1' * 40}..{'2' * 40} 100644\n"
        f"GIT binary patch\n{content}\n{mark}{b85encode(packed, pad=True).decode()}\n\n"
    )


def delta_of(size: int) -> bytes:
    """The beginning of a delta that makes so many bytes of 256."""
    return bytes([0x80, 0x02, 0x80 | size & 0x7F, size >> 7, 0x90, 1])


@dataclass(frozen=True)
class Form:
    """A patch, and what becomes of it."""

    name: str
    patch: str
    action: str
    finding: str | None = None
    says: str = ""
    """A part of the finding's sentence."""
    paths: tuple[str, ...] = ()


FORMS = [
    # Sound ones, in the many ways in which they are written.
    Form("git diff", modify(header="diff --git a/a.txt b/a.txt\n"), "merge", paths=("a.txt",)),
    Form("plain diff -u", modify(), "merge", paths=("a.txt",)),
    Form(
        "diff -u with dates",
        modify(old="a/a.txt\t2026-01-01 10:00:00", new="b/a.txt\t2026-01-01 11:00:00"),
        "merge",
    ),
    Form("mnemonic prefix", modify(old="i/a.txt", new="w/a.txt"), "merge", paths=("a.txt",)),
    Form(
        "mail headers",
        "From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001\n"
        "From: Ada <ada@example.org>\nSubject: [PATCH] three\n\n---\n a.txt | 2 +-\n\n"
        + modify(header="diff --git a/a.txt b/a.txt\n")
        + "-- \n2.39.5\n",
        "merge",
    ),
    Form(
        "prose and a code fence around it",
        "Here is the change:\n\n```diff\n" + modify() + "```\n\nIt\n- is small\n+ is tested\n",
        "merge",
    ),
    Form("no prefix", modify(old="a.txt", new="a.txt"), "merge", paths=("a.txt",)),
    Form(
        "no prefix in a directory",
        "diff --git dir/b.txt dir/b.txt\n" + modify(old="dir/b.txt", new="dir/b.txt"),
        "merge",
        paths=("dir/b.txt",),
    ),
    Form("a dot before the name", modify(old="./a.txt", new="./a.txt"), "merge", paths=("a.txt",)),
    Form(
        "a dot in the name",
        modify(old="a/./a.txt", new="b/./a.txt"),
        "reject",
        "unsafe_path",
        "lead straight",
    ),
    Form(
        "there and back",
        modify(old="a/dir/../a.txt", new="b/dir/../a.txt"),
        "reject",
        "unsafe_path",
        "lead straight",
    ),
    Form(
        "no prefix, a new file",
        "--- /dev/null\n+++ dir/new.txt\n@@ -0,0 +1 @@\n+x\n",
        "merge",
        paths=("dir/new.txt",),
    ),
    Form(
        "old name with .orig",
        modify(old="dir/b.txt.orig", new="dir/b.txt"),
        "merge",
        paths=("dir/b.txt",),
    ),
    Form("new file", add("new.txt"), "merge", paths=("new.txt",)),
    Form("path with spaces", add("with some space.txt"), "merge", paths=("with some space.txt",)),
    Form(
        "path with quotes", add('say \\"hi\\".txt', quoted=True), "merge", paths=('say "hi".txt',)
    ),
    Form("path with a newline", add("two\\nlines", quoted=True), "merge", paths=("two\nlines",)),
    Form("path that is not ASCII", add("grüße.txt"), "merge", paths=("grüße.txt",)),
    Form(
        "path quoted in octal",
        add("gr\\303\\274\\303\\237e.txt", quoted=True),
        "merge",
        paths=("grüße.txt",),
    ),
    Form(
        "rename",
        "diff --git a/a.txt b/moved.txt\nsimilarity index 100%\nrename from a.txt\n"
        "rename to moved.txt\n",
        "merge",
        paths=("a.txt", "moved.txt"),
    ),
    Form(
        "rename with an edit",
        "diff --git a/a.txt b/moved.txt\nsimilarity index 90%\nrename from a.txt\n"
        "rename to moved.txt\n" + modify(old="a/a.txt", new="b/moved.txt"),
        "merge",
        paths=("a.txt", "moved.txt"),
    ),
    Form(
        "only the mode",
        "diff --git a/a.txt b/a.txt\nold mode 100644\nnew mode 100755\n",
        "merge",
        paths=("a.txt",),
    ),
    Form(
        "deletion",
        "diff --git a/dir/b.txt b/dir/b.txt\ndeleted file mode 100644\n--- a/dir/b.txt\n"
        "+++ /dev/null\n@@ -1,6 +0,0 @@\n-line 1\n-line 2\n-line 3\n-line 4\n-line 5\n-line 6\n",
        "merge",
        paths=("dir/b.txt",),
    ),
    Form(
        "an empty context line without its space",
        "--- a/repeated.txt\n+++ b/repeated.txt\n@@ -1,3 +1,4 @@\n start\n+\n block {\n   x\n",
        "merge",
    ),
    Form(
        "new positions that ignore the lines added before",
        "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,3 @@\n line 1\n+new\n line 2\n"
        "@@ -15,2 +15,3 @@\n line 15\n+newer\n line 16\n",
        "merge",
    ),
    Form(
        "CRLF file, kept",
        "--- a/dos.txt\n+++ b/dos.txt\n@@ -1,3 +1,3 @@\n line 1\r\n-line 2\r\n+two\r\n line 3\r\n",
        "merge",
    ),
    Form(
        "no newline at the end, said",
        "--- a/end.txt\n+++ b/end.txt\n@@ -5,2 +5,2 @@\n line 5\n-line 6\n"
        "\\ No newline at end of file\n+six\n\\ No newline at end of file\n",
        "merge",
    ),
    # Out of the repository, or into what steers git.
    Form("parent directory", add("../x"), "reject", "unsafe_path"),
    Form("through a parent directory", add("dir/../../x"), "reject", "unsafe_path"),
    Form(".git", add(".git/hooks/pre-commit", "100755"), "reject", "unsafe_path"),
    Form(".GIT", add(".GIT/config"), "reject", "unsafe_path"),
    Form(".git with a space behind", add(".git /config"), "reject", "unsafe_path"),
    Form("git~1", add("git~1/config"), "reject", "unsafe_path"),
    Form(".git of a directory", add("dir/.git/config"), "reject", "unsafe_path"),
    Form("invisible character in .git", add(".g\u200cit/config"), "reject", "unsafe_path"),
    Form(
        "absolute path",
        "--- /dev/null\n+++ /tmp/x\n@@ -0,0 +1 @@\n+x\n",
        "reject",
        "unsafe_path",
        "/tmp/x",
    ),
    Form("absolute path behind the prefix", add("/tmp/x"), "reject", "unsafe_path"),
    Form(
        "through its own symbolic link",
        link("out", "/tmp") + add("out/x"),
        "reject",
        "unsafe_path",
    ),
    Form("symbolic link out of the tree", link("out", "../../etc"), "reject", "unsafe_path"),
    Form("symbolic link inside", link("dir/inside", "../a.txt"), "escalate", "held_path"),
    Form(
        "submodule",
        "diff --git a/sub b/sub\nnew file mode 160000\nindex 0000000..1111111\n--- /dev/null\n"
        "+++ b/sub\n@@ -0,0 +1 @@\n"
        "+Subproject commit 1111111111111111111111111111111111111111\n",
        "escalate",
        "held_path",
    ),
    Form(".gitmodules", add(".gitmodules"), "escalate", "held_path"),
    Form(".gitattributes", add("dir/.gitattributes", content="* merge=evil"), "escalate"),
    # Damaged on the way.
    Form(
        "all lines CRLF",
        modify(header="diff --git a/a.txt b/a.txt\n").replace("\n", "\r\n"),
        "reject",
        "transport_damaged",
        "CR LF",
    ),
    Form(
        "CR taken off",
        "--- a/dos.txt\n+++ b/dos.txt\n@@ -1,3 +1,3 @@\n line 1\n-line 2\n+two\n line 3\n",
        "reject",
        "transport_damaged",
        "taken off",
    ),
    Form(
        "line about the missing newline lost",
        "--- a/end.txt\n+++ b/end.txt\n@@ -4,3 +4,3 @@\n line 4\n line 5\n-line 6\n+six\n",
        "reject",
        "transport_damaged",
        "No newline",
    ),
    Form(
        "binary without its content",
        "diff --git a/data.bin b/data.bin\nindex 1111111..2222222 100644\n"
        "Binary files a/data.bin and b/data.bin differ\n",
        "reject",
        "binary_without_data",
        "--binary",
    ),
    # Written by somebody who cannot count.
    Form(
        "counts too large",
        modify().replace("-1,5 +1,5", "-1,9 +1,9"),
        "reject",
        "wrong_counts",
        "evidence.recounted",
    ),
    Form(
        "counts too small, so that lines would be lost",
        modify().replace("-1,5 +1,5", "-1,3 +1,3"),
        "reject",
        "wrong_counts",
        "evidence.recounted",
    ),
    Form(
        "wrong line numbers",
        modify().replace("@@ -1,5 +1,5 @@", "@@ -4,5 +4,5 @@"),
        "reject",
        "applies_elsewhere",
        "only line 1",
    ),
    Form(
        "wrong line numbers among repeated blocks",
        "--- a/repeated.txt\n+++ b/repeated.txt\n@@ -6,3 +6,3 @@\n block {\n-  x\n+  y\n }\n",
        "reject",
        "applies_elsewhere",
    ),
    Form(
        "without context",
        "--- a/a.txt\n+++ b/a.txt\n@@ -3 +3 @@\n-line 3\n+THREE\n",
        "reject",
        "no_context",
        "-U0",
    ),
    Form(
        "no context behind the change",
        "--- a/a.txt\n+++ b/a.txt\n@@ -2,2 +2,2 @@\n line 2\n-line 3\n+THREE\n",
        "reject",
        "no_context",
        "behind",
    ),
    # It does not fit.
    Form(
        "other content",
        modify().replace("line 2", "line two"),
        "reject",
        "does_not_apply",
        "git diff",
    ),
    Form("a file that is not there", modify("gone.txt"), "reject", "does_not_apply"),
    Form("adds a file that is there", add("a.txt"), "reject", "does_not_apply", "has already"),
    Form("file over a directory", add("dir"), "reject", "does_not_apply"),
    Form("directory over a file", add("a.txt/x"), "reject", "does_not_apply"),
    # It is nothing.
    Form("empty", "", "reject", "empty"),
    Form("blank", " \n\n", "reject", "empty"),
    Form("prose only", "I changed line 3 as you asked.\n", "reject", "does_not_apply", "No patch"),
    Form(
        "changes nothing",
        "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n line 1\n-line 2\n+line 2\n line 3\n",
        "reject",
        "empty",
    ),
    # A warning is enough.
    Form("twin in case", add("A.TXT"), "merge", "case_twin", "macOS"),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda each: each.name)
def test_form(form: Form, make_repo: Callable[[Mapping[str, FileContent]], Repo]) -> None:
    repo = make_repo(START)
    base = repo.head()
    sound = patch_bundle("sound", modify("sound.txt"), base)
    before = repo.fingerprint()
    outcome = repo.review(patch_bundle("odd", form.patch, base), sound)
    assert repo.fingerprint() == before
    assert actions(outcome) == {"odd": form.action, "sound": "merge"}
    found = findings_of(outcome, "odd")
    if form.finding is not None:
        assert form.finding in found
        assert form.says in found[form.finding]["message"]
    elif form.action == "merge":
        assert found == {}
    if form.paths:
        (bundle,) = (each for each in outcome.record["bundles"] if each["owner"] == "odd")
        assert tuple(bundle["paths"]) == form.paths


def test_there_are_at_least_the_47_forms() -> None:
    assert len({form.name for form in FORMS}) == len(FORMS) >= 47


def test_the_recounted_patch_merges_when_handed_in(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo(START)
    wrong = modify().replace("-1,5 +1,5", "-1,9 +1,9")
    outcome = repo.review(patch_bundle("odd", wrong, repo.head()))
    recounted = findings_of(outcome, "odd")["wrong_counts"]["evidence"]["recounted"]
    assert actions(repo.review(patch_bundle("odd", recounted, repo.head()))) == {"odd": "merge"}


def test_hunks_far_from_their_lines_are_refused_although_the_text_is_unique(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo(START)
    moved = "--- a/a.txt\n+++ b/a.txt\n@@ -3,3 +3,3 @@\n line 9\n-line 10\n+TEN\n line 11\n"
    outcome = repo.review(patch_bundle("odd", moved, repo.head()))
    found = findings_of(outcome, "odd")["applies_elsewhere"]
    assert found["evidence"]["hunks"] == [{"path": "a.txt", "hunk": 1, "said": 3, "fits": 9}]


@pytest.mark.parametrize(
    ("limit", "patch"),
    [
        ("bundle_bytes_max = 50", modify()),
        ("files_max = 1", add("one.txt") + add("two.txt")),
        (
            "hunks_max = 1",
            modify() + "@@ -10,3 +10,3 @@\n line 10\n-line 11\n+ELEVEN\n line 12\n",
        ),
        ("line_bytes_max = 50", add("long.txt", content="x" * 60)),
        ("lines_max = 30", copies("a.txt", 2)),
        ("unpacked_bytes_max = 5000", binary("literal 5001")),
        ("unpacked_bytes_max = 5000", binary("delta 9", delta_of(5_000))),
    ],
    ids=["bytes", "files", "hunks", "line", "lines", "literal", "delta"],
)
def test_limits(
    limit: str, patch: str, make_repo: Callable[[Mapping[str, FileContent]], Repo]
) -> None:
    repo = make_repo({**START, ".agentd/review.toml": f"[limits]\n{limit}\n"})
    outcome = repo.review(patch_bundle("odd", patch, repo.head()))
    assert actions(outcome) == {"odd": "reject"}
    assert "over_limit" in findings_of(outcome, "odd")


def test_a_binary_patch_that_cannot_be_unpacked_is_damaged(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo(START)
    garbage = "literal 5\nFgarbageAA\n\nliteral 0\nHcmV?d00001\n\n"
    patch = binary("literal 256").partition("literal")[0] + garbage
    outcome = repo.review(patch_bundle("odd", patch, repo.head()))
    assert actions(outcome) == {"odd": "reject"}
    assert "cannot be unpacked" in findings_of(outcome, "odd")["transport_damaged"]["message"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("x" * 256, "a name of 256 bytes"),
        ("é" * 128, "a name of 256 bytes"),
        ("d/" * 251 + "f", "251 directories deep"),
        ("/".join(["x" * 200] * 20), "4,019 bytes long"),
    ],
)
def test_paths_that_no_checkout_could_write(
    path: str, says: str, make_repo: Callable[[Mapping[str, FileContent]], Repo]
) -> None:
    """They would end every verification of what they are merged with."""
    repo = make_repo(START)
    odd = patch_bundle("odd", add(path), repo.head())
    outcome = repo.review(odd, patch_bundle("sound", modify("sound.txt"), repo.head()))
    assert actions(outcome) == {"odd": "reject", "sound": "merge"}
    assert says in findings_of(outcome, "odd")["unsafe_path"]["message"]


def test_the_longest_paths_that_a_checkout_can_write(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo(START)
    patch = add("x" * 255) + add("d/" * 250 + "f")
    assert actions(repo.review(patch_bundle("odd", patch, repo.head()))) == {"odd": "merge"}


def test_a_binary_patch_with_its_content_merges(
    make_repo: Callable[[Mapping[str, FileContent]], Repo],
) -> None:
    repo = make_repo(START)
    changed = bytes(reversed(range(256)))
    outcome = repo.review(patch_bundle("odd", repo.patch_of({"data.bin": changed}), repo.head()))
    assert actions(outcome) == {"odd": "merge"}
    tree = outcome.record["integration"]["tree"]
    quarantine = next((repo.home / "quarantine").iterdir())
    assert repo.raw_git("cat-file", "blob", f"{tree}:data.bin", at=quarantine) == changed
