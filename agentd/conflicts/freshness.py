"""Decides how each candidate stands to the target's tip, by merging it onto the tip.

In step, stale but clean, stale and conflicting, or already there. What the policy makes of a stale
one is not this module's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from agentd.conflicts.bundles.admission import Candidate
from agentd.conflicts.findings import (
    Finding,
    FindingKind,
    JsonObject,
    JsonValue,
    counted,
    error,
    info,
    warning,
)
from agentd.conflicts.git.history import (
    COMMITS_SHOWN,
    LOG_PATHS_MAX,
    CommitInfo,
    TargetMove,
    commits_between,
    count_between,
    touched_between,
)
from agentd.conflicts.git.isolation import asked_of_each, unreadable
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.hunk_overlap import conflicting_hunks, hunks_to_json
from agentd.conflicts.merges.conflict_kinds import conflict_kinds
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.result import Merge, MergeResult
from agentd.conflicts.trees.changes import FileHunks
from agentd.errors import DependencyFailed

_PATHSPECS_MAX: Final = 2_000
"""A command line takes only so many."""
_READ_AT_ONCE: Final = 100
"""Of how many bundles the lines are held that they and the target changed."""


class Freshness(StrEnum):
    """How a bundle stands to the target's tip."""

    IN_STEP = "in_step"
    STALE_CLEAN = "stale_clean"
    STALE_CONFLICTING = "stale_conflicting"
    ALREADY_IN_TARGET = "already_in_target"
    UNKNOWN = "unknown"
    """It has no base, or no change, to compare."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A candidate, held against the tip."""

    candidate: Candidate
    freshness: Freshness
    tree: TreeId | None
    """The tip with the candidate's change; None where that cannot be had."""
    findings: tuple[Finding, ...] = ()

    @property
    def mergeable(self) -> bool:
        """Whether it is fit and merges onto the tip, stale or not."""
        return self.candidate.fit and self.freshness in (
            Freshness.IN_STEP,
            Freshness.STALE_CLEAN,
        )

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """What is known of it so far."""
        return self.candidate.findings + self.findings


def place(
    candidates: Sequence[Candidate],
    quarantine: Quarantine,
    tip: CommitId,
    merger: Merger,
    *,
    allow_stale_clean: bool,
    moved: TargetMove | None = None,
) -> tuple[Placed, ...]:
    """Holds the candidates against the tip, in their order.

    One that was in step before the target moved stays in step where the move does not touch it.
    """
    placer = _Placer(quarantine, tip, moved, allow_stale_clean=allow_stale_clean)
    merges = {each.bundle_id: placer.merge_of(each) for each in candidates}
    wanted = [merge for merge in merges.values() if merge is not None]
    merged = dict(zip(wanted, asked_of_each(wanted, merger.merge_all), strict=True))
    placed: list[Placed] = []
    for start in range(0, len(candidates), _READ_AT_ONCE):
        portion = [
            (each, None if merge is None else merged[merge])
            for each in candidates[start : start + _READ_AT_ONCE]
            for merge in (merges[each.bundle_id],)
        ]
        placer.read_conflicts(portion)
        placed += [placer.place(each, result) for each, result in portion]
    return tuple(placed)


