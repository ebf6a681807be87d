"""Ties what bundles say to things that stay as they are: commits, and patch texts kept as blobs.

Names of revisions, files and worktrees mean something else tomorrow; after intake nothing of the
review depends on them any more, so that a replay judges exactly what the review judged. A bundle
that cannot be tied gets a finding that says what to do. Whether a change is any good is not this
module's business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, assert_never

from agentd.conflicts.bundles.bundle import (
    Bundle,
    HeadRevision,
    PatchFile,
    PatchText,
    SourceKind,
    WorktreeState,
)
from agentd.conflicts.bundles.readable_files import ReadableFiles, real_place
from agentd.conflicts.bundles.readable_submissions import without_unreadable
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.bundles.worktree_snapshot import take_snapshot
from agentd.conflicts.findings import Finding, FindingKind, Severity, error, info, warning
from agentd.conflicts.git.history import virtual_base
from agentd.conflicts.git.isolation import retried, unreadable
from agentd.conflicts.git.named_commits import NamedCommits
from agentd.conflicts.git.names import CommitId, ObjectId, object_id
from agentd.conflicts.git.object_writing import store_objects
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.policy.policy import Limits
from agentd.conflicts.trees.entries import BYTES_AT_ONCE
from agentd.errors import AgentdError, DependencyFailed

_BASE_TRAILER: Final = re.compile(rb"^base-commit: ([0-9a-f]{40,64})\s*$", re.MULTILINE)


@dataclass(slots=True)
class Intake:
    """Takes in the bundles of one review."""

    repository: Repository
    quarantine: Quarantine
    target: CommitId
    limits: Limits
    assumed_base: CommitId | None = None
    """For patches that name none; the target where there is none."""
    base_override: CommitId | None = None
    directory: Path | None = None
    """Where the review was asked for; relative paths of patch files may start here."""
    readable: tuple[Path, ...] = ()
    """Directories besides the repository from which a bundle may name files."""

    _names: NamedCommits = field(init=False)
    _patches: dict[ObjectId, bytes] = field(init=False, default_factory=dict)
    """Those that are still to be stored."""
    _files: ReadableFiles = field(init=False)

    def __post_init__(self) -> None:
        self._names = NamedCommits(self.repository, self.quarantine, self.target)
        self._files = ReadableFiles(
            self.repository, self.directory, self.readable, self.limits.bundle_bytes_max
        )

    def take(self, bundle: Bundle) -> Submission:
        """Ties one bundle. Raises only where git itself fails."""
        return self.take_all([bundle])[0]

    def take_all(self, bundles: Sequence[Bundle]) -> list[Submission]:
        """Ties some bundles, in their order, with as few questions to git as it takes."""
        self._look_ahead(bundles)
        taken = []
        for bundle in bundles:
            taken.append(self._take(bundle))
            if sum(map(len, self._patches.values())) > BYTES_AT_ONCE:
                self._store_patches()
        self._store_patches()
        return without_unreadable(taken, self.quarantine, self.limits.files_max)

    def _look_ahead(self, bundles: Sequence[Bundle]) -> None:
        changes = [bundle.change for bundle in bundles]
        texts = [
            change.data
            for change in changes
            if isinstance(change, PatchText) and len(change.data) <= self.limits.bundle_bytes_max
        ]
        heads = [change.revision for change in changes if isinstance(change, HeadRevision)]
        bases = [bundle.base_revision for bundle in bundles if bundle.base_revision is not None]
        trailers = [found[1].decode() for text in texts if (found := _BASE_TRAILER.search(text))]
        self._names.look_up([*bases, *heads, *trailers])
        commits = (self._names.commit_of(head) for head in heads)
        self._names.look_back([commit for commit in commits if commit is not None])

    def _take(self, bundle: Bundle) -> Submission:
        digest = hashlib.sha256(repr(bundle.change).encode()).hexdigest() if bundle.change else ""
        try:
            tied = retried(partial(self._tied, bundle))
        except DependencyFailed as failure:
            if failure.reason != "git_failed":
                raise
            tied = Submission(bundle, findings=(unreadable(failure, "What it names"),))
        return replace(tied, bundle=replace(tied.bundle, change=None), change_digest=digest)

    def _store_patches(self) -> None:
        stored = store_objects(self.quarantine, "blob", list(self._patches.values()))
        if stored != tuple(self._patches):
            raise DependencyFailed("git_failed", "`git hash-object` gave other ids than expected")
        self._patches.clear()

    def _tied(self, bundle: Bundle) -> Submission:
        match bundle.change:
            case None:
                return self._metadata_only(bundle)
            case PatchText(data):
                return self._patch(bundle, data)
            case PatchFile(path):
                found = self._files.read(path)
                if isinstance(found, Finding):
                    return Submission(bundle, findings=(found,))
                return self._patch(bundle, found)
            case HeadRevision(revision):
                return self._head(bundle, revision)
            case WorktreeState(path):
                return self._worktree(bundle, path)
        assert_never(bundle.change)

    def _metadata_only(self, bundle: Bundle) -> Submission:
        base, findings = self._declared_base(bundle)
        if not any(finding.severity is Severity.ERROR for finding in bundle.findings):
            findings.append(
                warning(
                    FindingKind.NO_CHANGE_ATTACHED,
                    "It declares what it wants to do but holds no change; hand in `patch`, "
                    "`patch_file`, `head_revision` or `worktree` (`agentd-coord bundle` does).",
                )
            )
        return Submission(bundle, base=base, findings=tuple(findings))

    # Patches

    def _patch(self, bundle: Bundle, data: bytes) -> Submission:
        if len(data) > self.limits.bundle_bytes_max:
            return Submission(
                bundle,
                findings=(
                    error(
                        FindingKind.OVER_LIMIT,
                        f"Its patch has {len(data):,} bytes and the policy allows "
                        f"{self.limits.bundle_bytes_max:,}; split it, or hand in a branch.",
                        bytes=len(data),
                        limit=self.limits.bundle_bytes_max,
                    ),
                ),
            )
        base, findings = self._declared_base(bundle)
        if base is None and not findings:
            base, found = self._patch_base(data)
            findings.append(found)
        blob = None
        if base is not None:
            blob = object_id("blob", data, self.repository.object_format)
            self._patches[blob] = data
        return Submission(bundle, base=base, patch=blob, findings=tuple(findings))

    def _patch_base(self, data: bytes) -> tuple[CommitId | None, Finding]:
        """The base of a patch whose bundle names none: the one that the patch names, or the tip."""
        trailer = _BASE_TRAILER.search(data)
        if trailer is None:
            tip = self.assumed_base or self.target
            return tip, info(
                FindingKind.BASE_ASSUMED,
                f"It names no base, so the target's tip {tip[:12]} was taken; "
                "declare `base_revision` (or give --base).",
                commit=tip,
            )
        named = trailer[1].decode()
        base = self._names.commit_of(named)
        if base is None:
            return None, _unknown_base(named)
        return base, info(
            FindingKind.BASE_ASSUMED,
            f"Its base {base[:12]} is the one that the patch itself names.",
            commit=base,
        )

    # Revisions and worktrees

    def _head(self, bundle: Bundle, revision: str) -> Submission:
        head = self._names.commit_of(revision)
        if head is None:
            return Submission(
                bundle,
                findings=(
                    error(
                        FindingKind.UNKNOWN_REVISION,
                        f"Its revision {revision!r} names no commit of this repository; fetch it, "
                        "or hand in the change as a patch.",
                        revision=revision,
                    ),
                ),
            )
        base, criss_cross, findings = self._head_base(bundle, head)
        if bundle.created_at is None:
            date = datetime.fromtimestamp(self._names.seconds(head), UTC)
            bundle = replace(bundle, created_at=date.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return Submission(
            bundle,
            base=base,
            head=head,
            branch_head=head,
            findings=tuple(findings),
            criss_cross=criss_cross,
        )

    def _worktree(self, bundle: Bundle, text: str) -> Submission:
        path = real_place(self.repository.root, text)
        registered = {worktree.path.resolve() for worktree in self._files.worktrees}
        if path is None or path not in registered:
            return Submission(
                bundle,
                findings=(
                    error(
                        FindingKind.PATH_OUTSIDE_REPOSITORY,
                        f"{text!r} is no worktree of this repository; `git worktree list` shows "
                        "those that it has.",
                        text,
                    ),
                ),
            )
        try:
            snapshot = take_snapshot(self.quarantine, path, self.repository)
        except (AgentdError, OSError) as failure:
            return Submission(
                bundle,
                findings=(
                    error(
                        FindingKind.CHANGE_UNREADABLE,
                        f"Its worktree {text!r} cannot be read: {failure}; commit there and hand "
                        "in the branch.",
                        text,
                    ),
                ),
            )
        base, criss_cross, findings = self._head_base(bundle, snapshot.head)
        if snapshot.unmerged:
            findings.append(
                error(
                    FindingKind.UNRESOLVED_MERGE,
                    f"Its worktree has unresolved conflicts in {_listed(snapshot.unmerged)}; "
                    "resolve them and hand it in again.",
                    snapshot.unmerged[0],
                )
            )
        head, branch_head = snapshot.head, None
        if snapshot.dirty:
            seconds = self.quarantine.commit_seconds(head) + 1
            head = self.quarantine.commit(
                snapshot.tree, [head], message="Worktree\n", seconds=seconds
            )
        else:
            branch_head = head
        return Submission(
            bundle,
            base=base,
            head=head,
            branch_head=branch_head,
            findings=tuple(findings),
            criss_cross=criss_cross,
        )

    # Bases

    def _declared_base(self, bundle: Bundle) -> tuple[CommitId | None, list[Finding]]:
        declared = bundle.base_revision
        if declared is None:
            return self.base_override, []
        base = self._names.commit_of(declared)
        if base is None:
            return None, [_unknown_base(declared)]
        if base.startswith(declared.lower()) or _from_command_line(bundle):
            return base, []
        moving = info(
            FindingKind.MOVING_BASE,
            f"Its base {declared!r} is a name, which is {base[:12]} today; declare the commit id, "
            "so that the base stays what the work started from.",
            declared=declared,
            commit=base,
        )
        return base, [moving]

    def _head_base(
        self, bundle: Bundle, head: CommitId
    ) -> tuple[CommitId | None, bool, list[Finding]]:
        """The base, whether it is made of several, and what is to be said about it."""
        declared, findings = self._declared_base(bundle)
        if findings and declared is None:
            return None, False, findings
        bases = self._names.merge_bases(head)
        stated = declared is not None and declared not in bases
        if declared is not None and stated and self.quarantine.is_ancestor(declared, head):
            return declared, False, findings
        base = virtual_base(self.quarantine, bases) if bases else None
        if base is not None and len(bases) > 1:
            findings.append(_several_bases(bases, base))
        if base is None:
            findings.append(
                error(
                    FindingKind.UNKNOWN_BASE,
                    "Its revision has no history in common with the target; "
                    + (
                        "this clone is shallow, so fetch the rest with `git fetch --unshallow`."
                        if self.repository.is_shallow
                        else "rebuild it on a commit of the target's history, or give --base."
                    ),
                )
            )
        elif declared is not None and stated:
            findings.append(
                warning(
                    FindingKind.MISDECLARED,
                    f"Its declared base {declared[:12]} is not in the history of its revision; the "
                    f"merge base {base[:12]} was taken instead. Declare that one.",
                    declared=declared,
                    commit=base,
                )
            )
        return base, len(bases) > 1, findings


def _from_command_line(bundle: Bundle) -> bool:
    return any(
        source.kind in (SourceKind.PATCH_FILE, SourceKind.BRANCH) for source in bundle.sources
    )


def _several_bases(bases: Sequence[CommitId], base: CommitId) -> Finding:
    return info(
        FindingKind.BASE_ASSUMED,
        f"Its revision and the target have {len(bases)} merge bases, {bases[0][:12]} first; as git "
        "does, the merge of these was taken as its base.",
        commit=base,
        merge_bases=list(bases),
    )


def _unknown_base(declared: str) -> Finding:
    return error(
        FindingKind.UNKNOWN_BASE,
        f"Its base {declared!r} names no commit of this repository; fetch it, or hand in the "
        "change again with a base from the target's history.",
        declared=declared,
    )


def _listed(paths: tuple[str, ...]) -> str:
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"
