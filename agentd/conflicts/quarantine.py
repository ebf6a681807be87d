"""The place where changes are tried out: agentd's own bare repository, one for each of the user's.

It borrows the user's objects (alternates) and shares nothing else with his repository: not his
configuration, attributes, merge drivers or hooks. All objects that a review makes are written
here, so that judging writes nothing into the user's repository. What git answers is believed only
where it has the form of an answer; anything else is `git_failed`, never a verdict.

This module must not know what a bundle is or what follows from a conflict.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agentd.conflicts.git_names import OBJECT_ID, CommitId, ObjectId, TreeId, decoded, encoded
from agentd.conflicts.git_process import GitProcess, GitResult, OutputTooLarge
from agentd.conflicts.merge_result import NO_ATTRIBUTES, Merge, MergeAttributes, MergeResult
from agentd.conflicts.repository import IDENTITY, Repository
from agentd.conflicts.tree_changes import (
    FileHunks,
    TreeChange,
    parse_hunks,
    parse_tree_changes,
    sections,
)
from agentd.conflicts.trial_merges import TrialMerges
from agentd.errors import DependencyFailed, Unavailable

_T = TypeVar("_T")


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
        self.git_dir = home / "quarantine" / f"{repository.identity}.git"
        self.merges_file = self.git_dir / "agentd-merges.sqlite3"
        """For the memory of merges; nothing of git's."""
        self.summaries = self.git_dir / "agentd-symbols"
        """For what was read out of source files."""
        self._trials = TrialMerges(self, git, repository.object_format)
        try:
            self._create()
            self._borrow()
        except OSError as problem:
            raise _unusable(self.git_dir, problem.strerror or str(problem)) from problem

    def _create(self) -> None:
        if (self.git_dir / "HEAD").exists():
            if not os.access(self.git_dir / "objects", os.W_OK | os.X_OK):
                raise _unusable(self.git_dir, "its objects cannot be written")
            return
        self.git_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=self.git_dir.parent))
        self._git.run(
            [
                "init",
                "--quiet",
                "--bare",
                "--template=",
                f"--object-format={self.repository.object_format}",
                str(made),
            ],
            check=True,
        )
        try:
            made.rename(self.git_dir)
        except OSError:
            # Another review made it in the meantime.
            shutil.rmtree(made)
            if not (self.git_dir / "HEAD").exists():
                raise

    def _borrow(self) -> None:
        """Points at the user's objects, and takes over where his history is cut off."""
        line = encoded(str(self.repository.objects))
        if b"\n" in line or line.startswith((b'"', b"#")):
            escaped = line.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
            line = b'"' + escaped + b'"'
        _write_if_different(self.git_dir / "objects" / "info" / "alternates", line + b"\n")
        shallow = self.repository.common_dir / "shallow"
        if shallow.exists():
            _write_if_different(self.git_dir / "shallow", shallow.read_bytes())
        else:
            (self.git_dir / "shallow").unlink(missing_ok=True)

    def with_timeout(self, timeout_secs: float) -> Quarantine:
        """The same, with another time limit for each call."""
        return Quarantine(self._home, self.repository, self._git.with_timeout(timeout_secs))

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        configuration: Mapping[str, str] | None = None,
        check: bool = False,
        large: bool = False,
    ) -> GitResult:
        """A git command in the quarantine."""
        return self._git.run(
            [f"--git-dir={self.git_dir}", *arguments],
            directory=self.git_dir,
            stdin=stdin,
            environment=environment,
            configuration=configuration,
            check=check,
            large=large,
        )

    # What is there

    def tree_of(self, commit: CommitId) -> TreeId:
        """The tree of a commit."""
        return TreeId(self._object_id(["rev-parse", "--verify", f"{commit}^{{tree}}"]))

    def trees_of(self, commits: Sequence[CommitId]) -> dict[CommitId, TreeId]:
        """The trees of many commits, in one call."""
        wanted = list(dict.fromkeys(commits))
        if not wanted:
            return {}
        stdin = "".join(f"{commit}^{{tree}}\n" for commit in wanted).encode()
        lines = self.run(["cat-file", "--batch-check"], stdin=stdin, check=True).text.split("\n")
        found = {}
        for commit, line in zip(wanted, lines, strict=True):
            if line.split(" ")[1:2] != ["tree"]:
                raise DependencyFailed("git_failed", f"The tree of {commit} cannot be read.")
            found[commit] = TreeId(line.split(" ")[0])
        return found

    def merge_base(self, left: CommitId, right: CommitId) -> CommitId | None:
        """The best common ancestor, or None."""
        return next(iter(self.merge_bases(left, right)), None)

    def merge_bases(self, left: CommitId, right: CommitId) -> tuple[CommitId, ...]:
        """All common ancestors that are in the history of no other one, in git's order."""
        found = self.run(["merge-base", "--all", left, right])
        if found.status == 1 and not found.stdout:
            return ()
        bases = found.text.split("\n")
        if found.status != 0 or not all(OBJECT_ID.fullmatch(base) for base in bases):
            raise DependencyFailed("git_failed", f"`git merge-base` failed: {found.stderr[:500]}")
        return tuple(CommitId(base) for base in bases)

    def is_ancestor(self, ancestor: CommitId, commit: CommitId) -> bool:
        """Whether a commit is part of another's history."""
        status = self.run(["merge-base", "--is-ancestor", ancestor, commit]).status
        if status not in (0, 1):
            raise DependencyFailed("git_failed", "`git merge-base --is-ancestor` failed.")
        return status == 0

    def commit_seconds(self, commit: CommitId) -> int:
        """A commit's date in Unix seconds."""
        shown = self.run(["show", "-s", "--no-notes", "--format=%ct", commit], check=True)
        return int(shown.text.split("\n")[-1])

    def read_blobs(self, ids: Sequence[ObjectId]) -> dict[ObjectId, bytes]:
        """The content of blobs, in one call; in two where they are too much for one."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        stdin = "".join(f"{object_id}\n" for object_id in wanted).encode()
        try:
            output = self.run(["cat-file", "--batch"], stdin=stdin, check=True, large=True).stdout
        except OutputTooLarge:
            if len(wanted) == 1:
                raise
            half = len(wanted) // 2
            return self.read_blobs(wanted[:half]) | self.read_blobs(wanted[half:])
        contents: dict[ObjectId, bytes] = {}
        offset = 0
        for object_id in wanted:
            end = output.index(b"\n", offset)
            header = output[offset:end].split(b" ")
            if len(header) != 3 or header[1] != b"blob":
                raise DependencyFailed("git_failed", f"The object {object_id} cannot be read.")
            offset = end + 1
            contents[object_id] = output[offset : offset + int(header[2])]
            offset += int(header[2]) + 1
        return contents

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
        self, pairs: Sequence[tuple[str, str]], *, renames: bool
    ) -> tuple[tuple[TreeChange, ...], ...]:
        """What changed between the trees of each pair, in one call."""
        arguments = ["diff-tree", "--stdin", "-r", "-z", "--raw", "--numstat"]
        arguments.append("--find-renames" if renames else "--no-renames")
        return self._diff(arguments, pairs, parse_tree_changes)

    def hunks(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        renames: bool = False,
        paths: Sequence[str] = (),
    ) -> tuple[tuple[FileHunks, ...], ...]:
        """Which lines changed between the trees of each pair, in one call; of some paths alone
        where any are given."""
        arguments = ["diff-tree", "--stdin", "-r", "-z", "--raw", "-p", "-U0", "--histogram"]
        arguments.append("--find-renames" if renames else "--no-renames")
        # As git merges: a stretch that could lie higher up lies as low as it can.
        arguments += ["--no-indent-heuristic", "--full-index", "--no-ext-diff", "--no-textconv"]
        arguments += ["--", *paths]
        return self._diff(arguments, pairs, parse_hunks)

    def patch(self, old: TreeId, new: TreeId) -> bytes:
        """What changed between two trees as a patch that applies exactly, binary files included."""
        arguments = ["diff-tree", "-p", "--binary", "--full-index", "--no-renames", "--histogram"]
        options = ["--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/"]
        return self.run([*arguments, *options, old, new], check=True, large=True).stdout

    def _diff(
        self,
        arguments: Sequence[str],
        pairs: Sequence[tuple[str, str]],
        parse: Callable[[bytes], tuple[_T, ...]],
    ) -> tuple[tuple[_T, ...], ...]:
        if not pairs:
            return ()
        stdin = "".join(f"{old} {new}\n" for old, new in pairs).encode()
        output = self.run(arguments, stdin=stdin, check=True, large=True).stdout
        headers = [f"{old} {new}\n".encode() for old, new in pairs]
        try:
            return tuple(parse(section) for section in sections(output, headers))
        except ValueError as failure:
            raise DependencyFailed("git_failed", f"`git diff-tree`: {failure}") from failure

    # Making trees and commits

    def store_blob(self, content: bytes) -> ObjectId:
        """Keeps some bytes."""
        return ObjectId(
            self._object_id(["hash-object", "-w", "--stdin", "--no-filters"], stdin=content)
        )

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
        """Applies a patch to a tree; the output tells of hunks that did not fit where they said."""
        with self.index_of(base) as environment:
            applied = self.run(
                ["apply", "--cached", "--verbose", "--whitespace=nowarn", f"-p{strip}", "-"],
                stdin=patch,
                environment=environment,
            )
            if applied.status != 0:
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

    def _object_id(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        result = self.run(arguments, stdin=stdin, environment=environment, check=True)
        if not OBJECT_ID.fullmatch(result.text):
            raise DependencyFailed(
                "git_failed", f"`git {arguments[0]}` answered {result.text[:200]!r}."
            )
        return result.text


def _unusable(git_dir: Path, why: str) -> Unavailable:
    return Unavailable(
        "home_unusable",
        f"The quarantine {git_dir} cannot be made or written: {why}.",
        path=str(git_dir),
    )


def _write_if_different(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