class _Placer:
    def __init__(
        self,
        quarantine: Quarantine,
        tip: CommitId,
        moved: TargetMove | None,
        *,
        allow_stale_clean: bool,
    ) -> None:
        self._quarantine = quarantine
        self._tip = tip
        self._tip_tree = quarantine.tree_of(tip)
        self._allow_stale_clean = allow_stale_clean
        self._moved = moved
        self._counts: dict[CommitId, int] = {}
        self._touched: dict[CommitId, frozenset[str] | None] = {}
        self._touching: dict[tuple[CommitId, tuple[str, ...]], tuple[CommitInfo, ...]] = {}
        self._hunks: dict[tuple[str, str], tuple[FileHunks, ...]] = {}

    def merge_of(self, candidate: Candidate) -> Merge | None:
        """The merge onto the tip that has to be tried, if any."""
        base, base_tree, tree = candidate.base, candidate.base_tree, candidate.tree
        head = candidate.submission.head
        if base is None or base_tree is None or tree is None or base == head:
            return None
        if tree == base_tree or self._tip_tree == tree:
            return None
        if head is not None and candidate.submission.criss_cross:
            return Merge(base_tree, self._tip_tree, tree, histories=(self._tip, head))
        if self._tip_tree == base_tree or base == self._tip:
            return None
        return Merge(base_tree, self._tip_tree, tree)

    def place(self, candidate: Candidate, merged: MergeResult | DependencyFailed | None) -> Placed:
        """A candidate on the tip, with what merging it gave where it had to be merged."""
        if isinstance(merged, DependencyFailed):
            found = unreadable(merged, "What it is to be merged with")
            return Placed(candidate, Freshness.UNKNOWN, None, (found.about(candidate.bundle_id),))
        base, base_tree, tree = candidate.base, candidate.base_tree, candidate.tree
        if base is not None and base == candidate.submission.head:
            return self._landed(candidate, base)
        if base is None or base_tree is None or tree is None or tree == base_tree:
            return Placed(candidate, Freshness.UNKNOWN, None)
        if self._tip_tree == tree:
            return self._landed(candidate, base)
        if merged is None:
            return Placed(candidate, Freshness.IN_STEP, tree)
        if not merged.clean:
            return self._conflicting(candidate, base, merged)
        if merged.tree == self._tip_tree:
            return self._landed(candidate, base)
        moved = self._moved
        if moved is not None and _was_in_step(candidate, moved) and moved.spares(candidate.paths):
            return self._still_in_step(candidate, moved, merged.tree)
        return self._stale(candidate, base, merged.tree)

    def _still_in_step(self, candidate: Candidate, moved: TargetMove, tree: TreeId) -> Placed:
        newest = "".join(
            f", {each.commit[:12]} ({each.subject}) last" for each in moved.commits[:1]
        )
        found = info(
            FindingKind.TARGET_MOVED,
            f"The target moved from {moved.before[:12]} to {self._tip[:12]} during the review, "
            f"by {counted(moved.count, 'commit')}{newest}; none of that touches its paths and it "
            "merges cleanly, so it counts as in step and was judged anew on the new tip.",
            before=moved.before,
            tip=moved.tip,
            commits=commits_json(moved.commits),
        )
        return Placed(candidate, Freshness.IN_STEP, tree, (found.about(candidate.bundle_id),))

    def _between(self, candidate: Candidate, base: CommitId) -> tuple[int, tuple[CommitInfo, ...]]:
        if base not in self._counts:
            self._counts[base] = count_between(self._quarantine, base, self._tip)
            self._touched[base] = touched_between(self._quarantine, base, self._tip)
        # What no commit touches finds none: most bundles need no look, and others the same one.
        touched = self._touched[base]
        paths = tuple(candidate.paths[:LOG_PATHS_MAX])
        if touched is not None:
            paths = tuple(path for path in paths if path in touched)
        if candidate.paths and not paths:
            return self._counts[base], ()
        if (base, paths) not in self._touching:
            self._touching[base, paths] = commits_between(
                self._quarantine, base, self._tip, paths, limit=COMMITS_SHOWN
            )
        return self._counts[base], self._touching[base, paths]

    def _landed(self, candidate: Candidate, base: CommitId) -> Placed:
        _, touching = self._between(candidate, base)
        by = f" since {touching[0].commit[:12]} ({touching[0].subject})" if touching else ""
        found = error(
            FindingKind.ALREADY_IN_TARGET,
            f"Its change is in the target already{by}; nothing is left to do, so close it.",
            commits=commits_json(touching),
        )
        return Placed(
            candidate,
            Freshness.ALREADY_IN_TARGET,
            None,
            (found.about(candidate.bundle_id),),
        )

    def _stale(self, candidate: Candidate, base: CommitId, tree: TreeId) -> Placed:
        count, touching = self._between(candidate, base)
        behind = (
            f"Its base {base[:12]} is {counted(count, 'commit')} behind the target"
            f"{self._meanwhile(candidate)}"
        )
        if count == 0:
            behind = f"Its base {base[:12]} is not in the target's history"
        if touching:
            since = (
                f"{len(touching)} of them changed its paths, {touching[0].commit[:12]} "
                f"({touching[0].subject}) last"
            )
        else:
            since = "none of them changed its paths"
        advice = (
            "it still merges cleanly and is verified again"
            if self._allow_stale_clean
            else "it merges cleanly, so rebase it, or review with --allow-stale-clean"
        )
        found = warning(
            FindingKind.STALE_CLEAN,
            f"{behind}; {since}; {advice}." if count else f"{behind}; {advice}.",
            base=base,
            tip=self._tip,
            behind=count,
            commits=commits_json(touching),
        )
        return Placed(candidate, Freshness.STALE_CLEAN, tree, (found.about(candidate.bundle_id),))

    def _conflicting(self, candidate: Candidate, base: CommitId, merged: MergeResult) -> Placed:
        count, touching = self._between(candidate, base)
        paths = _paths_of(merged)
        where = paths[0] if paths else "its directories"
        cause = (
            f", which {touching[0].commit[:12]} ({touching[0].subject}) changed" if touching else ""
        )
        found = error(
            FindingKind.STALE_CONFLICT,
            f"Its base {base[:12]} is {counted(count, 'commit')} behind the target"
            f"{self._meanwhile(candidate)} and its change conflicts in {where}{cause}; "
            f"rebase it onto {self._tip[:12]} and hand it in again.",
            paths[0] if paths else None,
            base=base,
            tip=self._tip,
            behind=count,
            paths=list(paths[:COMMITS_SHOWN]),
            kinds=[kind.value for kind in conflict_kinds(merged)],
            commits=commits_json(touching),
            hunks=self._conflicting_hunks(candidate, paths),
        )
        return Placed(
            candidate,
            Freshness.STALE_CONFLICTING,
            None,
            (found.about(candidate.bundle_id),),
        )

    def _meanwhile(self, candidate: Candidate) -> str:
        moved = self._moved
        if moved is None or not _was_in_step(candidate, moved):
            return ""
        return f" (which moved during the review, from {moved.before[:12]})"

    def read_conflicts(
        self, results: Iterable[tuple[Candidate, MergeResult | DependencyFailed | None]]
    ) -> None:
        """Reads, in one call, what candidates and the target changed where they conflict."""
        pairs: set[tuple[str, str]] = set()
        paths: set[str] = set()
        for each, merged in results:
            if isinstance(merged, MergeResult) and not merged.clean:
                pairs |= {(str(each.base_tree), str(tree)) for tree in (each.tree, self._tip_tree)}
                paths |= set(_paths_of(merged))
        asked = sorted(pairs) if paths else []
        only = sorted(paths) if len(paths) <= _PATHSPECS_MAX else ()
        read = asked_of_each(asked, partial(self._quarantine.hunks, paths=only))
        # Evidence alone: git has merged these, so that all which counts could be read.
        self._hunks = {
            pair: () if isinstance(files, DependencyFailed) else files
            for pair, files in zip(asked, read, strict=True)
        }

    def _conflicting_hunks(self, candidate: Candidate, paths: Sequence[str]) -> list[JsonObject]:
        """Where both changed the same lines of the base: left the bundle, right the target."""
        if not paths:
            return []
        base_tree = str(candidate.base_tree)
        mine = self._hunks[base_tree, str(candidate.tree)]
        targets = self._hunks[base_tree, str(self._tip_tree)]
        return hunks_to_json(conflicting_hunks(mine, targets, paths))


def _paths_of(merged: MergeResult) -> tuple[str, ...]:
    """Where a merge conflicts, as far as git says."""
    return merged.conflicted_paths or tuple(
        dict.fromkeys(path for message in merged.conflicts for path in message.paths)
    )


def _was_in_step(candidate: Candidate, moved: TargetMove) -> bool:
    return candidate.base == moved.before or candidate.base_tree == moved.before_tree


def commits_json(commits: Sequence[CommitInfo]) -> list[JsonValue]:
    """Commits as evidence."""
    return [
        {"commit": found.commit, "author": found.author, "subject": found.subject}
        for found in commits
    ]
