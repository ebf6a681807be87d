"""The place where changes are tried out: agentd's own bare repository, one for each of the user's.

It borrows the user's objects (alternates) and shares nothing else with his repository: not his
configuration, attributes, merge drivers or hooks. All objects that a review makes are written
here, so that judging writes nothing into the user's repository. What git answers is believed only
where it has the form of an answer; anything else is `git_failed`, never a verdict.

This module must not know what a bundle is or what follows from a conflict.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Unpack

from agentd.conflicts.git.isolation import asked_of_each
from agentd.conflicts.git.names import OBJECT_ID, CommitId, ObjectId, TreeId, decoded, encoded
from agentd.conflicts.git.object_writing import store_objects
from agentd.conflicts.git.process import GitProcess, GitResult, RunOptions, tells_of_damage
from agentd.conflicts.git.quarantine_setup import set_up, unusable
from agentd.conflicts.git.repository import IDENTITY, Repository
from agentd.conflicts.merges.result import NO_ATTRIBUTES, Merge, MergeAttributes, MergeResult
from agentd.conflicts.merges.trial_merges import TrialMerges
from agentd.conflicts.policy.policy import Limits
from agentd.conflicts.trees.changes import FileHunks, TreeChange
from agentd.conflicts.trees.differences import (
    Pair,
    changes,
    entry_changes,
    hunk_count,
    hunks,
    patch,
)
from agentd.conflicts.trees.edits import Edits
from agentd.conflicts.trees.entries import (
    ObjectInfo,
    entries_at,
    in_portions,
    look_up,
    read_objects,
)
from agentd.conflicts.trees.making import make_trees
from agentd.errors import DependencyFailed
from agentd.paths import Home

CORRUPT_BINARY: Final = "corrupt binary patch"
"""What git says of a patch whose binary content cannot be unpacked; no object is to blame."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a patch gives: a tree, or git's reason against it."""

    tree: TreeId | None
    output: str


