"""The user's repository: where it is, what its names mean, and the one write that landing makes.

Everything but `receive` only reads. This module must not know what a bundle is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Unpack

from agentd.conflicts.git.names import OBJECT_ID, CommitId, encoded
from agentd.conflicts.git.process import GitProcess, GitResult, RunOptions
from agentd.conflicts.trees.entries import look_up
from agentd.errors import DependencyFailed, InvalidParams

_REVISION_CHARS_MAX: Final = 1_000
_QUESTIONS: Final = (
    "--git-dir",
    "--git-common-dir",
    "--git-path objects",
    "--is-bare-repository",
    "--is-shallow-repository",
    "--show-object-format",
)
"""What `git rev-parse` is asked about a repository; the paths come first."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """One checkout of the repository."""

    path: Path
    branch: str | None
    """The full name of the ref that is checked out."""
    head: CommitId | None = None
    """The commit that is checked out, where there is one."""


class Repository:
    """A repository of the user's, bare or not, reached through any of its worktrees."""

    def __init__(self, path: Path, git: GitProcess) -> None:
        self._git = git
        self.path = path.resolve()
        facts = self._facts(_QUESTIONS)
        if len(facts) != len(_QUESTIONS):
            # Somewhere in the paths there is a newline: each by itself is what remains of one.
            facts = ["\n".join(self._facts([question])) for question in _QUESTIONS]
        self.git_dir, self.common_dir, self.objects = map(Path, facts[:3])
        self.is_bare = facts[3] == "true"
        self.is_shallow = facts[4] == "true"
        self.object_format = facts[5]

    def _facts(self, questions: Sequence[str]) -> list[str]:
        arguments = [argument for question in questions for argument in question.split(" ")]
        found = self._git.run(
            ["rev-parse", "--path-format=absolute", *arguments],
            directory=self._existing_directory(),
        )
        if found.status != 0:
            raise DependencyFailed(
                "git_failed",
                f"{self.path.absolute()} is in no git repository",
                hint="Name a repository with --repo, or run this inside one.",
            )
        return found.text.split("\n")

    def _existing_directory(self) -> Path:
        if not self.path.is_dir():
            raise DependencyFailed(
                "git_failed",
                f"{self.path} is no directory",
                hint="Name a repository with --repo, or run this inside one.",
            )
        return self.path

    @cached_property
    def root(self) -> Path:
        """The top of the main worktree; a bare repository itself."""
        if self.common_dir.name == ".git":
            return self.common_dir.parent
        return self.common_dir

    @property
    def namespace(self) -> str:
        """What locks of this repository carry as their namespace: equal in all its worktrees."""
        return str(self.root.resolve())

    @property
    def identity(self) -> str:
        """A short name of the repository that is a good file name."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", self.root.name).strip("-.") or "repository"
        digest = hashlib.sha256(encoded(str(self.common_dir.resolve()))).hexdigest()
        return f"{name[:40]}-{digest[:16]}"

    def at(self, worktree: Path) -> Repository:
        """The same repository, seen from one of its worktrees."""
        return Repository(worktree, self._git)

    def run(self, arguments: Sequence[str], **options: Unpack[RunOptions]) -> GitResult:
        """A git command in the repository."""
        return self._git.run(
            arguments,
            directory=self.path,
            **options,
        )

    def commit_of(self, revision: str) -> CommitId | None:
        """The commit that a revision names, or None."""
        if not _may_name(revision):
            return None
        found = self.run(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
        )
        text = found.text
        if found.status == 0 and OBJECT_ID.fullmatch(text):
            return CommitId(text)
        return None

    def named_commit(self, what: str, revision: str, *, hint: str) -> CommitId:
        """The commit that somebody's `what` names. Raises `invalid_field` where there is none."""
        found = self.commit_of(revision)
        if found is not None:
            return found
        message = f"the {what} {revision!r} names no commit of {self.path}"
        if not self.run(["for-each-ref", "--count=1"]).text and self.commit_of("HEAD") is None:
            message = f"{self.path} has no commit yet"
            hint = "Commit something first: changes are compared on a commit."
        raise InvalidParams(
            "invalid_field",
            message,
            hint=hint,
            path=what,
            rule="must name a commit",
        )

    def commits_of(self, revisions: Sequence[str]) -> dict[str, CommitId | None]:
        """The commits that many revisions name, in one call where that goes well."""
        asked = [revision for revision in dict.fromkeys(revisions) if _may_name(revision)]
        found: dict[str, CommitId | None] = dict.fromkeys(revisions)
        try:
            looked = look_up(self, [f"{revision}^{{commit}}" for revision in asked])
        except DependencyFailed as failure:
            if failure.reason != "git_failed":
                raise
            # A damaged object spoils a batch; the others' answers are to be had all the same.
            return found | {revision: self.commit_of(revision) for revision in asked}
        return found | {
            revision: CommitId(info.object_id)
            for revision, info in zip(asked, looked, strict=True)
            if info is not None and info.kind == "commit"
        }

    def branch_of(self, revision: str) -> str | None:
        """The full name of the local branch that a revision names, HEAD's if it is `HEAD`.

        Of a symbolic one, the branch that it stands for.
        """
        if revision == "HEAD":
            found = self.run(["symbolic-ref", "--quiet", "HEAD"])
            return found.text if found.status == 0 else None
        name = revision.removeprefix("refs/heads/")
        full = f"refs/heads/{name}"
        if self.run(["show-ref", "--verify", "--quiet", full]).status != 0:
            return None
        stands_for = self.run(["symbolic-ref", "--quiet", full])
        return stands_for.text if stands_for.status == 0 else full

    def worktrees(self) -> tuple[Worktree, ...]:
        """All checkouts of the repository that are registered."""
        found = self.run(["worktree", "list", "--porcelain", "-z"], check=True)
        trees: list[Worktree] = []
        for record in found.text.split("\0\0"):
            fields = dict(line.partition(" ")[::2] for line in record.split("\0") if line)
            if "worktree" in fields and "bare" not in fields and "prunable" not in fields:
                head = fields.get("HEAD", "")
                trees.append(
                    Worktree(
                        Path(fields["worktree"]),
                        fields.get("branch"),
                        CommitId(head) if head.strip("0") else None,
                    )
                )
        return tuple(trees)

    def local_setting(self, key: str) -> str | None:
        """A value of the repository's own configuration."""
        found = self.run(["config", "--local", "--get", key])
        return found.text if found.status == 0 else None

    def receive(self, pack: bytes) -> None:
        """Stores the objects of a pack."""
        self._git.run(
            ["unpack-objects", "-q", "--strict"], directory=self.path, stdin=pack, check=True
        )

    def move_ref(self, ref: str, new: CommitId, old: CommitId | None, message: str) -> str | None:
        """Moves a ref if it still has its old value (None: if it does not exist yet).

        What git says against it where it does not move.
        """
        zero = "0" * len(new)
        moved = self._git.run(
            ["update-ref", "-m", message, "--create-reflog", ref, new, old or zero],
            directory=self.path,
            # Others may be at it: their turn is over in a moment.
            configuration={"core.filesRefLockTimeout": "5000"},
            # A reflog line needs a name, and there may be none in the configuration.
            environment=IDENTITY,
        )
        return None if moved.status == 0 else moved.stderr.strip() or "git does not say why."


def _may_name(revision: str) -> bool:
    """Whether a text may be handed to git as the name of one commit."""
    if len(revision) > _REVISION_CHARS_MAX or re.search(r"[\0\n]", revision):
        return False
    return bool(revision.strip()) and ".." not in revision


IDENTITY: Final = {
    "GIT_AUTHOR_NAME": "agentd",
    "GIT_AUTHOR_EMAIL": "agentd@localhost",
    "GIT_COMMITTER_NAME": "agentd",
    "GIT_COMMITTER_EMAIL": "agentd@localhost",
}
"""Who makes the commits and reflog lines of the referee."""
