"""Which bundles cannot both be merged: the pair pass, git's word on what it suspects, the rest.

Makes the edges of the conflict graph and the findings that explain them. Who wins is not this
module's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.findings import BundleId, Finding, FindingKind, JsonObject, Severity
from agentd.conflicts.footprints import take_footprints
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.holding import Holdings
from agentd.conflicts.hunk_overlap import hunks_to_json
from agentd.conflicts.merges.conflict_kinds import ConflictKind, conflict_kinds
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.result import Merge, MergeResult
from agentd.conflicts.pairs import Footprint, Meeting, find_meetings
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.selection import Edge, EdgeKind

QUESTIONS_MAX: Final = 2_000
"""How many pairs git is asked about in one review; beyond that the lines' word stands."""
_PATHS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Compatibility:
    """The conflict graph of a review."""

    edges: tuple[Edge, ...]
    findings: tuple[Finding, ...]
    footprints: tuple[Footprint, ...]
    meetings: int
    asked: int

    @property
    def touched(self) -> Mapping[BundleId, tuple[str, ...]]:
        """The paths that each changes on the tip; of a moved file both."""
        return {each.bundle_id: tuple(each.by_path) for each in self.footprints}

    @property
    def apart(self) -> frozenset[tuple[BundleId, BundleId]]:
        """The pairs with an edge."""
        return frozenset((edge.left, edge.right) for edge in self.edges)


def find_edges(
    placed: Sequence[Placed],
    quarantine: Quarantine,
    tip_tree: TreeId,
    policy: Policy,
    holdings: Holdings,
    merger: Merger,
) -> Compatibility:
    """Compares all bundles that merge onto the tip with one another."""
    judge = _Judge(placed, quarantine, tip_tree, policy, holdings, merger)
    return judge.compatibility()


