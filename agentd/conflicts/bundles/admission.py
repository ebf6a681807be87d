"""Decides which submissions become candidates: changes with a tree, within the policy's rules.

Whatever is wrong with one is a finding on that bundle alone. It must not know the target's tip or
any other bundle.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import orjson

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.findings import (
    BundleId,
    Finding,
    FindingKind,
    Severity,
    counted,
    error,
    info,
    warning,
)
from agentd.conflicts.git.isolation import asked_of_each, unreadable
from agentd.conflicts.git.names import CommitId, ObjectId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.patches.admission import PatchAdmission
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.trees.changes import MODE_ABSENT, MODE_SYMLINK, TreeChange
from agentd.conflicts.trees.unsafe_names import is_unsafe, unwritable
from agentd.errors import DependencyFailed

_PATHS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bundle with what it really changes, or with what keeps it from being judged further."""

    bundle_id: BundleId
    submission: Submission
    base_tree: TreeId | None
    tree: TreeId | None
    """Its base with its change; None where there is none or it is unfit."""
    changes: tuple[TreeChange, ...]
    findings: tuple[Finding, ...]

    @property
    def bundle(self) -> Bundle:
        """What the agent said."""
        return self.submission.bundle

    @property
    def base(self) -> CommitId | None:
        """The commit that it starts from."""
        return self.submission.base

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep it from merging."""
        return tuple(found for found in self.findings if found.severity is Severity.ERROR)

    @property
    def fit(self) -> bool:
        """Whether it has a change that may be merged as far as can be seen from itself."""
        return self.tree is not None and not self.errors

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that it changes; those that it declares where it has no change."""
        if self.tree is None and not self.changes:
            return self.bundle.touched_paths
        return tuple(sorted({path for change in self.changes for path in change.paths}))


