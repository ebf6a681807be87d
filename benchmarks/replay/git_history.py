"""Reads merges, trees and blobs of a clone for the replays; writes nothing into it.

New objects (the trees of merges) go into a directory of their own, which borrows the clone's.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentd.conflicts.symbols.sides import FileChange, Side

_NONE = "0" * 40


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge of two parents."""

    commit: str
    left: str
    right: str


class GitHistory:
    """One clone."""

    def __init__(self, git_dir: Path, scratch: Path) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        objects = self._objects(git_dir)
        self._environment = {
            "PATH": os.environ["PATH"],
            "GIT_DIR": str(git_dir),
            "GIT_OBJECT_DIRECTORY": str(scratch),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "LC_ALL": "C",
        }
        self._reader = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._merged: dict[tuple[int, int], str] = {}

    @staticmethod
    def _objects(git_dir: Path) -> Path:
        inner = git_dir / ".git" / "objects"
        return inner if inner.is_dir() else git_dir / "objects"

    def close(self) -> None:
        """Ends the reading process."""
        if self._reader.stdin is not None:
            self._reader.stdin.close()
        if self._reader.stdout is not None:
            self._reader.stdout.close()
        self._reader.wait()

    def git(self, *arguments: str) -> tuple[int, str]:
        """Exit status and output of a command."""
        done = subprocess.run(["git", *arguments], env=self._environment, capture_output=True)
        return done.returncode, done.stdout.decode("utf-8", "surrogateescape")

    # History

    def merges(self) -> Iterator[Merge]:
        """All merges of two parents, each pair of parents once."""
        _, listed = self.git("log", "--all", "--merges", "--max-parents=2", "--format=%H %P")
        seen = set()
        for line in listed.splitlines():
            commit, left, right = line.split(" ")
            if (left, right) not in seen:
                seen.add((left, right))
                yield Merge(commit, left, right)

    def merge_bases(self, left: str, right: str) -> Sequence[str]:
        """All best common ancestors."""
        return self.git("merge-base", "--all", left, right)[1].split()

    def clean_tree(self, left: str, right: str) -> str | None:
        """The tree of a clean merge; None where git finds a conflict or lacks an object."""
        status, output = self.git("merge-tree", "--write-tree", "-z", "--name-only", left, right)
        tree = output.partition("\0")[0].strip()
        return tree if status == 0 and len(tree) == len(_NONE) else None

    def tree(self, commit: str) -> str:
        """The tree of a commit."""
        return self.git("rev-parse", f"{commit}^{{tree}}")[1].strip()

    def side(self, base: str, commit: str) -> Side:
        """What a commit makes of a base."""
        return Side(self.tree(base), self.changes(base, commit))

    def changes(self, old: str, new: str) -> dict[str, FileChange]:
        """The files that differ; links and submodules left out."""
        _, output = self.git("diff-tree", "-r", "-z", "--raw", "--no-renames", old, new)
        fields = output.split("\0")
        changes = {}
        for meta, path in zip(fields[::2], fields[1::2], strict=False):
            old_mode, new_mode, before, after, _ = meta[1:].split(" ")
            changes[path] = FileChange(
                before if old_mode.startswith("100") else None,
                after if new_mode.startswith("100") else None,
            )
        return changes

    # What the guard reads

    def expect(self, left: Side, right: Side, tree: str) -> None:
        """Says what the merge of two sides is, before the guard asks."""
        self._merged = {(id(left), id(right)): tree}

    def merged(self, left: Side, right: Side) -> Mapping[str, str | None] | None:
        """What the merge changes on the base."""
        tree = self._merged.get((id(left), id(right)))
        if tree is None:
            return None
        return {path: each.new for path, each in self.changes(left.base_tree, tree).items()}

    def listing(self, tree: str) -> Mapping[str, str]:
        """Path to blob of every file of a tree."""
        _, output = self.git("ls-tree", "-r", "-z", tree)
        listing = {}
        for record in output.split("\0"):
            if record.startswith("100"):
                meta, path = record.split("\t", 1)
                listing[path] = meta.split(" ")[2]
        return listing

    def read_blobs(self, blobs: Sequence[str]) -> Mapping[str, bytes]:
        """The contents of some blobs; what is missing is left out."""
        contents = {}
        stdin, stdout = self._reader.stdin, self._reader.stdout
        assert stdin is not None
        assert stdout is not None
        for blob in blobs:
            stdin.write(f"{blob}\n".encode())
            stdin.flush()
            header = stdout.readline().split()
            if len(header) != 3:
                continue
            size = int(header[2])
            content = stdout.read(size)
            stdout.read(1)
            if header[1] == b"blob":
                contents[blob] = content
        return contents