class _Judge:
    def __init__(
        self,
        placed: Sequence[Placed],
        quarantine: Quarantine,
        tip_tree: TreeId,
        policy: Policy,
        holdings: Holdings,
        merger: Merger,
    ) -> None:
        self._placed: Mapping[BundleId, Placed] = {
            each.candidate.bundle_id: each for each in placed if each.mergeable
        }
        self._quarantine = quarantine
        self._tip_tree = tip_tree
        self._policy = policy
        self._holdings = holdings
        self._merger = merger

    def compatibility(self) -> Compatibility:
        footprints = take_footprints(
            self._quarantine,
            self._tip_tree,
            {bundle_id: TreeId(str(each.tree)) for bundle_id, each in self._placed.items()},
        )
        by_id = {footprint.bundle_id: footprint for footprint in footprints}
        meetings = find_meetings(footprints)
        answers = self._ask_git(meetings)
        edges: list[Edge] = []
        findings: list[Finding] = []
        for meeting in meetings:
            edge, found = self._judge(meeting, by_id, answers.get((meeting.left, meeting.right)))
            findings += found
            if edge is not None:
                edges.append(edge)
        for edge, finding in (*self._alternatives(), *self._generated(by_id)):
            edges.append(edge)
            findings.append(finding)
        return Compatibility(tuple(edges), tuple(findings), footprints, len(meetings), len(answers))

    def _bundle(self, bundle_id: BundleId) -> Bundle:
        return self._placed[bundle_id].candidate.bundle

    def _judge(
        self,
        meeting: Meeting,
        footprints: Mapping[BundleId, Footprint],
        merged: MergeResult | None,
    ) -> tuple[Edge | None, list[Finding]]:
        if meeting.identical:
            return None, [self._identical(meeting)]
        if not meeting.doubtful:
            return None, []
        if merged is not None and merged.clean:
            clash = self._case_clash(meeting)
            if clash is None:
                return None, []
            kinds: tuple[ConflictKind, ...] = (ConflictKind.TREE,)
            paths: tuple[str, ...] = (clash,)
        elif merged is not None:
            kinds, paths = conflict_kinds(merged), _conflict_paths(merged)
        else:
            kinds = tuple(kind for kind, _ in meeting.suspicions)
            paths = tuple(dict.fromkeys(path for _, path in meeting.suspicions))
        kind = kinds[0]
        if (
            kind is ConflictKind.CONTENT
            and any(found is ConflictKind.ADJACENT for found, _ in meeting.suspicions)
            and not any(found is ConflictKind.CONTENT for found, _ in meeting.suspicions)
        ):
            kind = ConflictKind.ADJACENT
        return self._conflict(meeting, kind, paths or meeting.paths, footprints, merged)

    def _ask_git(self, meetings: Sequence[Meeting]) -> dict[tuple[BundleId, BundleId], MergeResult]:
        """git's word on the doubtful pairs; beyond the limit only where lines cannot tell."""
        doubtful = [each for each in meetings if each.doubtful and not each.identical]
        asked = [
            each for place, each in enumerate(doubtful) if place < QUESTIONS_MAX or each.ask_git
        ]
        merges = [
            Merge(self._tip_tree, self._tree_of(each.left), self._tree_of(each.right))
            for each in asked
        ]
        answers = self._merger.merge_all(merges, trees=False)
        return {
            (each.left, each.right): answer for each, answer in zip(asked, answers, strict=True)
        }

    def _tree_of(self, bundle_id: BundleId) -> TreeId:
        return TreeId(str(self._placed[bundle_id].tree))

    def _case_clash(self, meeting: Meeting) -> str | None:
        """A name that git would take, but of which some file systems can hold only one."""
        for kind, path in meeting.suspicions:
            if kind is ConflictKind.TREE and path not in meeting.paths:
                return path
        return None

    def _conflict(
        self,
        meeting: Meeting,
        kind: ConflictKind,
        paths: Sequence[str],
        footprints: Mapping[BundleId, Footprint],
        merged: MergeResult | None,
    ) -> tuple[Edge, list[Finding]]:
        left, right = self._bundle(meeting.left), self._bundle(meeting.right)
        evidence: JsonObject = {
            "paths": list(paths[:_PATHS_SHOWN]),
            "judged_by": "ranges" if merged is None else "git",
            "git": [] if merged is None else [each.text for each in merged.conflicts][:10],
            "left": {"bundle": meeting.left, "owner": left.owner, "intent": left.intent},
            "right": {"bundle": meeting.right, "owner": right.owner, "intent": right.intent},
            "hunks": hunks_to_json([pair for pair in meeting.hunks if pair.path in paths]),
        }
        edge = Edge(
            meeting.left,
            meeting.right,
            EdgeKind(kind.value),
            tuple(paths),
            first_lock=self._first_lock(meeting.left, meeting.right, paths),
            deletes=_deleter(kind, paths, footprints[meeting.left], footprints[meeting.right]),
            evidence=evidence,
        )
        finding = Finding(
            kind.finding,
            Severity.ERROR,
            _conflict_message(kind, left.owner, right.owner, paths),
            (meeting.left, meeting.right),
            paths[0] if paths else None,
            evidence=evidence,
        )
        return edge, [finding]

    def _first_lock(self, left: BundleId, right: BundleId, paths: Sequence[str]) -> BundleId | None:
        one, other = self._bundle(left).owner, self._bundle(right).owner
        first = self._holdings.earlier(one, other, paths)
        if first is None:
            return None
        return left if first == one else right

    def _identical(self, meeting: Meeting) -> Finding:
        left, right = self._bundle(meeting.left), self._bundle(meeting.right)
        return Finding(
            FindingKind.IDENTICAL_CHANGE,
            Severity.INFO,
            f"{left.owner} and {right.owner} propose exactly the same change; it is merged once, "
            "and stands for both.",
            (meeting.left, meeting.right),
            meeting.paths[0] if meeting.paths else None,
        )

    def _alternatives(self) -> Iterable[tuple[Edge, Finding]]:
        for group, members in self._alternative_groups():
            for left, right in combinations(members, 2):
                yield (
                    Edge(left, right, EdgeKind.ALTERNATIVES),
                    Finding(
                        FindingKind.ALTERNATIVES,
                        Severity.INFO,
                        f"{self._bundle(left).owner} and {self._bundle(right).owner} offer "
                        f"alternatives for {group}; at most one of them merges.",
                        (left, right),
                        evidence={"group": group},
                    ),
                )

    def _alternative_groups(self) -> list[tuple[str, list[BundleId]]]:
        """The groups by name; a bundle that others name as theirs belongs to them."""
        groups: dict[str, set[BundleId]] = {}
        for bundle_id, each in self._placed.items():
            group = each.candidate.bundle.alternative_group
            if group is not None:
                groups.setdefault(group, set()).add(bundle_id)
        for group, members in groups.items():
            if group in self._placed:
                members.add(BundleId(group))
        return [(group, sorted(members)) for group, members in sorted(groups.items())]

    def _generated(
        self, footprints: Mapping[BundleId, Footprint]
    ) -> Iterable[tuple[Edge, Finding]]:
        touching: dict[str, list[BundleId]] = {}
        for bundle_id, footprint in sorted(footprints.items()):
            for path in footprint.by_path:
                if self._policy.generated_rule(path) is not None:
                    touching.setdefault(path, []).append(bundle_id)
        pairs: dict[tuple[BundleId, BundleId], list[str]] = {}
        for path, bundles in sorted(touching.items()):
            for left, right in combinations(bundles, 2):
                if footprints[left].result != footprints[right].result:
                    pairs.setdefault((left, right), []).append(path)
        for (left, right), paths in sorted(pairs.items()):
            rule = self._policy.generated_rule(paths[0])
            command = rule.regenerate if rule is not None else None
            yield (
                Edge(
                    left,
                    right,
                    EdgeKind.GENERATED,
                    tuple(paths),
                    first_lock=self._first_lock(left, right, paths),
                    evidence={"paths": paths[:_PATHS_SHOWN], "regenerate": command},
                ),
                Finding(
                    FindingKind.GENERATED_TWICE,
                    Severity.ERROR,
                    f"{self._bundle(left).owner} and {self._bundle(right).owner} both change the "
                    f"generated file {paths[0]}; one of them merges, then it is regenerated"
                    + (f" with `{command}`." if command else "."),
                    (left, right),
                    paths[0],
                    evidence={"paths": paths[:_PATHS_SHOWN], "regenerate": command},
                ),
            )


