"""Judges a case: the pipeline from submissions to one decision a bundle, step by step.

A case holds nothing that can change, so that judging it again gives the same answer. This module
must not read a clock, the daemon, the user's refs or files, or write anything but objects of the
quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from agentd.conflicts.acceptance import held_back_reason, merge_decisions
from agentd.conflicts.assumption_checks import AssumptionChecks, Checked
from agentd.conflicts.bundles.admission import Admission, Candidate, covers
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.case_twins import with_case_twins
from agentd.conflicts.checks.proof import CommandRunner, Proof, Prover
from agentd.conflicts.checks.regeneration import Generator, NoGenerator, Regenerator, Step
from agentd.conflicts.compatibility import Compatibility, find_edges
from agentd.conflicts.decisions import Action, Decision, Winner, decide_lost
from agentd.conflicts.findings import BundleId, Finding, FindingKind, Severity
from agentd.conflicts.freshness import Placed, place
from agentd.conflicts.git.history import TargetMove, target_move
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.holding import Holdings
from agentd.conflicts.interaction import Interaction
from agentd.conflicts.large_texts import compared_whole, large_texts
from agentd.conflicts.ledger.accounting import check_ledger
from agentd.conflicts.ledger.summary import LedgerSummary
from agentd.conflicts.merges.attributes import merge_attributes
from agentd.conflicts.merges.composition import Composer
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.result import MergeAttributes
from agentd.conflicts.merges.store import MergeStore
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.selection import Contender, Edge
from agentd.conflicts.settlement import Settlement, Settling
from agentd.conflicts.single_decisions import decide_singly, is_closed
from agentd.conflicts.symbol_pass import SymbolPass, guard_symbols
from agentd.conflicts.symbols.summary_cache import SummaryCache
from agentd.conflicts.target_symbols import with_target_symbols
from agentd.conflicts.trees.unsafe_names import is_unsafe

_CONFIDENCE_UNSAID = 50


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the decisions depend on."""

    target: CommitId
    policy: Policy
    submissions: tuple[Submission, ...]
    holdings: Holdings = field(default_factory=Holdings)
    moved_from: CommitId | None = None
    """Where the target was when the review began, if it moved while the review ran."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier reviews found out and a later one need not."""

    store: MergeStore | None = None
    scope: str = ""
    """The version of git that the answers are from."""


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
    regenerated: tuple[Step, ...]
    """What was made anew from the merged sources."""
    interactions: tuple[Interaction, ...]
    """Bundles that git merges and that have to do with each other all the same."""
    ledger: LedgerSummary | None
    """None where nothing was composed that it could be held against."""
    assumptions: Mapping[BundleId, tuple[Checked, ...]]
    meetings: int
    asked: int
    moved: TargetMove | None = None
    """What happened to the target while the review ran."""


def judge(
    case: Case,
    quarantine: Quarantine,
    runner: CommandRunner,
    progress: Callable[[str], None] = lambda _: None,
    memory: Memory | None = None,
    generator: Generator | None = None,
) -> Judgement:
    """Decides on every bundle of a case; a memory changes nothing but the time it takes."""
    return _Judge(
        case, quarantine, runner, progress, memory or Memory(), generator or NoGenerator()
    ).judge()