class Admission:
    """Admits the submissions of one review."""

    def __init__(self, quarantine: Quarantine, policy: Policy) -> None:
        self._quarantine = quarantine
        self._policy = policy
        self._patches = PatchAdmission(quarantine, policy.limits)
        self._trees: dict[CommitId, TreeId] = {}

    def admit(self, submissions: Sequence[Submission]) -> tuple[Candidate, ...]:
        """The candidates, in the order of the submissions; equal ones become one."""
        commits = [c for each in submissions for c in (each.base, each.head) if c is not None]
        self._trees |= self._quarantine.trees_of(commits)
        made = self._applied(submissions)
        built = [self._build(each, made.get(number)) for number, each in enumerate(submissions)]
        with_tree = [
            index
            for index, (_, base_tree, tree) in enumerate(built)
            if base_tree is not None and tree is not None
        ]
        pairs = [(str(built[index][1]), str(built[index][2])) for index in with_tree]
        compare = partial(self._quarantine.changes, renames=True)
        changed = dict(zip(with_tree, asked_of_each(pairs, compare), strict=True))
        candidates: dict[BundleId, Candidate] = {}
        for index, (submission, (findings, base_tree, tree)) in enumerate(
            zip(submissions, built, strict=True)
        ):
            candidate = self._candidate(
                submission, findings, base_tree, tree, changed.get(index, ())
            )
            known = candidates.get(candidate.bundle_id)
            candidates[candidate.bundle_id] = (
                candidate if known is None else _joined(known, candidate)
            )
        return tuple(candidates[key] for key in sorted(candidates))

    def _applied(self, submissions: Sequence[Submission]) -> dict[int, TreeId | Finding]:
        """What becomes of the patches, by the number of the submission."""
        wanted: dict[ObjectId, list[tuple[int, CommitId]]] = {}
        for number, each in enumerate(submissions):
            if each.base is not None and each.head is None and each.patch is not None:
                wanted.setdefault(each.patch, []).append((number, each.base))
        made: dict[int, TreeId | Finding] = {}
        for portion in self._quarantine.portions(list(wanted)):
            read = self._quarantine.read_blobs(portion)
            places = [(number, blob, base) for blob in portion for number, base in wanted[blob]]
            patches = [(read[blob], base, self._trees[base]) for _, blob, base in places]
            trees = asked_of_each(patches, self._patches.trees)
            made |= {
                number: unreadable(tree) if isinstance(tree, DependencyFailed) else tree
                for (number, _, _), tree in zip(places, trees, strict=True)
            }
        return made

    def _build(
        self, submission: Submission, made: TreeId | Finding | None
    ) -> tuple[list[Finding], TreeId | None, TreeId | None]:
        findings = [*submission.bundle.findings, *submission.findings]
        if submission.base is None:
            return findings, None, None
        base_tree = self._trees[submission.base]
        if submission.head is not None:
            return findings, base_tree, self._trees[submission.head]
        if isinstance(made, Finding):
            return [*findings, made], base_tree, None
        return findings, base_tree, made

    def _candidate(
        self,
        submission: Submission,
        findings: list[Finding],
        base_tree: TreeId | None,
        tree: TreeId | None,
        changes: tuple[TreeChange, ...] | DependencyFailed,
    ) -> Candidate:
        bundle_id = bundle_digest(submission, tree)
        if isinstance(changes, DependencyFailed):
            findings.append(unreadable(changes))
            tree, changes = None, ()
        # A head that is its own base has landed, or is not begun: freshness tells which.
        if tree is not None and base_tree is not None and submission.head != submission.base:
            try:
                findings += self._judge_changes(submission.bundle, changes)
                findings += self._scattered(base_tree, tree, changes)
            except DependencyFailed as failure:
                findings.append(unreadable(failure))
        findings += _judge_claims(submission.bundle)
        return Candidate(
            bundle_id=bundle_id,
            submission=submission,
            base_tree=base_tree,
            tree=tree,
            changes=changes,
            findings=tuple(finding.about(bundle_id) for finding in findings),
        )

    def _judge_changes(self, bundle: Bundle, changes: tuple[TreeChange, ...]) -> list[Finding]:
        if not changes:
            return [
                error(
                    FindingKind.EMPTY,
                    "It changes nothing with respect to its base; there is nothing to merge.",
                )
            ]
        limits = self._policy.limits
        lines = sum(each.additions + each.deletions for each in changes)
        for what, count, key, limit in (
            ("files", len(changes), "files_max", limits.files_max),
            ("lines", lines, "lines_max", limits.lines_max),
        ):
            if count > limit:
                return [
                    error(
                        FindingKind.OVER_LIMIT,
                        f"It changes {count:,} {what} and the policy allows {limit:,}; split the "
                        f"change, or have `[limits] {key}` raised.",
                        count=count,
                        limit=limit,
                    )
                ]
        return [
            *_unwritable_names(changes),
            *_unsafe_names(changes),
            *self._rule_findings(changes),
            *self._symlink_findings(changes),
            *_misdeclared(bundle, changes),
        ]

    def _scattered(
        self, base_tree: TreeId, tree: TreeId, changes: Sequence[TreeChange]
    ) -> list[Finding]:
        """Files that differ in so many places that comparing them would take for ever."""
        limit = self._policy.limits.file_hunks_max
        doubtful = [
            each
            for each in changes
            if each.status in "MR" and each.additions + each.deletions > limit
        ]
        counts = {
            each.path: self._quarantine.hunk_count(base_tree, tree, each.paths) for each in doubtful
        }
        return [
            error(
                FindingKind.OVER_LIMIT,
                f"{path} differs from its base in {count:,} places and the policy allows "
                f"{limit:,}; split the change, or have `[limits] file_hunks_max` raised.",
                path,
                count=count,
                limit=limit,
            )
            for path, count in counts.items()
            if count > limit
        ]

    def _rule_findings(self, changes: Sequence[TreeChange]) -> list[Finding]:
        findings = []
        for change in changes:
            states = [(change.path, change.new_mode, change.old_mode)]
            if change.old_path is not None:
                states.append((change.old_path, MODE_ABSENT, change.old_mode))
            for path, mode, old_mode in states:
                rule = self._policy.path_rule(path, mode, old_mode=old_mode)
                if rule is not None:
                    kind = FindingKind.FORBIDDEN_PATH if rule.forbids else FindingKind.HELD_PATH
                    findings.append(
                        error(kind, rule.message, path, rule=rule.name.value, pattern=rule.pattern)
                    )
        return findings

    def _symlink_findings(self, changes: Sequence[TreeChange]) -> list[Finding]:
        links = [change for change in changes if change.new_mode == MODE_SYMLINK]
        targets = self._quarantine.read_blobs([ObjectId(link.new_blob) for link in links])
        findings = []
        for link in links:
            target = targets[ObjectId(link.new_blob)].decode("utf-8", "replace")
            reached = posixpath.normpath(posixpath.join(posixpath.dirname(link.path), target))
            if target.startswith("/") or reached == ".." or reached.startswith("../"):
                findings.append(
                    error(
                        FindingKind.UNSAFE_PATH,
                        f"The symbolic link {link.path} leads out of the repository, to "
                        f"{target!r}; let it lead to a path inside.",
                        link.path,
                        target=target,
                    )
                )
        return findings


