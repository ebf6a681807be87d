"""Why the bundles of an accepted set merge, and why a composed set is held back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentd.conflicts.bundles.admission import Candidate
from agentd.conflicts.checks.proof import Proof, Standing
from agentd.conflicts.decisions import Action, Decision, Reason, Why
from agentd.conflicts.findings import BundleId, FindingKind, counted
from agentd.conflicts.freshness import Placed
from agentd.conflicts.ledger.verdicts import unaccounted_reason
from agentd.conflicts.selection import Edge
from agentd.conflicts.settlement import Settlement

_OUTPUT_CHARS_MAX = 4_000


def held_back_reason(settlement: Settlement, *, verification_required: bool) -> Reason | None:
    """Why the composed set may not be called merged, if so."""
    if settlement.ledger is not None and not settlement.ledger.balanced:
        return unaccounted_reason(settlement.ledger.discrepancies)
    return _unproven_reason(settlement, required=verification_required)


def _unproven_reason(settlement: Settlement, *, required: bool) -> Reason | None:
    """Why the composed set may not be called verified where it has to be, if so."""
    proof = settlement.proof
    if settlement.unsettled:
        run = settlement.unsettled[0].comparison.run
        return Reason(
            Why.VERIFICATION_UNKNOWN,
            f"`{run.name}` fails on the combination, but no bundle can be blamed for it; look at "
            "its output and decide.",
            {"command": run.command, "output_tail": run.output_tail[-_OUTPUT_CHARS_MAX:]},
        )
    if not required:
        return None
    if proof.standing is not Standing.PROVEN:
        missing = [check.comparison.message for check in proof.checks]
        return Reason(
            Why.VERIFICATION_UNKNOWN,
            "The policy asks for verification and nothing proved the combination"
            + (f": {missing[0]}" if missing else "; name a command in its `commands`."),
            {"checks": missing[:10]},
        )
    if proof.undetermined:
        check = proof.undetermined[0].comparison
        return Reason(
            Why.VERIFICATION_UNKNOWN,
            check.message,
            {"command": check.run.command, "problem": check.run.problem},
        )
    return None


def merge_decisions(settlement: Settlement, chosen: Sequence[Placed]) -> list[Decision]:
    """The decisions on the bundles of an accepted set."""
    proved = _proof_reason(settlement.proof)
    beaten: dict[BundleId, list[Edge]] = {}
    for loser, edges in settlement.selection.lost.items():
        for edge in edges:
            beaten.setdefault(edge.other(loser), []).append(edge)
    on_path: dict[str, list[int]] = {}
    for place, each in enumerate(chosen):
        for path in each.candidate.paths:
            on_path.setdefault(path, []).append(place)
    return [
        Decision(
            each.candidate.bundle_id,
            Action.MERGE,
            (
                proved,
                *_move_reasons(each),
                *_standing_reasons(
                    each.candidate.bundle_id,
                    beaten.get(each.candidate.bundle_id, []),
                    _neighbours(each, chosen, on_path),
                    _twins(each, chosen),
                ),
            ),
        )
        for each in chosen
    ]


def _proof_reason(proof: Proof) -> Reason:
    if proof.standing is Standing.PROVEN:
        return Reason(
            Why.VERIFIED,
            f"{_named(proof.passed)} passed on the combination of all accepted bundles.",
            {"tree": proof.tree, "commands": proof.passed},
        )
    return Reason(
        Why.UNVERIFIED,
        "It merges cleanly, but no command proved the combination and the policy asks for none; "
        "name one in .agentd/review.toml.",
        {"tree": proof.tree},
    )


def _move_reasons(each: Placed) -> list[Reason]:
    """That the bundle is judged on another tip than the one on which the review began."""
    return [
        Reason(Why.TARGET_MOVED, found.message, found.evidence)
        for found in each.findings
        if found.kind is FindingKind.TARGET_MOVED
    ]


def _neighbours(
    each: Placed, chosen: Sequence[Placed], on_path: Mapping[str, Sequence[int]]
) -> list[Candidate]:
    """The others that change any of its paths, in their order."""
    places = sorted({place for path in each.candidate.paths for place in on_path[path]})
    return [chosen[place].candidate for place in places if chosen[place].tree != each.tree]


def _twins(each: Placed, chosen: Sequence[Placed]) -> list[Candidate]:
    return [other.candidate for other in chosen if other is not each and other.tree == each.tree]


def _standing_reasons(
    bundle_id: BundleId,
    beaten: Sequence[Edge],
    neighbours: Sequence[Candidate],
    twins: Sequence[Candidate],
) -> list[Reason]:
    reasons = []
    if twins:
        owners = ", ".join(sorted({each.bundle.owner for each in twins})[:5])
        reasons.append(
            Reason(
                Why.IDENTICAL,
                f"It is exactly the change of {owners}: it is in the result once, for both, and "
                "nothing of it is lost.",
                {"bundles": sorted(each.bundle_id for each in twins)},
            )
        )
    if any(edge.first_lock == bundle_id for edge in beaten):
        reasons.append(
            Reason(Why.FIRST_LOCK, "It held the first lock on what others change as well.")
        )
    if beaten:
        others = sorted({edge.other(bundle_id) for edge in beaten})
        reasons.append(
            Reason(
                Why.PREFERRED,
                f"It was preferred to {counted(len(others), 'bundle')} in conflict with it.",
                {"over": others},
            )
        )
    if neighbours:
        owners = ", ".join(sorted({each.bundle.owner for each in neighbours})[:5])
        reasons.append(
            Reason(
                Why.COMPATIBLE,
                f"It shares files with the work of {owners}, but no lines.",
                {"bundles": sorted(each.bundle_id for each in neighbours)},
            )
        )
    return reasons


def _named(commands: Sequence[str]) -> str:
    shown = ", ".join(f"`{command}`" for command in commands[:3])
    return shown if len(commands) <= 3 else f"{shown} and {len(commands) - 3} more"
