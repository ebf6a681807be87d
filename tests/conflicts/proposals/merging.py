"""Merges texts as a review's conflict would have them: hunks from git, then entities and gates."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from agentd.conflicts.proposals.entities import Merged, merge_entities
from agentd.conflicts.proposals.gates import check_file
from agentd.conflicts.proposals.sides import FileSides
from agentd.conflicts.trees.changes import Hunk, parse_hunks


@dataclass(frozen=True)
class Both:
    """A template with `@` where both sides add something, and what comes out there."""

    name: str
    path: str
    around: str
    left: str
    right: str
    result: str

    def __str__(self) -> str:
        return f"{Path(self.path).suffix or self.path} {self.name}"

    def file(self, added: str) -> str:
        return self.around.replace("@\n", added)


def sides_of(directory: Path, path: str, base: bytes, left: bytes, right: bytes) -> FileSides:
    """A conflicting file with the changed stretches that git finds."""

    def git(*arguments: str, stdin: bytes | None = None) -> bytes:
        return subprocess.run(
            ["git", *arguments], cwd=directory, input=stdin, capture_output=True, check=True
        ).stdout

    if not (directory / "HEAD").exists():
        git("init", "--quiet", "--bare")

    def tree(content: bytes) -> str:
        blob = git("hash-object", "-w", "--stdin", stdin=content).decode().strip()
        listing = f"100644 blob {blob}\tfile\n".encode()
        return git("mktree", stdin=listing).decode().strip()

    start, *ends = (tree(content) for content in (base, left, right))

    def hunks(end: str) -> tuple[Hunk, ...]:
        options = ["-r", "-z", "--raw", "-p", "-U0", "--histogram", "--full-index"]
        files = parse_hunks(git("diff-tree", *options, start, end))
        return files[0].hunks if files else ()

    return FileSides(path, base, left, right, hunks(ends[0]), hunks(ends[1]))


def merged(directory: Path, path: str, base: str, left: str, right: str) -> str:
    """What is proposed. Fails where nothing is, or where a gate stands against it."""
    sides = sides_of(directory, path, base.encode(), left.encode(), right.encode())
    outcome = merge_entities(sides)
    assert isinstance(outcome, Merged), outcome
    assert check_file(sides, outcome.content) == ()
    return outcome.content.decode()


def why_not(directory: Path, path: str, base: str, left: str, right: str) -> str:
    """Why nothing is proposed: the reason of whoever declines, or the gate that refuses."""
    sides = sides_of(directory, path, base.encode(), left.encode(), right.encode())
    outcome = merge_entities(sides)
    if not isinstance(outcome, Merged):
        return outcome.reason
    refusals = check_file(sides, outcome.content)
    assert refusals, f"proposed:\n{outcome.content.decode()}"
    return refusals[0].gate.value


def check_merged(directory: Path, case: Both) -> None:
    """Fails where the two additions do not become the case's result."""
    got = merged(directory, case.path, case.file(""), case.file(case.left), case.file(case.right))
    assert got == case.file(case.result)


def check_left_alone(directory: Path, case: Both) -> None:
    """Fails where the two additions are merged, or for another reason than the case's result."""
    reason = why_not(
        directory, case.path, case.file(""), case.file(case.left), case.file(case.right)
    )
    assert case.result in reason