class _Judge:
    def __init__(
        self,
        case: Case,
        quarantine: Quarantine,
        runner: CommandRunner,
        progress: Callable[[str], None],
        memory: Memory,
        generator: Generator,
    ) -> None:
        self._regenerator = Regenerator(generator, quarantine, case.policy)
        self._memory = memory
        self._case = case
        self._policy = case.policy
        self._quarantine = quarantine
        self._runner = runner
        self._progress = progress
        self._tip_tree = quarantine.tree_of(case.target)
        self._assumptions = AssumptionChecks(quarantine, runner, self._tip_tree, case.policy)
        # Where nothing of merges is remembered, as in a replay, nothing else is.
        remembers = self._memory.store is not None
        self._summaries = SummaryCache(quarantine.summaries_file) if remembers else None
        self._decisions: dict[BundleId, Decision] = {}
        self._findings: list[Finding] = []

    def judge(self) -> Judgement:
        candidates = self._admit()
        merger = Merger(
            self._quarantine, self._attributes(candidates), self._memory.store, self._memory.scope
        )
        self._progress(f"holding {len(candidates)} bundles against the target")
        moved = self._target_move()
        everything = self._place(candidates, merger, moved)
        closed = tuple(each for each in everything if is_closed(each))
        placed = self._assumptions.at_target([each for each in everything if not is_closed(each)])
        self._findings += [found for each in (*closed, *placed) for found in each.all_findings]
        self._progress("comparing the bundles with one another")
        compatibility = find_edges(
            placed,
            self._quarantine,
            self._tip_tree,
            self._policy,
            self._case.holdings,
            merger,
        )
        self._findings += compatibility.findings
        clashes = self._assumptions.clashes(placed, compatibility.touched, self._case.holdings)
        self._findings += [found for _, found in clashes]
        symbols = self._guard(placed, compatibility, merger)
        self._findings += symbols.findings
        edges = (*compatibility.edges, *symbols.edges, *(edge for edge, _ in clashes))
        self._decide_singly(placed)
        composer = Composer(self._quarantine, self._case.target, merger, compatibility.footprints)
        settlement = self._settle(placed, edges, composer, symbols.interactions)
        integration = self._decide_settled(placed, settlement, composer)
        return Judgement(
            placed=tuple(sorted((*closed, *placed), key=lambda each: each.candidate.bundle_id)),
            closed=closed,
            findings=tuple(self._findings),
            edges=settlement.edges,
            decisions=tuple(self._decisions[key] for key in sorted(self._decisions)),
            proofs=settlement.proofs,
            integration=integration,
            ledger=settlement.ledger,
            interactions=symbols.interactions,
            regenerated=settlement.finished.steps,
            assumptions=self._assumptions.checked,
            meetings=compatibility.meetings,
            asked=compatibility.asked,
            moved=moved,
        )

    def _target_move(self) -> TargetMove | None:
        if self._case.moved_from is None:
            return None
        return target_move(self._quarantine, self._case.moved_from, self._case.target)

    def _admit(self) -> tuple[Candidate, ...]:
        self._progress(f"reading {len(self._case.submissions)} bundles")
        return Admission(self._quarantine, self._policy).admit(self._case.submissions)

    def _attributes(self, candidates: Sequence[Candidate]) -> MergeAttributes:
        paths = {path for each in candidates for path in each.paths if each.tree is not None}
        safe = sorted(path for path in paths if not is_unsafe(path))
        limit = self._policy.limits.text_bytes_max
        large = large_texts(self._quarantine, self._tip_tree, candidates, limit)
        self._findings += compared_whole(candidates, large, limit)
        attributes = merge_attributes(self._quarantine, self._tip_tree, safe, self._policy)
        return {**attributes, **dict.fromkeys(large.keys() & set(safe), "-merge")}

    def _place(
        self, candidates: Sequence[Candidate], merger: Merger, moved: TargetMove | None
    ) -> tuple[Placed, ...]:
        allow_stale_clean = self._policy.freshness.allow_stale_clean
        everything = place(
            candidates,
            self._quarantine,
            self._case.target,
            merger,
            allow_stale_clean=allow_stale_clean,
            moved=moved,
        )
        return with_target_symbols(
            with_case_twins(everything, self._quarantine, self._tip_tree),
            self._quarantine,
            self._case.target,
            merger,
            self._summaries,
            allow_stale_clean=allow_stale_clean,
        )

    # Each bundle by itself

    def _decide_singly(self, placed: Sequence[Placed]) -> None:
        for each in placed:
            decision = decide_singly(each, placed, self._policy, self._case.holdings)
            if decision is not None:
                self._decisions[decision.bundle_id] = decision

    # The set

    def _guard(
        self, placed: Sequence[Placed], compatibility: Compatibility, merger: Merger
    ) -> SymbolPass:
        self._progress("comparing names")
        return guard_symbols(
            placed,
            compatibility.footprints,
            compatibility.apart,
            self._quarantine,
            merger,
            self._tip_tree,
            self._case.holdings,
            self._summaries,
        )

    def _settle(
        self,
        placed: Sequence[Placed],
        edges: Sequence[Edge],
        composer: Composer,
        interactions: Sequence[Interaction],
    ) -> Settlement:
        contending = [
            each
            for each in placed
            if each.mergeable and each.candidate.bundle_id not in self._decisions
        ]
        self._declared_overlaps(placed)
        prover = Prover(
            self._runner, composer, self._tip_tree, self._policy, interactions, self._finished
        )
        return Settling(
            [self._contender(each) for each in contending],
            edges,
            contending,
            composer,
            prover,
            self._assumptions,
            self._regenerator,
            partial(
                check_ledger,
                self._quarantine,
                self._tip_tree,
                text_bytes_max=self._policy.limits.text_bytes_max,
            ),
            self._progress,
        ).settle()

    def _finished(self, tree: TreeId, placed: Sequence[Placed]) -> TreeId | None:
        finished = self._regenerator.finish(tree, placed)
        return None if finished.failed is not None else finished.tree

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
            seen_at=bundle.seen_at,
            created_at=bundle.created_at,
            result=str(each.tree),
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
        held_back = held_back_reason(
            settlement, verification_required=self._policy.verification_required
        )
        if held_back is not None:
            for each in chosen:
                self._decisions[each.candidate.bundle_id] = Decision(
                    each.candidate.bundle_id, Action.ESCALATE, (held_back,)
                )
            return None
        for decision in merge_decisions(settlement, chosen):
            self._decisions[decision.bundle_id] = decision
        commit = composer.commit(settlement.composition, chosen)
        for step in settlement.finished.steps:
            if step.paths and step.tree is not None:
                commit = composer.commit_generated(commit, step.tree, step.run.command)
        return Integration(settlement.composition.order, commit, settlement.finished.tree)

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
