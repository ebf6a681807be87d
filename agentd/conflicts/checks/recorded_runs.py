"""Results of commands, kept while a review runs and handed out again in its replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentd.conflicts.bundles.json_fields import Fields
from agentd.conflicts.checks.command_runs import CommandRun, RunStatus
from agentd.conflicts.checks.proof import CommandRunner
from agentd.conflicts.policy.policy import Command

NOT_RECORDED: Final = "the record has no result of it on this tree"


class RecordingRuns:
    """Passes commands on to a runner and keeps what came out.

    What it hands out is what it keeps, in the form of the record, so that a replay sees no digit
    more or less than the review did.
    """

    def __init__(self, runner: CommandRunner) -> None:
        self._runner = runner
        self._kept: dict[tuple[str, str], dict[str, Any]] = {}

    def run(self, tree: str, commands: Sequence[Command]) -> tuple[CommandRun, ...]:
        """One result a command, in their order."""
        results = []
        for command in commands:
            key = (tree, command.run)
            if key not in self._kept:
                self._kept[key] = self._runner.run(tree, (command,))[0].to_json()
            results.append(decode_run(self._kept[key]))
        return tuple(results)

    @property
    def runs(self) -> list[dict[str, Any]]:
        """All results, in the order of their first use."""
        return list(self._kept.values())


class RecordedRuns:
    """Hands out the results of an earlier review and runs nothing."""

    def __init__(self, runs: Sequence[Mapping[str, Any]]) -> None:
        self._runs = {(run["tree"], run["command"]): run for run in runs}

    def run(self, tree: str, commands: Sequence[Command]) -> tuple[CommandRun, ...]:
        """One result a command; one that is not in the record counts as not run."""
        return tuple(self._one(tree, command) for command in commands)

    def _one(self, tree: str, command: Command) -> CommandRun:
        run = self._runs.get((tree, command.run))
        if run is not None:
            return decode_run(run)
        return CommandRun.not_run(tree, command, NOT_RECORDED)


def decode_runs(inputs: Fields, name: str) -> RecordedRuns:
    """Recorded results as somebody hands them in. Raises `FieldProblem` where they are none."""
    return RecordedRuns([decode_command_run(each).to_json() for each in inputs.members(name)])


def decode_command_run(fields: Fields) -> CommandRun:
    """A recorded result. Raises `FieldProblem` where it is none."""
    return CommandRun(
        command=fields.text("command"),
        name=fields.text("name"),
        status=fields.word("status", RunStatus),
        tree=fields.object_id("tree"),
        exit_code=fields.integer("exit_code") if fields.has("exit_code") else None,
        seconds=fields.number("seconds"),
        output_tail=fields.text("output_tail"),
        output_bytes=fields.integer("output_bytes"),
        output_sha256=fields.text("output_sha256"),
        sandbox=fields.text("sandbox"),
        attempts=fields.integer("attempts"),
        cached=fields.truth("cached"),
        problem=fields.text_or_none("problem"),
    )


def decode_run(data: Mapping[str, Any]) -> CommandRun:
    """A result as the record has it."""
    return CommandRun(**{**data, "status": RunStatus(data["status"])})
