"""What came out of verification commands, and what that says about a change.

Values and pure rules: the difference to the bare target, and which of a bundle's own commands may
run at all. It must not know how a command is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from agentd.conflicts.policy.path_globs import command_matches
from agentd.conflicts.policy.policy import Command, Policy

BUNDLE_COMMANDS_MAX: Final = 16
BUNDLE_COMMAND_CHARS_MAX: Final = 4096


class RunStatus(StrEnum):
    """How a command ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    FLAKY = "flaky"
    """It failed, and passed on the same tree when it was run again."""
    NOT_RUN = "not_run"
    """The review was stopped before."""
    ERROR = "error"
    """It could not be started or its checkout could not be made: says nothing about the tree."""

    @property
    def definite(self) -> bool:
        """Whether the same tree gives the same answer tomorrow."""
        return self in (RunStatus.PASSED, RunStatus.FAILED)


@dataclass(frozen=True, slots=True)
class CommandRun:
    """One command on one tree: evidence that agentd made itself."""

    command: str
    name: str
    status: RunStatus
    tree: str
    exit_code: int | None = None
    """The shell's: 128 + n for a process that signal n ended. None where agentd ended it."""
    seconds: float = 0.0
    output_tail: str = ""
    output_bytes: int = 0
    output_sha256: str = ""
    """Over the whole output, not only the tail. Of the attempt that failed, where one did."""
    sandbox: str = "none"
    attempts: int = 0
    cached: bool = False
    problem: str | None = None
    """Why there is no result, where the status is `error` or `not_run`."""

    @classmethod
    def not_run(cls, tree: str, command: Command, problem: str) -> CommandRun:
        """In the place of a result, where the command was not run for the reason named."""
        return cls(command.run, command.label, RunStatus.NOT_RUN, tree, problem=problem)

    def to_json(self) -> dict[str, Any]:
        """The form in the review record."""
        return {
            "command": self.command,
            "name": self.name,
            "status": self.status.value,
            "tree": self.tree,
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "output_tail": self.output_tail,
            "output_bytes": self.output_bytes,
            "output_sha256": self.output_sha256,
            "sandbox": self.sandbox,
            "attempts": self.attempts,
            "cached": self.cached,
            "problem": self.problem,
        }


class Verdict(StrEnum):
    """What a command on a combination says, held against the same command on the bare target."""

    PASSED = "passed"
    BROKEN = "broken"
    """It passes on the target and fails on the combination: the bundles did it."""
    FAILING_BEFORE = "failing_before"
    """It fails on the target, too: nobody's fault."""
    FLAKY = "flaky"
    """It passes and fails on the same tree: no evidence for or against anybody."""
    UNKNOWN = "unknown"
    """There is no result to compare."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A command's run beside its run on the bare target."""

    verdict: Verdict
    run: CommandRun
    baseline: CommandRun | None
    """None where nothing was to be compared, because the run did not fail."""
    message: str

    def to_json(self) -> dict[str, Any]:
        """The run's form in the review record, with what the target said."""
        return {
            **self.run.to_json(),
            "verdict": self.verdict.value,
            "baseline_status": self.baseline.status.value if self.baseline else None,
        }


def compare(baseline: CommandRun | None, run: CommandRun) -> Comparison:
    """Says whether a failure is the combination's own."""
    verdict = _verdict(baseline, run)
    return Comparison(verdict, run, baseline, _message(verdict, baseline, run))


def _verdict(baseline: CommandRun | None, run: CommandRun) -> Verdict:
    match run.status:
        case RunStatus.PASSED:
            return Verdict.PASSED
        case RunStatus.FLAKY:
            return Verdict.FLAKY
        case RunStatus.NOT_RUN | RunStatus.ERROR:
            return Verdict.UNKNOWN
        case RunStatus.FAILED | RunStatus.TIMED_OUT:
            return _failure_verdict(baseline.status if baseline else RunStatus.NOT_RUN)
    assert_never(run.status)