def _unsafe_names(changes: Sequence[TreeChange]) -> list[Finding]:
    return [
        error(
            FindingKind.UNSAFE_PATH,
            f"Its tree has {change.path!r}, which no checkout may write; make its commits with git "
            "itself, and without that name.",
            change.path,
        )
        for change in changes
        if change.new_mode != MODE_ABSENT and is_unsafe(change.path)
    ]


def _unwritable_names(changes: Sequence[TreeChange]) -> list[Finding]:
    return [
        error(
            FindingKind.UNSAFE_PATH,
            f"It adds a path that {why} ({change.path[:200]!r} …): no checkout could write it; "
            "give it a shorter one.",
            change.path,
        )
        for change in changes
        if change.old_mode == MODE_ABSENT or change.old_path is not None
        if change.new_mode != MODE_ABSENT and (why := unwritable(change.path)) is not None
    ]


def bundle_digest(submission: Submission, tree: TreeId | None) -> BundleId:
    """The bundle's id: a digest of what it says and does, not of how it came in."""
    bundle = submission.bundle
    content: str | None = tree
    if content is None:
        content = submission.patch or submission.head or submission.change_digest
    identity = [
        bundle.provider,
        bundle.owner,
        submission.base or bundle.base_revision,
        content,
        bundle.intent,
        list(bundle.touched_paths) if tree is None else [],
        bundle.alternative_group,
    ]
    canonical = orjson.dumps([_plain(value) for value in identity])
    return BundleId("b-" + hashlib.sha256(canonical).hexdigest()[:20])


def _plain(value: object) -> object:
    """Text that JSON can hold: bytes that are no UTF-8 came through as lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _joined(first: Candidate, second: Candidate) -> Candidate:
    """One candidate of two that say and do the same."""
    sources = dict.fromkeys((*first.bundle.sources, *second.bundle.sources))
    dates = [date for date in (first.bundle.created_at, second.bundle.created_at) if date]
    bundle = replace(first.bundle, sources=tuple(sources), created_at=min(dates) if dates else None)
    return replace(first, submission=replace(first.submission, bundle=bundle))


def _judge_claims(bundle: Bundle) -> list[Finding]:
    failed = bundle.failed_claim
    if failed is None:
        return []
    return [
        error(
            FindingKind.CLAIMED_FAILURE,
            f"Its own verification failed: {failed.text}; mend it and hand the bundle in again.",
            claim=failed.text,
        )
    ]


def _misdeclared(bundle: Bundle, changes: Sequence[TreeChange]) -> list[Finding]:
    declared = bundle.touched_paths
    if not declared:
        return []
    real = sorted({path for change in changes for path in change.paths})
    undeclared = [path for path in real if not any(covers(scope, path) for scope in declared)]
    untouched = [scope for scope in declared if not any(covers(scope, path) for path in real)]
    if undeclared:
        return [
            warning(
                FindingKind.MISDECLARED,
                f"It changes {counted(len(undeclared), 'path')} that it did not declare, "
                f"{undeclared[0]} first; the real ones were judged. Declare all of them in "
                "`touched_paths`.",
                undeclared[0],
                undeclared=undeclared[:_PATHS_SHOWN],
                untouched=untouched[:_PATHS_SHOWN],
            )
        ]
    if untouched:
        return [
            info(
                FindingKind.MISDECLARED,
                f"It declares {counted(len(untouched), 'path')} that it does not change, "
                f"{untouched[0]} first; leave them out so that nobody waits for them.",
                untouched[0],
                undeclared=[],
                untouched=untouched[:_PATHS_SHOWN],
            )
        ]
    return []


def covers(scope: str, path: str) -> bool:
    """Whether a declared path, which may be a directory, takes in a path."""
    return scope == path or path.startswith(f"{scope}/")
