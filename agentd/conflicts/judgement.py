"""Judges a case: the pipeline from submissions to one decision a bundle, step by step.

A case holds nothing that can change, so that judging it again gives the same answer. This module
must not read a clock, the daemon, the user's refs or files, or write anything but objects of the
quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agentd.conflicts.accounting import check_ledger
from agentd.conflicts.admission import Admission, Candidate, covers
from agentd.conflicts.bundle import SourceKind
from agentd.conflicts.compatibility import Compatibility, find_edges
from agentd.conflicts.composition import Composer
from agentd.conflicts.decisions import (
    Action,
    Decision,
    Reason,
    Why,
    Winner,
    decide_lost,
    decide_unfit,
)
from agentd.conflicts.findings import BundleId, Finding, FindingKind, Severity
from agentd.conflicts.freshness import Freshness, Placed, place
from agentd.conflicts.holding import HeldLock, Holdings
from agentd.conflicts.intake import Submission
from agentd.conflicts.policy import Policy
from agentd.conflicts.proof import CommandRunner, Proof, Prover, Standing
from agentd.conflicts.quarantine import Quarantine
from agentd.conflicts.repository import CommitId, TreeId
from agentd.conflicts.selection import Contender, Edge
from agentd.conflicts.settlement import Settlement, Settling

_CONFIDENCE_UNSAID = 50


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the decisions depend on."""

    target: CommitId
    policy: Policy
    submissions: tuple[Submission, ...]
    holdings: Holdings = field(default_factory=Holdings)


