"""Reads merges, trees and blobs of a clone for the replays; writes nothing into it.

New objects (the trees of merges) go into a directory of their own, which borrows the clone's.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agentd.conflicts.git.repository import IDENTITY
from agentd.conflicts.merges.result import MergeResult, parse_merges
from agentd.conflicts.symbols.sides import FileChange, Side
from benchmarks.replay.ancestry import Ancestry

_NONE = "0" * 40
_ASKED = 500
"""How many objects are asked for at once: few enough for a pipe to take their names."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge of two parents."""

    commit: str
    left: str
    right: str

    @property
    def parents(self) -> tuple[str, str]:
        """Both."""
        return self.left, self.right


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
            **IDENTITY,
        }
        self._git_dir = git_dir  # No attributes of somebody's checkout count there.
        self._reader = self._start("cat-file", "--batch")
        self._differ = self._start("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames")
        self._merged: dict[tuple[int, int], str] = {}

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["git", *arguments],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    @staticmethod
    def _objects(git_dir: Path) -> Path:
        inner = git_dir / ".git" / "objects"
        return inner if inner.is_dir() else git_dir / "objects"

    def close(self) -> None:
        """Ends the reading processes."""
        for process in (self._reader, self._differ):
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            process.wait()

    def git(self, *arguments: str, index: str | None = None) -> tuple[int, str]:
        """Exit status and output of a command, which may use an index file."""
        own = {"GIT_INDEX_FILE": index} if index is not None else {}
        environment = {**self._environment, **own}
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self._git_dir, env=environment, capture_output=True)
        return done.returncode, done.stdout.decode("utf-8", "surrogateescape")

    # History

    def merges(self) -> Iterator[Merge]:
        """All merges of two parents, each pair of parents once."""
        seen = set()
        for commit, parents in self._history.items():
            if len(parents) == 2 and parents not in seen:
                seen.add(parents)
                yield Merge(commit, *parents)

    def merge_bases(self, left: str, right: str) -> Sequence[str]:
        """All best common ancestors."""
        return self._ancestry.merge_bases(left, right)

    @cached_property
    def _history(self) -> Mapping[str, tuple[str, ...]]:
        """The parents of every commit, children before parents."""
        _, listed = self.git("log", "--all", "--topo-order", "--format=%H %P")
        return {
            commit: tuple(parents)
            for commit, *parents in (line.split() for line in listed.splitlines())
        }

    @cached_property
    def _ancestry(self) -> Ancestry:
        return Ancestry(self._history, self._history)

    def clean_trees(self, merges: Sequence[Merge]) -> dict[Merge, str]:
        """The trees of those merges that are clean, in as few calls as possible."""
        return {
            merge: answer.tree
            for merge, answer in self.merge_results(merges).items()
            if answer.clean
        }

    def merge_results(self, merges: Sequence[Merge]) -> dict[Merge, MergeResult]:
        """What git makes of merges; those that it cannot make, as objects are missing, left out."""
        answers: dict[Merge, MergeResult] = {}
        start = 0
        while start < len(merges):
            found = self._merge_batch(merges[start:])
            answers.update(zip(merges[start:], found, strict=False))
            start += len(found) + 1  # A line that cannot be merged ends the batch: step over it.
        return answers

    def _merge_batch(self, merges: Sequence[Merge]) -> tuple[MergeResult, ...]:
        """Merges until one fails."""
        done = subprocess.run(
            ["git", "merge-tree", "--write-tree", "--stdin", "-z", "--name-only", "--messages"],
            cwd=self._git_dir,
            env=self._environment,
            input="".join(f"{each.left} {each.right}\n" for each in merges).encode(),
            capture_output=True,
        )
        return parse_merges(done.stdout)[: len(merges)]

    def keeps_from_merging(self, tip: str, paths: Sequence[str]) -> bool:
        """Whether a tip's own attributes say of one of the paths that its lines do not merge.

        A bare clone merges without them, as it has no checkout to read them from.
        """
        with tempfile.TemporaryDirectory(prefix="agentd-index-") as directory:
            index = f"{directory}/index"
            self.git("read-tree", tip, index=index)
            said = self.git("check-attr", "--cached", "-z", "merge", "--", *paths, index=index)[1]
        return bool({"unset", "binary"}.intersection(said.split("\0")[2::3]))

    def lacks_objects(self, *commits: str) -> bool:
        """Whether files of some commits are missing: clones of promisors hold not everything."""
        walk = ["rev-list", "--objects", "--no-walk", "--missing=print", *commits]
        status, listed = self.git(*walk)
        return status != 0 or "\n?" in f"\n{listed}"

    def tree(self, commit: str) -> str:
        """The tree of a commit."""
        found = self._object(commit)
        if found is None or found[0] != b"commit":
            raise LookupError(f"no commit {commit}")
        return found[1][5 : found[1].index(b"\n")].decode()

    def side(self, base: str, commit: str) -> Side:
        """What a commit makes of a base."""
        base_tree = self.tree(base)
        return Side(base_tree, self.changes(base_tree, self.tree(commit)))

    def changes(self, old: str, new: str) -> dict[str, FileChange]:
        """The files that differ between two trees; links and submodules left out."""
        stdin, stdout = self._differ.stdin, self._differ.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{old} {new}\nend\n".encode())  # What is no pair of trees is repeated.
        stdin.flush()
        stdout.readline()
        output = b""
        while not output.endswith(b"end\n"):
            output += stdout.readline()
        fields = output[:-4].decode("utf-8", "surrogateescape").split("\0")
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

    def read_blobs(self, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The contents of some blobs; what is missing is left out."""
        for start in range(0, len(blobs), _ASKED):
            asked = blobs[start : start + _ASKED]
            for blob, found in zip(asked, self._objects_called(asked), strict=True):
                if found is not None and found[0] == b"blob":
                    yield blob, found[1]

    def _object(self, name: str) -> tuple[bytes, bytes] | None:
        """Kind and content of an object; None where it is missing."""
        return next(self._objects_called([name]))

    def _objects_called(self, names: Sequence[str]) -> Iterator[tuple[bytes, bytes] | None]:
        """The same of several, asked for at once."""
        stdin, stdout = self._reader.stdin, self._reader.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write("".join(f"{name}\n" for name in names).encode())
        stdin.flush()
        for _ in names:
            header = stdout.readline().split()
            if len(header) != 3:
                yield None
                continue
            content = stdout.read(int(header[2]))
            stdout.read(1)
            yield header[1], content
