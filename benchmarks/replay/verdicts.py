"""Holds what the engine says about a merge against what git says, and names the difference.

Pure: a review's record and git's answer in, a verdict out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agentd.conflicts.merges.conflict_kinds import ConflictKind, conflict_kinds
from agentd.conflicts.merges.result import MergeMessage, MergeResult

_GATES: Final = {
    "symbol_conflict": "silent",
    "ledger_mismatch": "ledger",
    "forbidden": "policy",
    "held_for_grant": "policy",
    "unfit": "policy",
}
"""Reasons of the gates behind git's, and what a merge that one of them stops counts as."""


class Outcome(StrEnum):
    """How the engine and git stand to each other."""

    SAME_CLEAN = "clean for both, the same tree"
    SAME_CONFLICT = "a conflict for both, of the same kind"
    OTHER_TREE = "clean for both, another tree"
    OTHER_KIND = "a conflict for both, of another kind"
    MISSED = "a conflict for git, clean for the engine"
    INVENTED = "clean for git, a conflict for the engine"
    CASE_TWIN = "clean for git, two names that differ in case only"
    SILENT = "clean for git, stopped by the symbol guard"
    LEDGER = "clean for git, stopped by the ledger"
    RULED = "a conflict in a file that the project's attributes keep from merging by lines"
    POLICY = "stopped by the policy"
    EMPTY = "a side that changes nothing"
    ENGINE_ERROR = "an error of the engine"
    CLONE_ERROR = "objects that the clone lacks"

    @property
    def agrees(self) -> bool:
        """Whether it is git's verdict, and git's tree."""
        return self in (Outcome.SAME_CLEAN, Outcome.SAME_CONFLICT)

    @property
    def explained(self) -> bool:
        """Whether it says nothing about git's verdict: a gate that git does not have, or no merge.

        The ledger is not among them: it may stop nothing that git merges rightly.
        """
        return self in (
            Outcome.CASE_TWIN,
            Outcome.SILENT,
            Outcome.RULED,
            Outcome.POLICY,
            Outcome.EMPTY,
            Outcome.CLONE_ERROR,
        )


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """What a review of a merge came to."""

    tree: str | None
    """The integration's, where every bundle merges."""
    kinds: frozenset[ConflictKind] = frozenset()
    gates: frozenset[str] = frozenset()
    """The gates behind git's that stop it."""
    twin: bool = False
    """Whether git merges the conflict, and only the names are one on some disks."""
    empty: bool = False
    detail: str = ""


def read_record(record: Mapping[str, Any]) -> EngineAnswer:
    """What a record says about the bundles of one merge."""
    decisions = record["decisions"]
    if all(each["action"] == "merge" for each in decisions):
        return EngineAnswer(record["integration"]["tree"])
    reasons = [each["reasons"][0]["reason"] for each in decisions]
    messages = [each["reasons"][0]["message"] for each in decisions if each["action"] != "merge"]
    found = [each for each in record["findings"] if _kinds_of(each)]
    return EngineAnswer(
        None,
        frozenset(kind for each in found for kind in _kinds_of(each)),
        frozenset(_GATES[reason] for reason in reasons if reason in _GATES),
        twin=bool(found) and all(_is_twin(each) for each in found),
        empty=bool({"empty", "already_in_target"} & set(reasons)),
        detail="; ".join(messages),
    )


def _kinds_of(finding: Mapping[str, Any]) -> tuple[ConflictKind, ...]:
    kind = finding["kind"]
    if kind in ("stale_conflict", "composition_conflict"):
        return tuple(ConflictKind(each) for each in finding["evidence"]["kinds"])
    return tuple(each for each in ConflictKind if each.finding.value == kind)


def _is_twin(finding: Mapping[str, Any]) -> bool:
    evidence = finding["evidence"]
    return bool(evidence.get("judged_by") == "git" and evidence.get("git") == [])


def recorded_answer(case: Mapping[str, Any]) -> MergeResult:
    """git's answer as a file of cases has it."""
    paths = tuple(case["conflicted_paths"])
    messages = tuple(MergeMessage(f"CONFLICT ({kind})", paths, "") for kind in case["kinds"])
    return MergeResult(case["merged_tree"], case["git_verdict"] == "clean", paths, messages)


def compare(engine: EngineAnswer, git: MergeResult) -> Outcome:
    """What the difference between the two is, the gravest first."""
    if engine.empty:
        return Outcome.EMPTY
    if engine.tree is not None:
        if not git.clean:
            return Outcome.MISSED
        return Outcome.SAME_CLEAN if engine.tree == git.tree else Outcome.OTHER_TREE
    if "policy" in engine.gates:
        return Outcome.POLICY
    if not git.clean:
        same = bool(engine.kinds) and _plain(engine.kinds) <= _plain(conflict_kinds(git))
        return Outcome.SAME_CONFLICT if same else Outcome.OTHER_KIND
    for gate, outcome in (("ledger", Outcome.LEDGER), ("silent", Outcome.SILENT)):
        if gate in engine.gates:
            return outcome
    return Outcome.CASE_TWIN if engine.twin else Outcome.INVENTED


def _plain(kinds: Sequence[ConflictKind] | frozenset[ConflictKind]) -> frozenset[ConflictKind]:
    """git has no word for changes that only touch."""
    return frozenset(
        ConflictKind.CONTENT if kind is ConflictKind.ADJACENT else kind for kind in kinds
    )
