"""Finds the set that merges: choose, compose, audit, prove, put out who breaks it, again.

Each round puts out at least one bundle or adds an edge, so it ends. Those that had lost to a bundle
that is put out take part again. It must not know how merging or proving is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentd.conflicts.assumption_checks import AssumptionChecks, Broken
from agentd.conflicts.checks.command_runs import CommandRun, ending
from agentd.conflicts.checks.culprits import Blame, CulpritSet
from agentd.conflicts.checks.proof import Check, Proof, Prover, Standing, blames_somebody
from agentd.conflicts.checks.regeneration import Finished, Regenerator, Step
from agentd.conflicts.decisions import Action, Decision, Reason, Why
from agentd.conflicts.findings import BundleId, Finding, FindingKind, JsonValue, Severity, counted
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.ledger.books import Discrepancy
from agentd.conflicts.ledger.summary import LedgerSummary
from agentd.conflicts.ledger.verdicts import ledger_findings, unaccounted_reason
from agentd.conflicts.merges.composition import Clash, Composer, Composition
from agentd.conflicts.selection import Contender, Edge, EdgeKind, Selection, select

_PARTNERS_SHOWN = 5
_TAIL_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came out of the rounds."""

    selection: Selection
    composition: Composition
    proof: Proof
    put_out: tuple[Decision, ...]
    edges: tuple[Edge, ...]
    proofs: tuple[Proof, ...]
    """Of all rounds, the last one last."""
    findings: tuple[Finding, ...]
    finished: Finished
    """The composed tree with its generated files made anew: what is proved and integrated."""
    ledger: LedgerSummary | None
    """Of the composed tree, if it is composed of anything.

    Where it does not balance, nothing was proved and nothing may merge.
    """
    unsettled: tuple[Check, ...] = ()
    """Checks that fail on the set although no bundle could be blamed."""