@dataclass(frozen=True, slots=True)
class Integration:
    """The merged result."""

    order: tuple[BundleId, ...]
    commit: CommitId
    tree: TreeId


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came out."""

    placed: tuple[Placed, ...]
    """All bundles, also those that are closed."""
    closed: tuple[Placed, ...]
    """Read from the journal, and in the target already: nothing is decided about them."""
    findings: tuple[Finding, ...]
    edges: tuple[Edge, ...]
    decisions: tuple[Decision, ...]
    proofs: tuple[Proof, ...]
    integration: Integration | None
    meetings: int
    asked: int


def judge(
    case: Case,
    quarantine: Quarantine,
    runner: CommandRunner,
    progress: Callable[[str], None] = lambda _: None,
) -> Judgement:
    """Decides on every bundle of a case."""
    return _Judge(case, quarantine, runner, progress).judge()


class _Judge:
    def __init__(
        self,
        case: Case,
        quarantine: Quarantine,
        runner: CommandRunner,
        progress: Callable[[str], None],
    ) -> None:
        self._case = case
        self._policy = case.policy
        self._quarantine = quarantine
        self._runner = runner
        self._progress = progress
        self._tip_tree = quarantine.tree_of(case.target)
        self._decisions: dict[BundleId, Decision] = {}
        self._findings: list[Finding] = []

    def judge(self) -> Judgement:
        candidates = self._admit()
        union_paths = self._union_paths(candidates)
        self._progress(f"holding {len(candidates)} bundles against the target")
        everything = place(
            candidates,
            self._quarantine,
            self._case.target,
            allow_stale_clean=self._policy.freshness.allow_stale_clean,
            union_paths=union_paths,
        )
        closed = tuple(each for each in everything if _is_closed(each))
        placed = tuple(each for each in everything if not _is_closed(each))
        self._findings += [found for each in everything for found in each.all_findings]
        self._progress("comparing the bundles with one another")
        compatibility = find_edges(
            placed,
            self._quarantine,
            self._tip_tree,
            self._policy,
            self._case.holdings,
            union_paths,
        )
        self._findings += compatibility.findings
        self._decide_singly(placed)
        composer = Composer(self._quarantine, self._case.target, union_paths)
        settlement = self._settle(placed, compatibility, composer)
        integration = self._decide_settled(placed, settlement, composer)
        return Judgement(
            placed=everything,
            closed=closed,
            findings=tuple(self._findings),
            edges=settlement.edges,
            decisions=tuple(self._decisions[key] for key in sorted(self._decisions)),
            proofs=settlement.proofs,
            integration=integration,
            meetings=compatibility.meetings,
            asked=compatibility.asked,
        )

    def _admit(self) -> tuple[Candidate, ...]:
        self._progress(f"reading {len(self._case.submissions)} bundles")
        return Admission(self._quarantine, self._policy).admit(self._case.submissions)

    def _union_paths(self, candidates: Sequence[Candidate]) -> tuple[str, ...]:
        touched = {path for each in candidates for path in each.paths if each.tree is not None}
        return tuple(sorted(path for path in touched if self._policy.allows_union(path)))

    # Each bundle by itself

    def _decide_singly(self, placed: Sequence[Placed]) -> None:
        for each in placed:
            decision = self._single_decision(each, placed)
            if decision is not None:
                self._decisions[decision.bundle_id] = decision

    def _single_decision(self, each: Placed, placed: Sequence[Placed]) -> Decision | None:
        bundle_id = each.candidate.bundle_id
        errors = [found for found in each.all_findings if found.severity is Severity.ERROR]
        if errors:
            return decide_unfit(bundle_id, errors)
        blocking = self._blocking_lock(each, placed)
        if blocking is not None:
            return Decision(bundle_id, Action.WAIT, (self._lock_reason(blocking),))
        if each.candidate.tree is None:
            return self._without_change(each)
        if each.freshness is Freshness.STALE_CLEAN and not self._policy.freshness.allow_stale_clean:
            stale = each.findings[0]
            return Decision(
                bundle_id,
                Action.REBASE,
                (Reason(Why.STALE_BASE, stale.message, stale.evidence),),
            )
        return None

    def _blocking_lock(self, each: Placed, placed: Sequence[Placed]) -> HeldLock | None:
        """A live lock of somebody over its paths whose change is not here to be compared with."""
        owner = each.candidate.bundle.owner
        for lock in self._case.holdings.held_against(owner, each.candidate.paths):
            handed_in = any(
                other.mergeable
                and other.candidate.bundle.owner == lock.owner
                and any(lock.covers(path) for path in other.candidate.paths)
                for other in placed
            )
            if not handed_in or each.candidate.tree is None:
                return lock
        return None

    def _lock_reason(self, lock: HeldLock) -> Reason:
        until = f" until {lock.expires_at}" if lock.expires_at else ""
        return Reason(
            Why.LOCK_HELD,
            f"{lock.owner} ({lock.provider}) holds {lock.resource_key}{until}; wait for its "
            "change, or hand in yours without that path.",
            {"holder": lock.to_json()},
        )

    def _without_change(self, each: Placed) -> Decision:
        bundle = each.candidate.bundle
        past = all(source.kind is SourceKind.PAST_LOCK for source in bundle.sources)
        if past:
            return Decision(
                each.candidate.bundle_id,
                Action.REJECT,
                (
                    Reason(
                        Why.NO_CHANGE,
                        "Its lock has ended and no change was handed in; there is nothing to merge.",
                    ),
                ),
            )
        held = self._case.holdings.live(bundle.owner, bundle.touched_paths)
        keeps = f"It keeps {held.resource_key} and " if held else "It "
        return Decision(
            each.candidate.bundle_id,
            Action.WAIT,
            (
                Reason(
                    Why.NO_CHANGE_YET,
                    f"{keeps}has handed in no change yet; hand it in with `agentd-coord bundle`, or "
                    "as `patch`, `head_revision` or `worktree`.",
                    {"holder": held.to_json() if held else None},
                ),
            ),
        )

    # The set

    def _settle(
        self, placed: Sequence[Placed], compatibility: Compatibility, composer: Composer
    ) -> Settlement:
        contending = [
            each
            for each in placed
            if each.mergeable and each.candidate.bundle_id not in self._decisions
        ]
        self._declared_overlaps(placed)
        prover = Prover(self._runner, composer, self._tip_tree, self._policy)
        return Settling(
            [self._contender(each) for each in contending],
            compatibility.edges,
            contending,
            composer,
            prover,
            self._progress,
        ).settle()

    def _contender(self, each: Placed) -> Contender:
        bundle = each.candidate.bundle
        owner_rank, provider_rank = self._policy.rank(bundle.provider, bundle.owner)
        confidence = bundle.confidence
        return Contender(
            each.candidate.bundle_id,
            owner_rank=owner_rank,
            provider_rank=provider_rank,
            claims_passed=bundle.claims_passed,
            confidence=_CONFIDENCE_UNSAID if confidence is None else round(confidence * 100),
            created_at=bundle.created_at,
        )

    def _declared_overlaps(self, placed: Sequence[Placed]) -> None:
        """Says where somebody without a change means to touch what others change."""
        silent = [each for each in placed if each.candidate.tree is None and each.candidate.paths]
        for each in silent:
            for other in placed:
                if other.candidate.bundle_id == each.candidate.bundle_id:
                    continue
                if other in silent and other.candidate.bundle_id < each.candidate.bundle_id:
                    continue
                shared = [
                    path
                    for path in other.candidate.paths
                    if any(covers(s, path) or covers(path, s) for s in each.candidate.paths)
                ]
                if shared:
                    self._findings.append(_overlap(each.candidate, other.candidate, shared))

    # What follows

    def _decide_settled(
        self, placed: Sequence[Placed], settlement: Settlement, composer: Composer
    ) -> Integration | None:
        self._findings += settlement.findings
        self._note_approximation(settlement)
        for decision in settlement.put_out:
            self._decisions[decision.bundle_id] = decision
        by_id = {each.candidate.bundle_id: each for each in placed}
        for bundle, edges in settlement.selection.lost.items():
            winners = {edge.other(bundle): self._winner(by_id, edge, bundle) for edge in edges}
            self._decisions[bundle] = decide_lost(bundle, edges, winners)
        chosen = [by_id[bundle] for bundle in settlement.selection.chosen]
        if not chosen:
            return None
        held_back = self._held_back(settlement, chosen)
        if held_back is not None:
            for each in chosen:
                self._decisions[each.candidate.bundle_id] = Decision(
                    each.candidate.bundle_id, Action.ESCALATE, (held_back,)
                )
            return None
        self._accept(settlement, chosen)
        return Integration(
            settlement.composition.order,
            composer.commit(settlement.composition, chosen),
            settlement.composition.tree,
        )

    def _note_approximation(self, settlement: Settlement) -> None:
        for component in settlement.selection.approximate:
            self._findings.append(
                Finding(
                    FindingKind.SELECTION_APPROXIMATE,
                    Severity.WARNING,
                    f"{len(component)} bundles conflict with one another in one group, too many to "
                    "find the best set for certain: the most valued ones were taken in turn.",
                    component,
                )
            )

    def _winner(self, by_id: dict[BundleId, Placed], edge: Edge, loser: BundleId) -> Winner:
        winner = by_id[edge.other(loser)].candidate
        return Winner(
            winner.bundle_id,
            winner.bundle.owner,
            winner.bundle.provider,
            winner.bundle.intent,
            self._case.holdings.live(winner.bundle.owner, edge.paths),
        )

    def _held_back(self, settlement: Settlement, chosen: Sequence[Placed]) -> Reason | None:
        """Why the composed set may not be called merged, if so."""
        proof = settlement.proof
        if settlement.unsettled:
            check = settlement.unsettled[0].comparison
            return Reason(
                Why.VERIFICATION_UNKNOWN,
                f"`{check.run.name}` fails on the combination, but no bundle can be blamed for it; "
                "look at its output and decide.",
                {"command": check.run.command, "output_tail": check.run.output_tail[-4_000:]},
            )
        if self._policy.verification_required and proof.standing is not Standing.PROVEN:
            missing = [check.comparison.message for check in proof.checks]
            return Reason(
                Why.VERIFICATION_UNKNOWN,
                "The policy asks for verification and nothing proved the combination"
                + (f": {missing[0]}" if missing else "; name a command in its `commands`."),
                {"checks": missing[:10]},
            )
        if self._policy.verification_required and proof.undetermined:
            check = proof.undetermined[0].comparison
            return Reason(
                Why.VERIFICATION_UNKNOWN,
                check.message,
                {"command": check.run.command, "problem": check.run.problem},
            )
        discrepancies = check_ledger(
            self._quarantine, self._tip_tree, settlement.composition.tree, chosen
        )
        for found in discrepancies:
            self._findings.append(
                Finding(
                    FindingKind.LEDGER_MISMATCH,
                    Severity.ERROR,
                    f"In {found.path}: {found.problem}; nothing was merged, so compare the trees "
                    "and merge by hand.",
                    found.bundles,
                    found.path,
                    evidence=found.to_json(),
                )
            )
        if discrepancies:
            return Reason(
                Why.LEDGER_MISMATCH,
                f"The merged result does not account for every line ({discrepancies[0].path}: "
                f"{discrepancies[0].problem}); a person has to look at it.",
                {"discrepancies": [each.to_json() for each in discrepancies[:20]]},
            )
        return None

    def _accept(self, settlement: Settlement, chosen: Sequence[Placed]) -> None:
        first = self._proof_reason(settlement.proof)
        for each in chosen:
            bundle_id = each.candidate.bundle_id
            beaten = [
                edge
                for bundle, edges in settlement.selection.lost.items()
                for edge in edges
                if edge.other(bundle) == bundle_id
            ]
            reasons = [first, *_standing_reasons(bundle_id, beaten, self._neighbours(each, chosen))]
            self._decisions[bundle_id] = Decision(bundle_id, Action.MERGE, tuple(reasons))

    def _proof_reason(self, proof: Proof) -> Reason:
        passed = [
            check.comparison.run.name
            for check in proof.checks
            if check.comparison.run.status.value == "passed"
        ]
        if proof.standing is Standing.PROVEN:
            return Reason(
                Why.VERIFIED,
                f"{_named(passed)} passed on the combination of all accepted bundles.",
                {"tree": proof.tree, "commands": passed},
            )
        return Reason(
            Why.UNVERIFIED,
            "It merges cleanly, but no command proved the combination and the policy asks for none; "
            "name one in .agentd/review.toml.",
            {"tree": proof.tree},
        )

    def _neighbours(self, each: Placed, chosen: Sequence[Placed]) -> list[Candidate]:
        paths = set(each.candidate.paths)
        return [
            other.candidate
            for other in chosen
            if other is not each and paths & set(other.candidate.paths)
        ]


def _is_closed(each: Placed) -> bool:
    """Whether it is only remembered by the journal and has landed."""
    remembered = (SourceKind.LOCK, SourceKind.PAST_LOCK, SourceKind.EVENT)
    return each.freshness is Freshness.ALREADY_IN_TARGET and all(
        source.kind in remembered for source in each.candidate.bundle.sources
    )


def _overlap(silent: Candidate, other: Candidate, shared: Sequence[str]) -> Finding:
    return Finding(
        FindingKind.DECLARED_OVERLAP,
        Severity.WARNING,
        f"{silent.bundle.owner} declares {shared[0]}, which {other.bundle.owner} "
        f"{'changes' if other.tree is not None else 'declares, too'}; without the change itself "
        "nobody can say whether the two go together, so hand it in.",
        (silent.bundle_id, other.bundle_id),
        shared[0],
        evidence={"paths": list(shared[:20])},
    )


def _standing_reasons(
    bundle_id: BundleId, beaten: Sequence[Edge], neighbours: Sequence[Candidate]
) -> list[Reason]:
    reasons = []
    if any(edge.first_lock == bundle_id for edge in beaten):
        reasons.append(
            Reason(Why.FIRST_LOCK, "It held the first lock over what others change, too.")
        )
    if beaten:
        others = sorted({edge.other(bundle_id) for edge in beaten})
        reasons.append(
            Reason(
                Why.PREFERRED,
                f"It was preferred over {len(others)} bundle(s) that conflict with it.",
                {"over": others},
            )
        )
    if neighbours:
        owners = ", ".join(sorted({each.bundle.owner for each in neighbours})[:5])
        reasons.append(
            Reason(
                Why.COMPATIBLE,
                f"It changes files that {owners} change, too, but not the same lines.",
                {"bundles": sorted(each.bundle_id for each in neighbours)},
            )
        )
    return reasons


def _named(commands: Sequence[str]) -> str:
    shown = ", ".join(f"`{command}`" for command in commands[:3])
    return shown if len(commands) <= 3 else f"{shown} and {len(commands) - 3} more"