def _conflict_paths(merged: MergeResult) -> tuple[str, ...]:
    if merged.conflicted_paths:
        return merged.conflicted_paths
    return tuple(dict.fromkeys(path for each in merged.conflicts for path in each.paths))


def _deleter(
    kind: ConflictKind, paths: Sequence[str], left: Footprint, right: Footprint
) -> BundleId | None:
    """Which of the two takes away what the other changes, where exactly one does."""
    if kind is not ConflictKind.MODIFY_DELETE:
        return None
    deleting = [
        side.bundle_id
        for side in (left, right)
        if any(path in side.by_path and side.by_path[path].change.status == "D" for path in paths)
        and not any(old in paths or new in paths for old, new in side.renames)
    ]
    return deleting[0] if len(deleting) == 1 else None


_SENTENCES: Final[Mapping[ConflictKind, str]] = {
    ConflictKind.CONTENT: "{left} and {right} change the same lines of {path} differently; only "
    "one of them can merge, the other is to be done again on top of it.",
    ConflictKind.ADJACENT: "{left} and {right} change lines of {path} that touch, which git does "
    "not merge; the second needs only a cheap rebase.",
    ConflictKind.ADD_ADD: "{left} and {right} both add {path} with different content; agree on one "
    "file or on two names.",
    ConflictKind.MODIFY_DELETE: "One of {left} and {right} takes away {path}, which the other "
    "changes; somebody has to decide which of the two is wanted.",
    ConflictKind.RENAME: "{left} and {right} do not go together in {path} because files were "
    "renamed; the second is to be done again with the new path.",
    ConflictKind.TREE: "{left} and {right} need different things of the name {path} (a file and a "
    "directory, two spellings, two modes or types); choose another name.",
    ConflictKind.BINARY: "{left} and {right} both change {path}, which is binary or over `[limits] "
    "text_bytes_max` and so merged as a whole; only one of them can merge.",
    ConflictKind.SUBMODULE: "{left} and {right} move the submodule {path} to different commits; "
    "somebody has to decide which is wanted.",
}


def _conflict_message(kind: ConflictKind, left: str, right: str, paths: Sequence[str]) -> str:
    return _SENTENCES[kind].format(
        left=left, right=right, path=paths[0] if paths else "a renamed directory"
    )