class Quarantine:
    """A bare repository for trying out changes of one repository of the user's."""

    def __init__(self, home: Path, repository: Repository, git: GitProcess) -> None:
        self.repository = repository
        self._git = git
        self._home = home
        self.git_dir = Home(home).quarantine / f"{repository.identity}.git"
        self.merges_file = self.git_dir / "agentd-merges.sqlite3"
        """For the memory of merges; nothing of git's."""
        self.summaries_file = self.git_dir / "agentd-symbols.sqlite3"
        """For what was read out of source files."""
        self._trials = TrialMerges(self, git, repository.object_format)
        try:
            set_up(self.git_dir, repository, git)
        except OSError as problem:
            raise unusable(self.git_dir, problem.strerror or str(problem)) from problem

    def within(self, limits: Limits) -> Quarantine:
        """The same, within a policy's limits."""
        git = self._git.within(
            timeout_secs=limits.git_timeout_secs, text_bytes_max=limits.text_bytes_max
        )
        return Quarantine(self._home, self.repository, git)

    def with_timeout(self, timeout_secs: float) -> Quarantine:
        """The same, with another time limit for each call."""
        git = self._git.within(timeout_secs=timeout_secs)
        return Quarantine(self._home, self.repository, git)

    def run(self, arguments: Sequence[str], **options: Unpack[RunOptions]) -> GitResult:
        """A git command in the quarantine."""
        return self._git.run(
            [f"--git-dir={self.git_dir}", *arguments],
            directory=self.git_dir,
            **options,
        )

    # What is there

    def tree_of(self, commit: CommitId) -> TreeId:
        """The tree of a commit."""
        return TreeId(self._object_id(["rev-parse", "--verify", f"{commit}^{{tree}}"]))

    def trees_of(self, commits: Sequence[CommitId]) -> dict[CommitId, TreeId]:
        """The trees of many commits, in one call."""
        found = self.trees_there(commits)
        for commit in commits:
            if commit not in found:
                raise DependencyFailed("git_failed", f"the tree of {commit} cannot be read")
        return found

    def trees_there(self, commits: Sequence[CommitId]) -> dict[CommitId, TreeId]:
        """The trees of those commits whose tree is there."""
        wanted = list(dict.fromkeys(commits))
        looked = asked_of_each(
            wanted, lambda some: look_up(self, [f"{each}^{{tree}}" for each in some])
        )
        return {
            commit: TreeId(info.object_id)
            for commit, info in zip(wanted, looked, strict=True)
            if isinstance(info, ObjectInfo) and info.kind == "tree"
        }

    def merge_base(self, left: CommitId, right: CommitId) -> CommitId | None:
        """The best common ancestor, or None."""
        return next(iter(self.merge_bases(left, right)), None)

    def merge_bases(self, left: CommitId, right: CommitId) -> tuple[CommitId, ...]:
        """All common ancestors that are in the history of no other one, in git's order."""
        found = self.run(["merge-base", "--all", left, right])
        # A history that breaks off ends with 1 as well, but not without a word.
        if found.status == 1 and not found.stdout and "error: " not in found.stderr:
            return ()
        bases = found.text.split("\n")
        if found.status != 0 or not all(OBJECT_ID.fullmatch(base) for base in bases):
            raise DependencyFailed("git_failed", f"`git merge-base` failed: {found.stderr[:500]}")
        return tuple(CommitId(base) for base in bases)

    def is_ancestor(self, ancestor: CommitId, commit: CommitId) -> bool:
        """Whether a commit is part of another's history."""
        told = self.run(["merge-base", "--is-ancestor", ancestor, commit])
        if told.status not in (0, 1) or (told.status == 1 and "error: " in told.stderr):
            raise DependencyFailed("git_failed", f"`git merge-base` failed: {told.stderr[:500]}")
        return told.status == 0

    def commit_seconds(self, commit: CommitId) -> int:
        """A commit's date in Unix seconds."""
        return self.seconds_of([commit])[commit]

    def seconds_of(self, commits: Sequence[CommitId]) -> dict[CommitId, int]:
        """The dates of many commits in Unix seconds, in one call."""
        wanted = list(dict.fromkeys(commits))
        if not wanted:
            return {}
        listed = self.run(
            ["rev-list", "--no-walk", "--no-commit-header", "--format=%H %ct", "--stdin"],
            stdin="".join(f"{commit}\n" for commit in wanted).encode(),
            check=True,
        )
        dates = dict(line.split(" ") for line in listed.text.split("\n"))
        return {commit: int(dates[commit]) for commit in wanted}

    def read_blobs(self, ids: Sequence[ObjectId]) -> dict[ObjectId, bytes]:
        """The content of blobs, in one call; in several where they are too much for one."""
        contents = {}
        for object_id, (kind, content) in read_objects(self, ids).items():
            if kind != "blob":
                raise DependencyFailed("git_failed", f"the object {object_id} cannot be read")
            contents[object_id] = content
        return contents

    def portions(self, ids: Sequence[ObjectId]) -> Iterator[list[ObjectId]]:
        """Objects, so many at a time as may be held in memory together."""
        wanted = list(dict.fromkeys(ids))
        if len(wanted) < 2:
            yield from filter(None, [wanted])
            return
        yield from in_portions(self._look_up(wanted))

    def sizes_of(self, ids: Sequence[ObjectId]) -> dict[ObjectId, int]:
        """How many bytes objects have."""
        return {info.object_id: info.size for info in self._look_up(list(dict.fromkeys(ids)))}

    def _look_up(self, ids: Sequence[ObjectId]) -> list[ObjectInfo]:
        looked = []
        for object_id, info in zip(ids, look_up(self, ids), strict=True):
            if info is None:
                raise DependencyFailed("git_failed", f"the object {object_id} cannot be read")
            looked.append(info)
        return looked

    def entries_at(
        self, wanted: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[str, ObjectId]]:
        """(tree, path) to (mode, object) of whatever is there, directories included."""
        return entries_at(self, wanted)

    def count_files(self, tree: str) -> int:
        """How many files, links and submodules a tree has."""
        listed = self.run(["ls-tree", "-r", "-z", "--name-only", tree], check=True, large=True)
        return listed.stdout.count(b"\0")

    def blob_at(self, tree: str, path: str) -> bytes | None:
        """The content of a file of a tree, or None where there is no such file."""
        found = self.run(["ls-tree", "-z", tree, "--", path], check=True).stdout
        fields = found.split(b"\t", 1)[0].split(b" ")
        if len(fields) != 3 or fields[1] != b"blob":
            return None
        return self.read_blobs([ObjectId(fields[2].decode())])[ObjectId(fields[2].decode())]

    def entries(self, tree: str) -> dict[str, tuple[str, ObjectId]]:
        """Path to (mode, object) of everything in a tree but its directories."""
        listed = self.run(["ls-tree", "-r", "-z", tree], check=True, large=True).stdout
        entries = {}
        for record in listed.split(b"\0"):
            if record:
                meta, path = record.split(b"\t", 1)
                mode, _, object_id = meta.decode().split(" ")
                entries[decoded(path)] = (mode, ObjectId(object_id))
        return entries

    # How trees differ

    def changes(
        self, pairs: Sequence[Pair], *, renames: bool
    ) -> tuple[tuple[TreeChange, ...], ...]:
        """What changed between the trees of each pair, in one call."""
        return changes(self, pairs, renames=renames)

    def entry_changes(
        self, pairs: Sequence[Pair], *, renames: bool = False
    ) -> tuple[tuple[TreeChange, ...], ...]:
        """What changed between the trees of each pair, in one call that counts no lines; it reads
        no file but those of which one may be another's new place."""
        return entry_changes(self, pairs, renames=renames)

    def hunks(
        self, pairs: Sequence[Pair], *, renames: bool = False, paths: Sequence[str] = ()
    ) -> tuple[tuple[FileHunks, ...], ...]:
        """Which lines changed between the trees of each pair, in one call; of some paths alone
        where any are given."""
        return hunks(self, pairs, renames=renames, paths=paths)

    def hunk_count(self, old: TreeId, new: TreeId, paths: Sequence[str]) -> int:
        """In how many places a file differs (of a moved one, both paths), found out quickly."""
        return hunk_count(self, old, new, paths)

    def patch(self, old: TreeId, new: TreeId) -> bytes:
        """What changed between two trees as a patch that applies exactly, binary files included."""
        return patch(self, old, new)

    # Making trees and commits

    def store_blob(self, content: bytes) -> ObjectId:
        """Keeps some bytes."""
        return store_objects(self, "blob", [content])[0]

    def make_trees(self, wanted: Sequence[tuple[TreeId | None, Edits]]) -> tuple[TreeId, ...]:
        """Trees that differ from others (None: from the one before) in some files, in one call."""
        return make_trees(self, wanted)

    def commit(
        self,
        tree: TreeId,
        parents: Sequence[CommitId] = (),
        *,
        message: str = "quarantine\n",
        seconds: int = 0,
        author: str | None = None,
    ) -> CommitId:
        """Makes a commit whose id depends on nothing but the arguments."""
        date = f"@{max(seconds, 0)} +0000"
        environment = {**IDENTITY, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        if author:
            environment["GIT_AUTHOR_NAME"] = author
        arguments = ["commit-tree", tree, "-F", "-"]
        for parent in parents:
            arguments += ["-p", parent]
        return CommitId(self._object_id(arguments, stdin=encoded(message), environment=environment))

    def apply(self, base: TreeId, patch: bytes, *, strip: int = 1) -> Applied:
        """Applies a patch to a tree; the output tells of hunks that did not fit where they said.

        Raises `git_failed` where the tree itself cannot be read.
        """
        with self.index_of(base) as environment:
            applied = self.run(
                ["apply", "--cached", "--verbose", "--whitespace=nowarn", f"-p{strip}", "-"],
                stdin=patch,
                environment=environment,
            )
            if applied.status != 0:
                in_patch = CORRUPT_BINARY in applied.stderr
                if tells_of_damage(applied.stderr) and not in_patch:
                    raise DependencyFailed(
                        "git_failed", f"`git apply` failed: {applied.stderr.strip()[-500:]}"
                    )
                return Applied(None, applied.stderr)
            tree = TreeId(self._object_id(["write-tree"], environment=environment))
        return Applied(tree, applied.stderr)

    def patch_names(self, patch: bytes, *, strip: int = 1) -> tuple[str, ...] | str:
        """The paths that git reads in a patch, in its order, or git's reason against it."""
        listed = self.run(["apply", "--numstat", "-z", f"-p{strip}", "-"], stdin=patch)
        if listed.status != 0:
            return listed.stderr
        records = [record for record in listed.stdout.split(b"\0") if record]
        return tuple(decoded(record.split(b"\t", 2)[2]) for record in records)

    @contextmanager
    def index_of(self, tree: TreeId) -> Iterator[dict[str, str]]:
        """The environment of an index of its own that holds a tree."""
        with tempfile.TemporaryDirectory(prefix="agentd-index-") as directory:
            environment = {"GIT_INDEX_FILE": os.path.join(directory, "index")}
            self.run(["read-tree", tree], environment=environment, check=True)
            yield environment

    @contextmanager
    def index_with(self, files: Mapping[str, tuple[str, ObjectId]]) -> Iterator[dict[str, str]]:
        """The environment of an index of its own that holds some files: path to (mode, object)."""
        lines = [encoded(f"{mode} {entry}\t{path}\0") for path, (mode, entry) in files.items()]
        with tempfile.TemporaryDirectory(prefix="agentd-index-") as directory:
            environment = {"GIT_INDEX_FILE": os.path.join(directory, "index")}
            self.run(
                ["update-index", "-z", "--index-info"],
                stdin=b"".join(lines),
                environment=environment,
                check=True,
            )
            yield environment

    def checkout_tree(self, tree: str, directory: Path) -> None:
        """Writes the files of a tree into an empty directory."""
        with self.index_of(TreeId(tree)) as environment:
            self.run(
                [f"--work-tree={directory}", "checkout-index", "--all", "--force", "--quiet"],
                environment=environment,
                configuration={"core.bare": "false"},
                check=True,
            )

    # Merging

    def merge(
        self,
        base: TreeId,
        left: TreeId,
        right: TreeId,
        *,
        attributes: MergeAttributes = NO_ATTRIBUTES,
    ) -> MergeResult:
        """Merges two trees over exactly this base, whatever their real histories are."""
        return self._trials.merge_all([Merge(base, left, right)], attributes)[0]

    def merge_all(
        self, merges: Sequence[Merge], *, attributes: MergeAttributes = NO_ATTRIBUTES
    ) -> tuple[MergeResult, ...]:
        """Merges many, in one process where git can."""
        return self._trials.merge_all(merges, attributes)

    # Keeping and handing over

    def make_tree(self, files: Mapping[str, ObjectId]) -> TreeId:
        """A flat tree of some blobs."""
        listing = "".join(f"100644 blob {blob}\t{name}\n" for name, blob in sorted(files.items()))
        return TreeId(self._object_id(["mktree"], stdin=listing.encode()))

    def pack(self, commit: CommitId, known: Sequence[CommitId]) -> bytes:
        """The objects of a commit that a repository with the known commits lacks."""
        revisions = "".join(f"{line}\n" for line in (commit, *(f"^{old}" for old in known)))
        packed = self.run(
            ["pack-objects", "--stdout", "--revs", "--thin", "-q", "--delta-base-offset"],
            stdin=revisions.encode(),
            check=True,
            large=True,
        )
        return packed.stdout

    def _object_id(self, arguments: Sequence[str], **options: Unpack[RunOptions]) -> str:
        options["check"] = True
        result = self.run(arguments, **options)
        if not OBJECT_ID.fullmatch(result.text):
            raise DependencyFailed(
                "git_failed", f"`git {arguments[0]}` answered {result.text[:200]!r}"
            )
        return result.text