class Settling:
    """Settles one review."""

    def __init__(
        self,
        contenders: Sequence[Contender],
        edges: Sequence[Edge],
        placed: Sequence[Placed],
        composer: Composer,
        prover: Prover,
        assumptions: AssumptionChecks,
        regenerator: Regenerator,
        audit: Callable[[TreeId, Sequence[Placed]], LedgerSummary],
        progress: Callable[[str], None],
    ) -> None:
        self._contenders = {contender.bundle_id: contender for contender in contenders}
        self._edges = list(edges)
        self._placed = {each.candidate.bundle_id: each for each in placed}
        self._composer = composer
        self._prover = prover
        self._assumptions = assumptions
        self._regenerator = regenerator
        self._audit = audit
        self._progress = progress
        self._put_out: dict[BundleId, Decision] = {}
        self._findings: list[Finding] = []
        self._proofs: list[Proof] = []
        self._unsettled: dict[str, Check] = {}

    def settle(self) -> Settlement:
        """Runs the rounds."""
        while True:
            selection = self._select()
            chosen = [self._placed[bundle] for bundle in selection.chosen]
            self._progress(f"composing {counted(len(chosen), 'bundle')}")
            composition = self._composer.compose(chosen)
            if composition.clash is not None:
                self._part(composition.clash)
                continue
            ledger = self._audit(composition.tree, chosen) if chosen else None
            if ledger is not None and not ledger.balanced:
                if self._put_out_unaccounted(ledger.discrepancies, chosen):
                    continue
                chosen = []  # The merge as a whole is wrong: nothing of it is worth proving.
            finished = self._regenerator.finish(composition.tree, chosen)
            if finished.failed is not None:
                self._put_out_generated(finished.failed)
                continue
            proof = self._prove(finished.tree, chosen)
            if proof.standing is Standing.BROKEN and self._blame(proof, chosen):
                continue
            broken = self._assumptions.broken(finished.tree, chosen, self._tree_of)
            if broken is not None:
                self._put_out_for(broken)
                continue
            return Settlement(
                selection=selection,
                composition=composition,
                proof=proof,
                put_out=tuple(self._put_out[bundle] for bundle in sorted(self._put_out)),
                edges=tuple(self._edges),
                proofs=tuple(self._proofs),
                findings=(*self._findings, *_regenerated(finished), *proof.findings),
                finished=finished,
                ledger=ledger,
                unsettled=tuple(self._unsettled.values()),
            )

    def _select(self) -> Selection:
        staying = [
            contender
            for bundle, contender in self._contenders.items()
            if bundle not in self._put_out
        ]
        return select(staying, self._edges)

    def _owner(self, bundle: BundleId) -> str:
        return self._placed[bundle].candidate.bundle.owner

    def _part(self, clash: Clash) -> None:
        """Keeps apart what merges in pairs but not together."""
        late = clash.bundle_id
        partners = [
            bundle
            for bundle in clash.before
            if set(self._placed[bundle].candidate.paths) & set(clash.paths)
        ] or list(clash.before)
        early = partners[-1]
        left, right = sorted((late, early))
        evidence: dict[str, JsonValue] = {
            "paths": list(clash.paths[:20]),
            "kinds": [kind.value for kind in clash.kinds],
            "partners": list(partners),
        }
        self._edges.append(Edge(left, right, EdgeKind.COMPOSITION, clash.paths, evidence=evidence))
        self._findings.append(
            Finding(
                FindingKind.COMPOSITION_CONFLICT,
                Severity.ERROR,
                f"{self._owner(late)} and {self._owner(early)} do not merge once the others are "
                "in; one of them is to be done again on top of the result.",
                (left, right),
                clash.paths[0] if clash.paths else None,
                evidence=evidence,
            )
        )

    def _put_out_unaccounted(
        self, discrepancies: Sequence[Discrepancy], chosen: Sequence[Placed]
    ) -> bool:
        """Puts out the least valued of those in whose files the ledger finds something wrong.

        False where there is nobody to name.
        """
        self._findings += ledger_findings(discrepancies)
        named = {bundle for found in discrepancies for bundle in found.bundles}
        members = [e.candidate.bundle_id for e in chosen if e.candidate.bundle_id in named]
        if not members:
            return False
        loser = members[-1]  # They are in the order of their value.
        its = [found for found in discrepancies if loser in found.bundles]
        partners = [one for one in members[:-1] if any(one in found.bundles for found in its)]
        others = ", ".join(self._owner(bundle) for bundle in partners[:_PARTNERS_SHOWN])
        reason = unaccounted_reason(its, partners, others)
        self._put_out[loser] = Decision(loser, Action.ESCALATE, (reason,))
        return True

    def _prove(self, tree: TreeId, chosen: Sequence[Placed]) -> Proof:
        if not chosen:
            return Proof(tree, ())
        self._progress(f"verifying tree {tree[:12]}")
        proof = self._prover.prove(tree, chosen)
        self._proofs.append(proof)
        return proof

    def _blame(self, proof: Proof, chosen: Sequence[Placed]) -> bool:
        """Puts out the least valued of those who break a check; False where nobody is to blame."""
        for check in proof.checks:
            if not check.broken or check.comparison.run.command in self._unsettled:
                continue
            self._progress(f"looking for who breaks `{check.comparison.run.name}`")
            culprits = self._prover.blame(check, chosen)
            if not blames_somebody(culprits):
                self._unsettled[check.comparison.run.command] = check
                continue
            # The chosen are in the order of their value.
            loser = max(culprits.members, key=[e.candidate.bundle_id for e in chosen].index)
            self._put_out[loser] = self._decision(loser, check, culprits)
            self._findings.append(self._finding(check, culprits))
            return True
        return False

    def _decision(self, loser: BundleId, check: Check, culprits: CulpritSet[BundleId]) -> Decision:
        run = check.comparison.run
        partners = [bundle for bundle in culprits.members if bundle != loser]
        evidence: dict[str, JsonValue] = {
            **_evidence(run),
            "partners": list(partners),
            "named_by": list(check.named_by),
            "certain": culprits.certain,
        }
        if culprits.blame is Blame.ALONE:
            message = (
                f"`{run.name}` {ending(run)} with its change alone; mend what the output shows "
                "and hand it in again."
            )
            return Decision(
                loser, Action.REJECT, (Reason(Why.VERIFICATION_FAILED, message, evidence),)
            )
        names = ", ".join(self._owner(bundle) for bundle in partners[:_PARTNERS_SHOWN])
        message = (
            f"`{run.name}` passes without it and {ending(run)} together with {names}; make it work "
            "on top of that and hand it in again."
        )
        return Decision(loser, Action.REJECT, (Reason(Why.FAILS_TOGETHER, message, evidence),))

    def _tree_of(self, placed: Sequence[Placed]) -> TreeId | None:
        composition = self._composer.compose(placed)
        if composition.clash is not None:
            return None
        finished = self._regenerator.finish(composition.tree, placed)
        return None if finished.failed is not None else finished.tree

    def _put_out_generated(self, step: Step) -> None:
        """Puts out those whose generated files cannot be made from the merged sources."""
        run = step.run
        ended = f"exit code {run.exit_code}" if run.exit_code is not None else run.status.value
        message = (
            f"`{run.name}` is to make generated files anew from the merged sources and does not "
            f"({run.problem or ended}); mend it, or hand in the change without those files."
        )
        evidence = _evidence(run)
        for bundle in step.bundles:
            self._put_out[bundle] = Decision(
                bundle, Action.ESCALATE, (Reason(Why.REGENERATION_FAILED, message, evidence),)
            )
        self._findings.append(
            Finding(
                FindingKind.REGENERATION_FAILED,
                Severity.ERROR,
                message,
                step.bundles,
                evidence=evidence,
            )
        )

    def _put_out_for(self, broken: Broken) -> None:
        """Puts out the least valued of those who together make an assumption false."""
        members = broken.culprits.members or (broken.bundle,)
        loser = members[-1]  # They are in the order of their value.
        partners = [bundle for bundle in members if bundle != loser]
        names = ", ".join(self._owner(bundle) for bundle in partners[:_PARTNERS_SHOWN])
        text = broken.assumption.text[:200]
        evidence: dict[str, JsonValue] = {
            "assumption": text,
            "assumed_by": broken.bundle,
            "seen": broken.answer.seen,
            "partners": list(partners),
        }
        whose = "It" if broken.bundle == loser else self._owner(broken.bundle)
        together = f" together with {names}" if names else ""
        message = (
            f"{whose} assumes `{text}`, but{together} {broken.answer.seen}; agree on who gives "
            "way, then hand in the other adapted."
        )
        self._put_out[loser] = Decision(
            loser, Action.ESCALATE, (Reason(Why.ASSUMPTION_BROKEN, message, evidence),)
        )
        self._findings.append(
            Finding(
                FindingKind.ASSUMPTION_BROKEN,
                Severity.ERROR,
                f"{self._owner(broken.bundle)} assumes `{text}`, but in the combination "
                f"{broken.answer.seen}; only some of these bundles can merge as they are.",
                tuple(sorted({broken.bundle, *members})),
                broken.assumption.path or None,
                broken.assumption.symbol or None,
                evidence,
            )
        )

    def _finding(self, check: Check, culprits: CulpritSet[BundleId]) -> Finding:
        run = check.comparison.run
        names = ", ".join(self._owner(bundle) for bundle in culprits.members[:_PARTNERS_SHOWN])
        how = "alone" if culprits.blame is Blame.ALONE else "together"
        return Finding(
            FindingKind.VERIFICATION_FAILED,
            Severity.ERROR,
            f"`{run.name}` fails with {names} {how}; the output is in the evidence.",
            culprits.members,
            evidence={
                "command": run.command,
                "exit_code": run.exit_code,
                "tree": run.tree,
                "output_tail": run.output_tail[-_TAIL_CHARS:],
                "tested": [
                    {"bundles": list(bundles), "outcome": outcome.value}
                    for bundles, outcome in culprits.tested
                ],
            },
        )


def _evidence(run: CommandRun) -> dict[str, JsonValue]:
    return {
        "command": run.command,
        "tree": run.tree,
        "exit_code": run.exit_code,
        "status": run.status.value,
        "output_tail": run.output_tail[-_TAIL_CHARS:],
        "output_sha256": run.output_sha256,
    }


def _regenerated(finished: Finished) -> list[Finding]:
    return [
        Finding(
            FindingKind.REGENERATED,
            Severity.INFO,
            f"`{step.run.name}` made {counted(len(step.paths), 'generated file')} anew from the "
            f"merged sources, {step.paths[0]} first; no bundle's version of them was taken.",
            step.bundles,
            step.paths[0],
            evidence={"command": step.run.command, "paths": list(step.paths[:20])},
        )
        for step in finished.steps
        if step.paths
    ]
