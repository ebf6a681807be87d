"""What the verification commands prove about a composed tree, and whose change breaks them.

The project's commands run on the combination, and on the bare target where they fail; a bundle's
own commands, where the policy allows them, run on the combination as well. It must not know how a
command is run (see `CommandRunner`) or what follows for a bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from agentd.conflicts.checks.command_runs import (
    CommandRun,
    Comparison,
    RunStatus,
    Verdict,
    compare,
    runnable_commands,
)
from agentd.conflicts.checks.culprits import Blame, CulpritSet, Outcome, find_culprits
from agentd.conflicts.findings import BundleId, Finding, FindingKind, Severity
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.interaction import Interaction, closest_first
from agentd.conflicts.merges.composition import Composer
from agentd.conflicts.policy.policy import Command, Policy


class CommandRunner(Protocol):
    """Whoever runs commands on trees, or remembers what came out."""

    def run(self, tree: str, commands: Sequence[Command]) -> tuple[CommandRun, ...]:
        """One result a command, in their order."""
        ...


class Standing(StrEnum):
    """What is known about a combination."""

    PROVEN = "proven"
    """At least one command passed and none was broken."""
    UNPROVEN = "unproven"
    """Nothing speaks against it, and nothing for it."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """A command on a combination, and whose it is."""

    comparison: Comparison
    named_by: tuple[BundleId, ...]
    """The bundles that named it; empty for the project's own."""

    @property
    def broken(self) -> bool:
        """Whether it speaks against the combination."""
        if self.named_by:
            return self.comparison.run.status in (RunStatus.FAILED, RunStatus.TIMED_OUT)
        return self.comparison.verdict is Verdict.BROKEN

    def to_json(self) -> dict[str, Any]:
        """The check as the record has it."""
        return {**self.comparison.to_json(), "named_by": list(self.named_by)}


@dataclass(frozen=True, slots=True)
class Proof:
    """All checks of one combination."""

    tree: TreeId
    checks: tuple[Check, ...]

    @property
    def standing(self) -> Standing:
        """What they come to."""
        if any(check.broken for check in self.checks):
            return Standing.BROKEN
        if self.passed:
            return Standing.PROVEN
        return Standing.UNPROVEN

    @property
    def passed(self) -> list[str]:
        """The names of the commands that passed."""
        return [
            check.comparison.run.name
            for check in self.checks
            if check.comparison.run.status is RunStatus.PASSED
        ]

    @property
    def undetermined(self) -> tuple[Check, ...]:
        """The checks without a result."""
        return tuple(check for check in self.checks if check.comparison.verdict is Verdict.UNKNOWN)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What people should know besides what broke."""
        found = []
        for check in self.checks:
            match check.comparison.verdict:
                case Verdict.FLAKY:
                    kind = FindingKind.VERIFICATION_FLAKY
                case Verdict.FAILING_BEFORE if not check.named_by:
                    kind = FindingKind.VERIFICATION_BROKEN_BEFORE
                case Verdict.UNKNOWN:
                    kind = FindingKind.VERIFICATION_MISSING
                case _:
                    continue
            found.append(
                Finding(
                    kind,
                    Severity.WARNING,
                    check.comparison.message,
                    evidence={"command": check.comparison.run.command, "tree": self.tree},
                )
            )
        return tuple(found)


def run_against(
    runner: CommandRunner, target: TreeId, tree: TreeId, command: Command
) -> Comparison:
    """Runs a command on a tree, and on the target's as well if it fails there."""
    (run,) = runner.run(tree, (command,))
    failed = run.status in (RunStatus.FAILED, RunStatus.TIMED_OUT)
    return compare(runner.run(target, (command,))[0] if failed else None, run)


class Prover:
    """Proves combinations of one review."""

    def __init__(
        self,
        runner: CommandRunner,
        composer: Composer,
        tip_tree: TreeId,
        policy: Policy,
        interactions: Sequence[Interaction] = (),
        finish: Callable[[TreeId, Sequence[Placed]], TreeId | None] = lambda tree, _: tree,
    ) -> None:
        """`finish` makes of a composed tree what would be integrated; None where it cannot."""
        self._runner = runner
        self._composer = composer
        self._tip_tree = tip_tree
        self._policy = policy
        self._interactions = interactions
        self._finish = finish

    def prove(self, tree: TreeId, placed: Sequence[Placed]) -> Proof:
        """Runs everything that says something about a combination."""
        checks = [self._check(tree, command, ()) for command in self._policy.verification.commands]
        named: dict[str, tuple[Command, list[BundleId]]] = {}
        for each in placed:
            entries = [claim.command or claim.text for claim in each.candidate.bundle.claims]
            for command in runnable_commands(self._policy, entries).run:
                named.setdefault(command.run, (command, []))[1].append(each.candidate.bundle_id)
        checks += [
            self._check(tree, command, tuple(bundles)) for command, bundles in named.values()
        ]
        return Proof(tree, tuple(checks))

    def _check(self, tree: TreeId, command: Command, named_by: tuple[BundleId, ...]) -> Check:
        return Check(run_against(self._runner, self._tip_tree, tree, command), named_by)

    def blame(self, check: Check, placed: Sequence[Placed]) -> CulpritSet[BundleId]:
        """A smallest set of bundles with which the check fails.

        Those that interact are looked at first and together.
        """
        by_id = {each.candidate.bundle_id: each for each in placed}
        command = self._command(check)

        def outcome(bundles: tuple[BundleId, ...]) -> Outcome:
            if check.named_by and not set(check.named_by) & set(bundles):
                return Outcome.PASSED  # Nobody of these asked for it.
            wanted = set(bundles)  # Composed in the same order as the whole set.
            some = [each for bundle, each in by_id.items() if bundle in wanted]
            composition = self._composer.compose(some)
            tree = None if composition.clash else self._finish(composition.tree, some)
            if tree is None:
                return Outcome.UNKNOWN
            return _outcome(self._runner.run(tree, (command,))[0])

        return find_culprits(closest_first(tuple(by_id), self._interactions), outcome)

    def _command(self, check: Check) -> Command:
        text = check.comparison.run.command
        for command in self._policy.verification.commands:
            if command.run == text:
                return command
        return Command(run=text)


def blames_somebody(culprits: CulpritSet[BundleId]) -> bool:
    """Whether the search ended at bundles."""
    return culprits.blame in (Blame.ALONE, Blame.TOGETHER)


def _outcome(run: CommandRun) -> Outcome:
    match run.status:
        case RunStatus.PASSED:
            return Outcome.PASSED
        case RunStatus.FAILED | RunStatus.TIMED_OUT:
            return Outcome.FAILED
        case RunStatus.FLAKY | RunStatus.NOT_RUN | RunStatus.ERROR:
            return Outcome.UNKNOWN