def _failure_verdict(baseline: RunStatus) -> Verdict:
    match baseline:
        case RunStatus.PASSED:
            return Verdict.BROKEN
        case RunStatus.FAILED | RunStatus.TIMED_OUT:
            return Verdict.FAILING_BEFORE
        case RunStatus.FLAKY:
            return Verdict.FLAKY
        case RunStatus.NOT_RUN | RunStatus.ERROR:
            return Verdict.UNKNOWN
    assert_never(baseline)


def _message(verdict: Verdict, baseline: CommandRun | None, run: CommandRun) -> str:
    match verdict:
        case Verdict.PASSED:
            return f"`{run.name}` passes on tree {run.tree[:12]}."
        case Verdict.BROKEN:
            return (
                f"`{run.name}` passes on the target and {ending(run)} with the change; "
                "mend what its output shows and hand in the bundle again."
            )
        case Verdict.FAILING_BEFORE:
            return (
                f"`{run.name}` {ending(run)}, and so it does on the bare target; "
                "mend the target, no bundle is to blame."
            )
        case Verdict.FLAKY:
            where = "the same tree" if run.status is RunStatus.FLAKY else "the bare target"
            return (
                f"`{run.name}` both fails and passes on {where}; "
                "it counts neither for nor against a bundle until it is made reliable."
            )
        case Verdict.UNKNOWN:
            lacking = run if run.problem or not baseline else baseline
            return f"`{run.name}` has no result to go by: {lacking.problem or 'it was not run'}."
    assert_never(verdict)


_SHELL_CODES: Final[Mapping[int, str]] = {
    126: ": a program that it calls cannot be executed",
    127: ": a program that it calls is not found",
}
"""What a shell says by the codes that are its own."""


def ending(run: CommandRun) -> str:
    """How a run that failed ended, as the predicate of a sentence."""
    if run.status is RunStatus.TIMED_OUT:
        return f"does not end within {run.seconds:.0f} s"
    why = _SHELL_CODES.get(run.exit_code or 0, "")
    return f"fails (exit code {run.exit_code}{why})"


@dataclass(frozen=True, slots=True)
class BundleCommands:
    """A bundle's own verification entries, divided by what the policy allows."""

    run: tuple[Command, ...]
    refused: tuple[str, ...]
    """Claims: shown as such, never run."""


def runnable_commands(policy: Policy, entries: Iterable[object]) -> BundleCommands:
    """Which commands that a bundle names may run.

    An entry is a string or `{"command": …}`; of other forms nothing is run. A command comes from
    a model, so that it needs a match in `allow_bundle_commands`, one line and bounds on length and
    number. Those that the policy names for everybody are left out: they run anyway.
    """
    ours = {command.run for command in policy.verification.commands}
    run: dict[str, Command] = {}
    refused: dict[str, None] = {}
    for entry in entries:
        text = entry.get("command") if isinstance(entry, Mapping) else entry
        if not isinstance(text, str) or not text.strip() or text.strip() in ours:
            continue
        command = text.strip()
        if _allowed(policy, command) and (command in run or len(run) < BUNDLE_COMMANDS_MAX):
            run[command] = Command(run=command)
        else:
            refused[command[:BUNDLE_COMMAND_CHARS_MAX]] = None
    return BundleCommands(tuple(run.values()), tuple(refused))


def named_command(policy: Policy, text: str) -> Command | None:
    """The command that an assumption names, where it is the policy's own or is allowed."""
    for command in policy.verification.commands:
        if command.run == text:
            return command
    return Command(run=text) if _allowed(policy, text) else None


def _allowed(policy: Policy, command: str) -> bool:
    if len(command) > BUNDLE_COMMAND_CHARS_MAX or not command.isprintable():
        return False
    globs = policy.verification.allow_bundle_commands
    return any(command_matches(glob, command) for glob in globs)
