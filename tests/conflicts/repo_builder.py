"""Small real repositories for tests of the referee: hermetic, with fixed dates."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentd.conflicts.bundles.bundle import Bundle, Source, SourceKind
from agentd.conflicts.bundles.parsing import parse_bundle
from agentd.conflicts.review import ReviewOutcome, ReviewRequest, review
from agentd.core.clock import Instant
from tests.fakes.ids import SequentialIds

FileContent = str | bytes | None
"""None takes the file away."""

NOW = Instant(1_790_000_000_000)


class FixedClock:
    """A clock that stands."""

    def now(self) -> Instant:
        return NOW


@dataclass
class Repo:
    """A repository of a user's, and an agentd home beside it."""

    path: Path
    home: Path
    _date: int = 1_700_000_000
    ids: SequentialIds = field(default_factory=SequentialIds)

    @classmethod
    def create(
        cls, path: Path, home: Path, files: Mapping[str, FileContent], *options: str
    ) -> Repo:
        path.mkdir(parents=True, exist_ok=True)
        repo = cls(path, home)
        repo.git("init", "--quiet", "--initial-branch=main", *options)
        repo.commit("start", files)
        return repo

    def git(self, *arguments: str, stdin: bytes | None = None, at: Path | None = None) -> str:
        """A git command that must succeed; its output without the newline at the end."""
        output = self.raw_git(*arguments, stdin=stdin, at=at)
        return output.decode("utf-8", "surrogateescape").rstrip("\n")

    def raw_git(self, *arguments: str, stdin: bytes | None = None, at: Path | None = None) -> bytes:
        """A git command that must succeed; its output."""
        done = self._run(arguments, stdin, at)
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
        return done.stdout

    def succeeds(self, *arguments: str, at: Path | None = None) -> bool:
        """Whether a git command ends well."""
        return self._run(arguments, None, at).returncode == 0

    def _run(
        self, arguments: Sequence[str], stdin: bytes | None, at: Path | None
    ) -> subprocess.CompletedProcess[bytes]:
        date = f"@{self._date} +0000"
        return subprocess.run(
            ["git", *arguments],
            cwd=at or self.path,
            input=stdin,
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_AUTHOR_NAME": "Ada",
                "GIT_AUTHOR_EMAIL": "ada@example.org",
                "GIT_COMMITTER_NAME": "Ada",
                "GIT_COMMITTER_EMAIL": "ada@example.org",
                "GIT_AUTHOR_DATE": date,
                "GIT_COMMITTER_DATE": date,
                "GIT_LITERAL_PATHSPECS": "1",
            },
        )

    def tick(self) -> None:
        """Lets a minute pass for the dates of commits."""
        self._date += 60

    def write(self, files: Mapping[str, FileContent], at: Path | None = None) -> None:
        for name, content in files.items():
            path = (at or self.path) / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(
        self, message: str, files: Mapping[str, FileContent] | None = None, at: Path | None = None
    ) -> str:
        self.tick()
        self.write(files or {}, at)
        self.git("add", "--all", at=at)
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", message, at=at)
        return self.git("rev-parse", "HEAD", at=at)

    def branch(self, name: str, files: Mapping[str, FileContent], base: str = "main") -> str:
        """A branch with one commit on a base; the checkout is back where it was."""
        before = self.git("symbolic-ref", "--short", "HEAD")
        self.git("checkout", "--quiet", "-b", name, base)
        commit = self.commit(f"work of {name}", files)
        self.git("checkout", "--quiet", before)
        return commit

    def head(self, revision: str = "HEAD") -> str:
        return self.git("rev-parse", revision)

    def diff(self, old: str, new: str, *options: str) -> bytes:
        return self.raw_git("diff", "--binary", "--full-index", *options, old, new)

    def patch_of(
        self, files: Mapping[str, FileContent], base: str = "main", *options: str
    ) -> bytes:
        """The patch of a change that is committed nowhere afterwards."""
        name = f"scratch-{hashlib.sha256(repr(files).encode()).hexdigest()[:12]}"
        commit = self.branch(name, files, base)
        self.git("branch", "--quiet", "-D", name)
        return self.diff(base, commit, *options)

    def show(self, revision: str, path: str) -> str:
        return self.raw_git("show", f"{revision}:{path}").decode()

    def files(self, revision: str) -> set[str]:
        listed = self.raw_git("ls-tree", "-r", "-z", "--name-only", revision)
        return {name.decode("utf-8", "surrogateescape") for name in listed.split(b"\0") if name}

    def review(
        self,
        *bundles: Bundle,
        progress: Callable[[str], None] = lambda _: None,
        **options: Any,
    ) -> ReviewOutcome:
        return review(
            ReviewRequest(
                repository=options.pop("repository", self.path),
                home=self.home,
                bundles=bundles,
                clock=FixedClock(),
                ids=self.ids,
                environ={"PATH": os.environ["PATH"]},
                use_bubblewrap=False,
                **options,
            ),
            progress=progress,
        )

    def fingerprint(self) -> str:
        """A digest over every file of the repository and its checkout: names, modes and bytes.

        Times count, too, but for objects: git freshens that of one which it need not write again.
        """
        digest = hashlib.sha256()
        for path in sorted(self.path.rglob("*")):
            status = path.lstat()
            digest.update(f"{path.relative_to(self.path)}\0{status.st_mode}\0".encode())
            if path.is_symlink():
                digest.update(os.readlink(path).encode())
            elif path.is_file():
                if "objects" not in path.parts:
                    digest.update(f"{status.st_mtime_ns}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()


def patch_bundle(owner: str, patch: str | bytes, base: str | None = None, **fields: Any) -> Bundle:
    """A bundle that holds its patch."""
    text = patch.decode("utf-8", "surrogateescape") if isinstance(patch, bytes) else patch
    raw = {"patch": text, "base_revision": base, **fields}
    return parse_bundle(
        raw, source=Source(SourceKind.BUNDLE_FILE, f"{owner}.json"), owner=owner, provider="test"
    )


def object_bundle(owner: str, raw: Mapping[str, Any]) -> Bundle:
    """A bundle of any object."""
    return parse_bundle(
        raw, source=Source(SourceKind.BUNDLE_FILE, f"{owner}.json"), owner=owner, provider="test"
    )


def actions(outcome: ReviewOutcome) -> dict[str, str]:
    """Owner to action."""
    owners = {bundle["bundle_id"]: bundle["owner"] for bundle in outcome.record["bundles"]}
    return {owners[each["bundle_id"]]: each["action"] for each in outcome.record["decisions"]}


def first_reasons(outcome: ReviewOutcome) -> dict[str, str]:
    """Owner to the reason that decided."""
    return {owner: reasons[0]["reason"] for owner, reasons in all_reasons(outcome).items()}


def all_reasons(outcome: ReviewOutcome) -> dict[str, list[dict[str, Any]]]:
    """Owner to all reasons."""
    owners = {bundle["bundle_id"]: bundle["owner"] for bundle in outcome.record["bundles"]}
    return {owners[each["bundle_id"]]: each["reasons"] for each in outcome.record["decisions"]}


def findings_of(outcome: ReviewOutcome, owner: str) -> dict[str, dict[str, Any]]:
    """Kind to finding, of one owner's bundles."""
    ids = {each["bundle_id"] for each in outcome.record["bundles"] if each["owner"] == owner}
    return {
        found["kind"]: found for found in outcome.record["findings"] if ids & set(found["bundles"])
    }


def numbered(count: int, changes: Mapping[int, str] | None = None, *, end: str = "\n") -> str:
    """A text of numbered lines, some of them changed; a change may hold several lines or none."""
    changed = changes or {}
    lines = "".join(changed.get(n, f"line {n}\n") for n in range(1, count + 1))
    return lines.removesuffix("\n") + end


def only(values: Sequence[Any]) -> Any:
    """The single member."""
    assert len(values) == 1, values
    return values[0]
