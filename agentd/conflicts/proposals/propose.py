"""Proposes merges for what conflicts in a review, and has each reviewed in its originals' place.

A proposal is a new bundle, never a verdict: it passes the gates, then a review like any other
bundle, with the two that it stands for taken out. Only one that commands proved is called verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from agentd.conflicts.bundles.intake import Intake
from agentd.conflicts.bundles.superseding import stands_for
from agentd.conflicts.case_codec import decode_case, encode_case
from agentd.conflicts.checks.recorded_runs import RecordedRuns
from agentd.conflicts.decisions import Action, Why
from agentd.conflicts.findings import BundleId
from agentd.conflicts.freshness import Freshness, Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.holding import Holdings
from agentd.conflicts.judgement import Case, Judgement, judge
from agentd.conflicts.merges.attributes import merge_attributes
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.proposals.broken_names import broken_names
from agentd.conflicts.proposals.conflicting import read_conflict, with_contents
from agentd.conflicts.proposals.gates import Refusal
from agentd.conflicts.proposals.making import Attempt, Maker, Resolution, resolve
from agentd.conflicts.proposals.offer import Offer, make_offer
from agentd.conflicts.proposals.sides import Conflict, Declined, Party
from agentd.conflicts.record import canonical_bytes, printable
from agentd.conflicts.review import ReviewRequest, Workplace, review_case
from agentd.conflicts.selection import EdgeKind

_MERGED_BY_LINES = (EdgeKind.CONTENT, EdgeKind.ADJACENT)


class Became(StrEnum):
    """What became of a conflict."""

    VERIFIED = "verified"
    """The review merges the proposal, and commands passed on the result."""
    UNVERIFIED = "unverified"
    """The review merges it, but nothing was run."""
    NOT_MERGED = "not_merged"
    """The review does not merge it."""
    REFUSED = "refused"
    """A gate stands against it."""
    DECLINED = "declined"
    """There is nothing to propose."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """One conflict, and what became of it."""

    left: Party
    right: Party
    became: Became
    message: str
    resolution: Resolution | None = None
    """What the makers did; None where none was asked."""
    offer: Offer | None = None
    record: Mapping[str, Any] | None = None
    """The review of the proposal."""
    broken: tuple[Refusal, ...] = ()
    """What one side uses and the other took away, in whichever file."""

    def to_json(self) -> dict[str, Any]:
        """The outcome for a program; the bundle is in it where there is one."""
        resolution = self.resolution or Resolution((), None)
        return {
            "parties": [
                {"bundle_id": party.bundle_id, "owner": party.owner}
                for party in (self.left, self.right)
            ],
            "became": self.became.value,
            "message": self.message,
            "attempts": [attempt.to_json() for attempt in resolution.attempts],
            "refusals": [each.to_json() for each in (*resolution.refusals, *self.broken)],
            "bundle_id": self.offer.bundle_id if self.offer else None,
            "bundle": self.offer.to_json() if self.offer and self.offer.is_text else None,
            "review_id": self.record["review_id"] if self.record else None,
        }


class Proposing:
    """Proposes for one review."""

    def __init__(
        self,
        request: ReviewRequest,
        workplace: Workplace,
        record: Mapping[str, Any],
        makers: Sequence[Maker],
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`request` says how to verify and where things are kept; `record` has its inputs."""
        self._request = request
        self._workplace = workplace
        self._record = record
        self._makers = tuple(makers)
        self._progress = progress
        self._case = decode_case(record["inputs"]["case"])
        self._quarantine = workplace.quarantine.within(self._case.policy.limits)
        self._tip = self._case.target
        self._tip_tree = self._quarantine.tree_of(self._tip)

    def propose(self) -> tuple[Proposed, ...]:
        """One outcome for each conflict of the review."""
        runs = RecordedRuns(self._record["inputs"]["command_runs"])
        judgement = judge(self._case, self._quarantine, runs)
        return tuple(self._propose(judgement, pair) for pair in _pairs(judgement))

    def _propose(self, judgement: Judgement, pair: _Pair) -> Proposed:
        left, right = pair.parties
        self._progress(f"merging the work of {left.owner} and {right.owner}")
        conflict = self._conflict(pair)
        if isinstance(conflict, Declined):
            return _declined(left, right, conflict)
        resolution = resolve(conflict, self._makers, self._progress)
        if resolution.contents is None:
            became = Became.REFUSED if resolution.refusals else Became.DECLINED
            return Proposed(left, right, became, resolution.problem, resolution)
        tree = with_contents(self._quarantine, conflict.merged, resolution.contents)
        self._progress("comparing the names of both sides")
        trees = pair.trees(self._tip_tree)[0]
        owners = left.owner, right.owner
        broken = tuple(broken_names(self._quarantine, trees, tree, owners))
        if broken:
            message = f"{broken[0].path}: {broken[0].message}"
            return Proposed(left, right, Became.REFUSED, message, resolution, broken=broken)
        offer = make_offer(self._quarantine, self._tip, tree, _said(pair, resolution.taken))
        return self._reviewed(judgement, pair, offer, resolution)

    def _conflict(self, pair: _Pair) -> Conflict | Declined:
        trees, paths = pair.trees(self._tip_tree)
        attributes = merge_attributes(
            self._quarantine, self._tip_tree, sorted(paths), self._case.policy
        )
        merger = Merger(self._quarantine, attributes)
        return read_conflict(self._quarantine, merger, trees, *pair.parties)

    def _reviewed(
        self, judgement: Judgement, pair: _Pair, offer: Offer, resolution: Resolution
    ) -> Proposed:
        left, right = pair.parties
        self._progress(f"reviewing the proposal for {left.owner} and {right.owner}")
        case = self._with(judgement, pair, offer)
        target = str(self._record["target"]["name"])
        source = str(self._record["policy"]["source"])
        record = review_case(
            self._request, self._workplace, case, target, source, self._progress
        ).record
        became, message = _verdict(record, offer.bundle_id)
        return Proposed(left, right, became, message, resolution, offer, record)

    def _with(self, judgement: Judgement, pair: _Pair, offer: Offer) -> Case:
        """The case with the proposal in the place of what it stands for."""
        replaced = {party.bundle_id for party in pair.parties}
        owners = {party.owner for party in pair.parties}
        intake = Intake(
            repository=self._workplace.repository,
            quarantine=self._quarantine,
            target=self._tip,
            limits=self._case.policy.limits,
        )
        submissions = [
            each.candidate.submission
            for each in judgement.placed
            if each.candidate.bundle_id not in replaced
        ]
        submissions.append(intake.take(offer.to_bundle()))
        locks = tuple(lock for lock in self._case.holdings.locks if lock.owner not in owners)
        case = replace(self._case, submissions=tuple(submissions), holdings=Holdings(locks))
        # What is judged is what a replay reads from the record.
        return decode_case(orjson.loads(canonical_bytes(printable(encode_case(case)))))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two bundles that conflict, or one that conflicts with the target."""

    left: Placed | None
    """None: the target."""
    right: Placed

    @property
    def placed(self) -> tuple[Placed, ...]:
        return (self.right,) if self.left is None else (self.left, self.right)

    @property
    def parties(self) -> tuple[Party, Party]:
        right = _party(self.right)
        if self.left is None:
            return Party(None, "the target", ""), right
        return _party(self.left), right

    def trees(self, tip_tree: TreeId) -> tuple[tuple[TreeId, TreeId, TreeId], set[str]]:
        """Base, left and right, and the paths that the bundles change."""
        paths = {path for each in self.placed for path in each.candidate.paths}
        if self.left is None:
            base, tree = self.right.candidate.base_tree, self.right.candidate.tree
            assert base is not None
            assert tree is not None
            return (base, tip_tree, tree), paths
        assert self.left.tree is not None
        assert self.right.tree is not None
        return (tip_tree, self.left.tree, self.right.tree), paths


def _party(placed: Placed) -> Party:
    candidate = placed.candidate
    return Party(candidate.bundle_id, candidate.bundle.owner, candidate.bundle.intent)


def _pairs(judgement: Judgement) -> Iterator[_Pair]:
    """What conflicts: first the target with a stale bundle, then bundles, who won first."""
    placed = {each.candidate.bundle_id: each for each in judgement.placed}
    for each in judgement.placed:
        if each.freshness is Freshness.STALE_CONFLICTING and not each.candidate.errors:
            yield _Pair(None, each)
    merging = {
        decision.bundle_id for decision in judgement.decisions if decision.action is Action.MERGE
    }
    for edge in judgement.edges:
        ends = sorted((edge.left, edge.right), key=lambda end: (end not in merging, end))
        left, right = (placed[end] for end in ends)
        if edge.kind in _MERGED_BY_LINES and left.mergeable and right.mergeable:
            yield _Pair(left, right)


def _said(pair: _Pair, taken: Sequence[Attempt]) -> dict[str, Any]:
    """What a proposal says about itself."""
    bundles = [each.candidate.bundle for each in pair.placed]
    owners = " and ".join(bundle.owner for bundle in bundles)
    intents = "; ".join(bundle.intent for bundle in bundles if bundle.intent)
    merged = (
        f"Merge the work of {owners}" if pair.left else f"Bring the work of {owners} up to date"
    )
    commands = dict.fromkeys(
        claim.command for bundle in bundles for claim in bundle.claims if claim.command
    )
    return {
        "owner": "+".join(bundle.owner for bundle in bundles),
        "provider": "+".join(dict.fromkeys(bundle.provider for bundle in bundles)),
        "intent": f"{merged}: {intents}" if intents else merged,
        "assumptions": list(dict.fromkeys(a for bundle in bundles for a in bundle.assumptions)),
        # Named again, so that they are run again where the policy allows it.
        "verification": [{"command": command} for command in commands],
        "supersedes": [each_id for each in pair.placed for each_id in stands_for(each.candidate)],
        "proposed_with": [
            {"path": each.path, "with": each.maker, **each.details} for each in taken
        ],
    }


def _declined(left: Party, right: Party, why: Declined) -> Proposed:
    where = f"{why.path}: " if why.path else ""
    return Proposed(left, right, Became.DECLINED, f"{where}{why.reason}")


def _verdict(record: Mapping[str, Any], bundle_id: BundleId) -> tuple[Became, str]:
    decision = next(each for each in record["decisions"] if each["bundle_id"] == bundle_id)
    first = decision["reasons"][0]
    if decision["action"] != Action.MERGE.value:
        return Became.NOT_MERGED, f"{decision['action']}: {first['message']}"
    became = Became.VERIFIED if first["reason"] == Why.VERIFIED.value else Became.UNVERIFIED
    return became, str(first["message"])
