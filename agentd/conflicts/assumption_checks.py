"""Holds what agents assumed against the target, against each other's changes and the integration.

An assumption is about what others leave alone. It may be true of the target, or only with the
bundle's own change, which then brings what it relies on. False at the target means that the bundle
starts from something that is no more, or never was; made false by another bundle means that the two
do not go together although their lines may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agentd.conflicts.assumptions import (
    Answer,
    Assumption,
    AssumptionKind,
    Misspelt,
    Truth,
    evaluate,
    parse_assumption,
)
from agentd.conflicts.checks.command_runs import CommandRun, RunStatus, named_command
from agentd.conflicts.checks.culprits import CulpritSet, Outcome, find_culprits
from agentd.conflicts.checks.proof import CommandRunner
from agentd.conflicts.findings import (
    BundleId,
    Finding,
    FindingKind,
    JsonObject,
    Severity,
    error,
    info,
    warning,
)
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.holding import Holdings
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.selection import Edge, EdgeKind
from agentd.conflicts.trees.files import LookedUpTree, Lookup

CHECKED_MAX: Final = 50
"""How many assumptions of one bundle are checked."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An assumption of a bundle, and what the target said to it."""

    text: str
    assumption: Assumption | None
    """None for prose, and for what is misspelt."""
    answer: Answer | None
    own: bool = False
    """Whether it is true only with the bundle's own change."""

    def to_json(self) -> JsonObject:
        """The check as the record has it."""
        if self.assumption is None or self.answer is None:
            return {"text": self.text, "kind": "prose", "truth": None, "seen": None}
        return {
            "text": self.text,
            "kind": self.assumption.kind.value,
            **self.answer.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Broken:
    """An assumption that does not survive the integration."""

    bundle: BundleId
    assumption: Assumption
    answer: Answer
    culprits: CulpritSet[BundleId]


class AssumptionChecks:
    """The assumptions of one review."""

    def __init__(
        self, quarantine: Quarantine, runner: CommandRunner, tip_tree: TreeId, policy: Policy
    ) -> None:
        self._lookup = Lookup(quarantine)
        self._runner = runner
        self._tip_tree = tip_tree
        self._policy = policy
        self._checked: dict[BundleId, tuple[Checked, ...]] = {}

    @property
    def checked(self) -> Mapping[BundleId, tuple[Checked, ...]]:
        """What was checked so far, by bundle."""
        return self._checked

    # At the target

    def at_target(self, placed: Sequence[Placed]) -> tuple[Placed, ...]:
        """The same bundles, with what is wrong with their assumptions among their findings."""
        parsed = {
            each.candidate.bundle_id: [
                (text, parse_assumption(text)) for text in each.candidate.bundle.assumptions
            ]
            for each in placed
        }
        self._lookup.look_up(
            (tree, assumption.path)
            for each in placed
            for _, assumption in parsed[each.candidate.bundle_id][:CHECKED_MAX]
            if isinstance(assumption, Assumption) and assumption.path
            for tree in (self._tip_tree, each.tree, each.candidate.base_tree)
            if tree is not None
        )
        return tuple(self._with_findings(each, parsed[each.candidate.bundle_id]) for each in placed)

    def _with_findings(
        self, each: Placed, parsed: Sequence[tuple[str, Assumption | Misspelt | None]]
    ) -> Placed:
        checked: list[Checked] = []
        findings: list[Finding] = []
        for number, (text, assumption) in enumerate(parsed):
            if isinstance(assumption, Misspelt):
                findings.append(_misspelt(assumption))
                checked.append(Checked(text, None, None))
            elif assumption is None or each.candidate.tree is None:
                checked.append(Checked(text, None, None))
            elif number >= CHECKED_MAX:
                answer = Answer(Truth.UNKNOWN, f"only {CHECKED_MAX} are checked")
                checked.append(Checked(text, assumption, answer))
            else:
                one, found = self._check(each, assumption)
                checked.append(one)
                findings += found
        bundle_id = each.candidate.bundle_id
        self._checked[bundle_id] = tuple(checked)
        return replace(
            each, findings=(*each.findings, *(found.about(bundle_id) for found in findings))
        )

    def _check(self, each: Placed, assumption: Assumption) -> tuple[Checked, list[Finding]]:
        text = assumption.text
        answer = self._answer(assumption, self._tip_tree)
        if answer.truth is Truth.UNKNOWN:
            return Checked(text, assumption, answer), [_unchecked(assumption, answer)]
        if answer.truth is Truth.HOLDS:
            return Checked(text, assumption, answer), []
        own = each.tree or each.candidate.tree
        with_it = answer if own is None else self._answer(assumption, own)
        if with_it.truth is not Truth.FALSE:
            return Checked(text, assumption, with_it, own=True), []
        base = each.candidate.base_tree
        held_before = (
            base is not None
            and base != self._tip_tree
            and self._answer(assumption, base).truth is Truth.HOLDS
        )
        return Checked(text, assumption, answer), [
            _false(assumption, answer, held_before=held_before)
        ]

    def _answer(self, assumption: Assumption, tree: TreeId) -> Answer:
        if assumption.kind is not AssumptionKind.COMMAND:
            return evaluate(assumption, LookedUpTree(self._lookup, tree))
        command = named_command(self._policy, assumption.expected)
        if command is None:
            return Answer(
                Truth.UNKNOWN, "the policy does not allow the command (`allow_bundle_commands`)"
            )
        return _of_run(assumption, self._runner.run(tree, (command,))[0])

    # Against one another

    def clashes(
        self,
        placed: Sequence[Placed],
        touched: Mapping[BundleId, Sequence[str]],
        holdings: Holdings,
    ) -> list[tuple[Edge, Finding]]:
        """The pairs of which one makes false what the other assumes.

        `touched` has the paths that each bundle changes on the tip.
        """
        by_id = {each.candidate.bundle_id: each for each in placed if each.mergeable}
        standing = [
            (bundle_id, checked.assumption)
            for bundle_id in sorted(by_id)
            for checked in self._checked.get(bundle_id, ())
            if checked.assumption is not None and _stands(checked) and not checked.own
        ]
        meeting = _meeting({each.path for _, each in standing if each.path}, touched)
        found: dict[tuple[BundleId, BundleId], tuple[Edge, Finding]] = {}
        for bundle_id, assumption in standing:
            for other, paths in sorted(meeting.get(assumption.path, {}).items()):
                pair = (min(bundle_id, other), max(bundle_id, other))
                if other == bundle_id or pair in found or other not in by_id:
                    continue
                answer = self._broken_by(assumption, by_id[bundle_id], by_id[other])
                if answer is not None:
                    mine, breaker = by_id[bundle_id], by_id[other]
                    found[pair] = _clash(assumption, answer, mine, breaker, paths, holdings)
        return [found[pair] for pair in sorted(found)]

    def _broken_by(self, assumption: Assumption, mine: Placed, other: Placed) -> Answer | None:
        own_tree, other_tree = TreeId(str(mine.tree)), TreeId(str(other.tree))
        answer = self._answer(assumption, other_tree)
        if answer.truth is not Truth.FALSE:
            return None
        if self._lookup.at(own_tree, assumption.path) == self._lookup.at(
            other_tree, assumption.path
        ):
            return None  # The bundle does the same itself.
        if (
            assumption.kind is not AssumptionKind.PATH_ABSENT
            and self._answer(assumption, own_tree).truth is Truth.FALSE
        ):
            return None  # Its own change leaves it behind.
        return answer

    # At the integration

    def broken(
        self,
        tree: TreeId,
        chosen: Sequence[Placed],
        compose: Callable[[Sequence[Placed]], TreeId | None],
    ) -> Broken | None:
        """The first assumption that a composed set makes false, and who of the set does."""
        for each in chosen:
            for checked in self._checked.get(each.candidate.bundle_id, ()):
                assumption = checked.assumption
                if assumption is None or not _stands(checked):
                    continue
                if assumption.kind is not AssumptionKind.COMMAND and (
                    self._answer(assumption, TreeId(str(each.tree))).truth is not Truth.HOLDS
                ):
                    continue  # Its own change leaves it behind.
                answer = self._answer(assumption, tree)
                if answer.truth is Truth.FALSE:
                    return self._blamed(each, assumption, answer, chosen, compose)
        return None

    def _blamed(
        self,
        each: Placed,
        assumption: Assumption,
        answer: Answer,
        chosen: Sequence[Placed],
        compose: Callable[[Sequence[Placed]], TreeId | None],
    ) -> Broken:
        by_id = {one.candidate.bundle_id: one for one in chosen}
        own = each.candidate.bundle_id

        def outcome(bundles: tuple[BundleId, ...]) -> Outcome:
            if own not in bundles:
                return Outcome.PASSED
            tree = compose([by_id[bundle] for bundle in bundles])
            if tree is None:
                return Outcome.UNKNOWN
            false = self._answer(assumption, tree).truth is Truth.FALSE
            return Outcome.FAILED if false else Outcome.PASSED

        return Broken(own, assumption, answer, find_culprits(list(by_id), outcome))


def _meeting(
    wanted: set[str], touched: Mapping[BundleId, Sequence[str]]
) -> dict[str, dict[BundleId, list[str]]]:
    """Who changes something at or below each of some paths, and what."""
    found: dict[str, dict[BundleId, list[str]]] = {}
    for bundle, paths in touched.items():
        for path in paths:
            above = path
            while above:
                if above in wanted:
                    found.setdefault(above, {}).setdefault(bundle, []).append(path)
                above = above.rpartition("/")[0]
    return found


def _stands(checked: Checked) -> bool:
    return checked.answer is not None and checked.answer.truth is Truth.HOLDS


def _of_run(assumption: Assumption, run: CommandRun) -> Answer:
    if not run.status.definite or run.exit_code is None:
        return Answer(Truth.UNKNOWN, f"`{run.command}` gave no lasting result ({run.status.value})")
    holds = run.exit_code == assumption.exit_code
    ended = "passes" if run.status is RunStatus.PASSED else f"exits {run.exit_code}"
    return Answer(Truth.HOLDS if holds else Truth.FALSE, f"`{run.command}` {ended}")


def _misspelt(assumption: Misspelt) -> Finding:
    return warning(
        FindingKind.ASSUMPTION_UNREADABLE,
        f"Its assumption `{assumption.text[:200]}` cannot be checked: {assumption.problem}; it is "
        "kept as prose.",
        assumption=assumption.text[:500],
    )


def _unchecked(assumption: Assumption, answer: Answer) -> Finding:
    return info(
        FindingKind.ASSUMPTION_UNCHECKED,
        f"Whether its assumption `{assumption.text[:200]}` is true could not be told: "
        f"{answer.seen}.",
        assumption.path or None,
        assumption=assumption.text[:500],
    )


def _false(assumption: Assumption, answer: Answer, *, held_before: bool) -> Finding:
    said = f"It assumes `{assumption.text[:200]}`, but at the target {answer.seen}"
    if held_before:
        return error(
            FindingKind.ASSUMPTION_OUTDATED,
            f"{said}, unlike at its base; rebase it onto the target and adapt it.",
            assumption.path or None,
            assumption=assumption.text[:500],
            seen=answer.seen,
        )
    return error(
        FindingKind.ASSUMPTION_FALSE,
        f"{said}; adapt the change, or leave the assumption out where the change does not need it.",
        assumption.path or None,
        assumption=assumption.text[:500],
        seen=answer.seen,
    )


def _clash(
    assumption: Assumption,
    answer: Answer,
    mine: Placed,
    other: Placed,
    paths: Sequence[str],
    holdings: Holdings,
) -> tuple[Edge, Finding]:
    assumer, breaker = mine.candidate, other.candidate
    evidence: JsonObject = {
        "assumption": assumption.text[:500],
        "assumed_by": assumer.bundle_id,
        "broken_by": breaker.bundle_id,
        "seen": answer.seen,
        "paths": list(paths[:20]),
    }
    left, right = sorted((assumer.bundle_id, breaker.bundle_id))
    first = holdings.earlier(assumer.bundle.owner, breaker.bundle.owner, paths)
    first_lock = None
    if first is not None:
        first_lock = assumer.bundle_id if first == assumer.bundle.owner else breaker.bundle_id
    return (
        Edge(
            left, right, EdgeKind.ASSUMPTION, tuple(paths), first_lock=first_lock, evidence=evidence
        ),
        Finding(
            FindingKind.ASSUMPTION_BROKEN,
            Severity.ERROR,
            f"{assumer.bundle.owner} assumes `{assumption.text[:200]}`, and with the change of "
            f"{breaker.bundle.owner} {answer.seen}; only one of them can merge as it is.",
            (left, right),
            assumption.path,
            assumption.symbol or None,
            evidence,
        ),
    )
