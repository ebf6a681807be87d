"""What is to be done with each bundle, and why: the actions, the reasons, and the rules between.

Pure. A decision has at least one reason; the first one decides, the others are worth knowing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agentd.conflicts.findings import BundleId, Finding, FindingKind, JsonObject, JsonValue
from agentd.conflicts.holding import HeldLock
from agentd.conflicts.selection import Edge, EdgeKind


class Action(StrEnum):
    """What happens to a bundle."""

    MERGE = "merge"
    REBASE = "rebase"
    """Do it again on top of the target, or of a bundle that merges."""
    WAIT = "wait"
    """Nothing is wrong with it; somebody else comes first."""
    REJECT = "reject"
    ESCALATE = "escalate"
    """A person has to decide."""


class Why(StrEnum):
    """Every reason of a decision."""

    # merge
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    FIRST_LOCK = "first_lock"
    COMPATIBLE = "compatible"
    PREFERRED = "preferred"
    IDENTICAL = "identical"
    TARGET_MOVED = "target_moved"
    """While the review ran; nothing of that touches the bundle's paths or names."""
    # rebase
    STALE_BASE = "stale_base"
    STALE_CONFLICT = "stale_conflict"
    CONFLICTS_WITH_MERGED = "conflicts_with_merged"
    SYMBOL_CONFLICT = "symbol_conflict"
    """A name that one takes away or changes the other uses; a wait while that one has a lock."""
    DOES_NOT_COMPOSE = "does_not_compose"
    ASSUMPTION_OUTDATED = "assumption_outdated"
    # wait
    LOCK_HELD = "lock_held"
    CONFLICTS_WITH_HOLDER = "conflicts_with_holder"
    NO_CHANGE_YET = "no_change_yet"
    # reject
    UNFIT = "unfit"
    """What the bundle is or says cannot be merged; the evidence names the finding."""
    FORBIDDEN = "forbidden"
    EMPTY = "empty"
    ALREADY_IN_TARGET = "already_in_target"
    ALTERNATIVE_LOST = "alternative_lost"
    REGENERATE_AFTER_MERGE = "regenerate_after_merge"
    CLAIMED_FAILURE = "claimed_failure"
    ASSUMPTION_FALSE = "assumption_false"
    VERIFICATION_FAILED = "verification_failed"
    FAILS_TOGETHER = "fails_together"
    # escalate
    OBJECTS_UNREADABLE = "objects_unreadable"
    ASSUMPTION_BROKEN = "assumption_broken"
    """What one assumes another makes false; a wait while that one holds a lock."""
    HELD_FOR_GRANT = "held_for_grant"
    CONTRADICTING = "contradicting"
    LEDGER_MISMATCH = "ledger_mismatch"
    REGENERATION_FAILED = "regeneration_failed"
    VERIFICATION_UNKNOWN = "verification_unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, in a sentence that says what to do next."""

    why: Why
    message: str
    evidence: JsonObject = field(default_factory=dict)

    def to_json(self) -> dict[str, JsonValue]:
        """The reason as the record has it."""
        return {
            "reason": self.why.value,
            "message": self.message,
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one bundle."""

    bundle_id: BundleId
    action: Action
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """The decision as the record has it."""
        return {
            "bundle_id": self.bundle_id,
            "action": self.action.value,
            "reasons": [reason.to_json() for reason in self.reasons],
        }


_BY_FINDING: Final[Mapping[FindingKind, tuple[Action, Why]]] = {
    FindingKind.FORBIDDEN_PATH: (Action.REJECT, Why.FORBIDDEN),
    FindingKind.HELD_PATH: (Action.ESCALATE, Why.HELD_FOR_GRANT),
    FindingKind.EMPTY: (Action.REJECT, Why.EMPTY),
    FindingKind.OBJECTS_UNREADABLE: (Action.ESCALATE, Why.OBJECTS_UNREADABLE),
    FindingKind.ALREADY_IN_TARGET: (Action.REJECT, Why.ALREADY_IN_TARGET),
    FindingKind.CLAIMED_FAILURE: (Action.REJECT, Why.CLAIMED_FAILURE),
    FindingKind.ASSUMPTION_FALSE: (Action.REJECT, Why.ASSUMPTION_FALSE),
    FindingKind.ASSUMPTION_OUTDATED: (Action.REBASE, Why.ASSUMPTION_OUTDATED),
    FindingKind.STALE_CONFLICT: (Action.REBASE, Why.STALE_CONFLICT),
    FindingKind.STALE_SYMBOLS: (Action.REBASE, Why.SYMBOL_CONFLICT),
}

_GRAVITY: Final = (Action.REJECT, Action.ESCALATE, Action.REBASE, Action.WAIT, Action.MERGE)


def decide_unfit(bundle_id: BundleId, errors: Sequence[Finding]) -> Decision:
    """The decision on a bundle that has errors of its own; the gravest one leads."""
    judged = [(*_BY_FINDING.get(found.kind, (Action.REJECT, Why.UNFIT)), found) for found in errors]
    judged.sort(key=lambda each: _GRAVITY.index(each[0]))
    return Decision(
        bundle_id,
        judged[0][0],
        tuple(
            Reason(
                why,
                found.message,
                {"finding": found.kind.value, "path": found.path, **found.evidence},
            )
            for _, why, found in judged
        ),
    )


@dataclass(frozen=True, slots=True)
class Winner:
    """What a loser is told about who won."""

    bundle_id: BundleId
    owner: str
    provider: str
    intent: str
    live_lock: HeldLock | None
    """The winner's live lock over what the two disagree on."""


def decide_lost(
    bundle_id: BundleId, edges: Sequence[Edge], winners: Mapping[BundleId, Winner]
) -> Decision:
    """The decision on a bundle that lost, from the edges by which it did."""
    judged = [_judge_edge(edge, winners[edge.other(bundle_id)], bundle_id) for edge in edges]
    judged.sort(key=lambda each: _GRAVITY.index(each[0]))
    return Decision(bundle_id, judged[0][0], tuple(reason for _, reason in judged))


def _judge_edge(edge: Edge, winner: Winner, loser: BundleId) -> tuple[Action, Reason]:
    evidence: dict[str, JsonValue] = {
        "edge": edge.kind.value,
        "winner": winner.bundle_id,
        "owner": winner.owner,
        "provider": winner.provider,
        "paths": list(edge.paths[:20]),
        **(edge.evidence or {}),
    }
    path = edge.paths[0] if edge.paths else "the same files"
    match edge.kind:
        case EdgeKind.ALTERNATIVES:
            return Action.REJECT, Reason(
                Why.ALTERNATIVE_LOST,
                f"It is an alternative to the bundle of {winner.owner}, which was preferred; "
                "nothing is left to do unless that one is withdrawn.",
                evidence,
            )
        case EdgeKind.GENERATED:
            command = (edge.evidence or {}).get("regenerate")
            how = f" with `{command}`" if command else ""
            return Action.REJECT, Reason(
                Why.REGENERATE_AFTER_MERGE,
                f"{path} is generated and {winner.owner} changes it, too; regenerate it{how} after "
                "the merge, and hand in the rest of the change without it.",
                evidence,
            )
        case EdgeKind.SYMBOL:
            return _judge_symbol(edge, winner, path, evidence)
        case EdgeKind.ASSUMPTION:
            return _judge_assumption(winner, loser, evidence)
        case EdgeKind.MODIFY_DELETE | EdgeKind.SUBMODULE:
            return Action.ESCALATE, Reason(
                Why.CONTRADICTING,
                _contradiction(edge, winner, loser, path),
                evidence,
            )
        case _:
            return _judge_conflict(edge, winner, path, evidence)


def _judge_symbol(
    edge: Edge, winner: Winner, path: str, evidence: dict[str, JsonValue]
) -> tuple[Action, Reason]:
    signs = (edge.evidence or {}).get("signs")
    first = signs[0] if isinstance(signs, Sequence) and signs else None
    said = first.get("message") if isinstance(first, Mapping) else f"names in {path} do not match."
    lock = winner.live_lock
    if lock is not None:
        evidence["holder"] = lock.to_json()
        return Action.WAIT, Reason(
            Why.SYMBOL_CONFLICT,
            f"Its lines merge with those of {winner.owner}, its names do not: {said} "
            f"{winner.owner} holds {lock.in_words}, so wait until that has landed.",
            evidence,
        )
    return Action.REBASE, Reason(
        Why.SYMBOL_CONFLICT,
        f"Its lines merge with those of {winner.owner}, which was preferred, its names do not: "
        f"{said} Rebase it onto the result and adapt it.",
        evidence,
    )


def _judge_assumption(
    winner: Winner, loser: BundleId, evidence: dict[str, JsonValue]
) -> tuple[Action, Reason]:
    assumed = f"`{evidence.get('assumption')}`"
    seen = evidence.get("seen")
    if evidence.get("assumed_by") == loser:
        what = f"It assumes {assumed}, but with the bundle of {winner.owner} {seen}"
    else:
        what = f"The bundle of {winner.owner} assumes {assumed}, but with this one {seen}"
    lock = winner.live_lock
    if lock is not None:
        evidence["holder"] = lock.to_json()
        return Action.WAIT, Reason(
            Why.ASSUMPTION_BROKEN,
            f"{what}; {winner.owner} holds {lock.in_words}, so wait until that has "
            "landed and adapt the change to it.",
            evidence,
        )
    return Action.ESCALATE, Reason(
        Why.ASSUMPTION_BROKEN,
        f"{what}; agree on which of the two gives way, then hand in the other adapted.",
        evidence,
    )


def _contradiction(edge: Edge, winner: Winner, loser: BundleId, path: str) -> str:
    if edge.kind is EdgeKind.SUBMODULE:
        what = f"It and the bundle of {winner.owner} move {path} to different commits"
    elif edge.deletes == loser:
        what = f"It takes away {path}, which {winner.owner} changes"
    else:
        what = f"It changes {path}, which {winner.owner} takes away"
    return f"{what}: the intents contradict each other, so a person has to choose one."


def _judge_conflict(
    edge: Edge, winner: Winner, path: str, evidence: dict[str, JsonValue]
) -> tuple[Action, Reason]:
    lock = winner.live_lock
    if lock is not None:
        evidence["holder"] = lock.to_json()
        return Action.WAIT, Reason(
            Why.CONFLICTS_WITH_HOLDER,
            f"{winner.owner} holds {lock.in_words} and changes the same place in "
            f"{path}; wait until that has landed, or hand in the change without {_where(edge)}.",
            evidence,
        )
    if edge.kind is EdgeKind.COMPOSITION:
        return Action.REBASE, Reason(
            Why.DOES_NOT_COMPOSE,
            f"It merges with each of the others, but not with all of them, in {path}; rebase it "
            "onto the result once that has landed.",
            evidence,
        )
    ease = " (the lines only touch, so that is cheap)" if edge.kind is EdgeKind.ADJACENT else ""
    return Action.REBASE, Reason(
        Why.CONFLICTS_WITH_MERGED,
        f"It conflicts with the bundle of {winner.owner} in {path}, which was preferred; rebase it "
        f"onto the result once that has landed{ease}.",
        evidence,
    )


def _where(edge: Edge) -> str:
    """The lines to leave out, for somebody who narrows the change."""
    hunks = (edge.evidence or {}).get("hunks")
    places = []
    if isinstance(hunks, Sequence) and not isinstance(hunks, str):
        for hunk in hunks:
            if isinstance(hunk, Mapping):
                base = hunk.get("base")
                start = base.get("start") if isinstance(base, Mapping) else None
                places.append(f"{hunk.get('path')}:{start}")
    return ", ".join(dict.fromkeys(places)) or ", ".join(edge.paths[:3]) or "the shared files"
