"""Makes generated files anew from merged sources, with the command that the policy names for them.

What a bundle has in a generated file was made from that bundle's sources; on merged sources it is
out of date even where its lines merge. It must not know how the command is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentd.conflicts.checks.command_runs import CommandRun
from agentd.conflicts.findings import BundleId, JsonObject
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import ObjectId, TreeId, encoded
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.policy.path_globs import first_match
from agentd.conflicts.policy.policy import Command, Generated, Policy


@dataclass(frozen=True, slots=True)
class MadeFile:
    """What a generator left at a path."""

    mode: str
    blob: ObjectId


@dataclass(frozen=True, slots=True)
class Generation:
    """A command's run, and every file below some globs as it left them; None where it failed."""

    run: CommandRun
    files: Mapping[str, MadeFile] | None


class Generator(Protocol):
    """Whoever runs generators, or remembers what they made."""

    def generate(self, tree: str, command: Command, globs: tuple[str, ...]) -> Generation:
        """Runs a command on a tree and takes what it left."""
        ...


class NoGenerator:
    """Runs nothing."""

    def generate(self, tree: str, command: Command, globs: tuple[str, ...]) -> Generation:
        """Says that it was not run."""
        return Generation(CommandRun.not_run(tree, command, "nothing here runs generators"), None)


@dataclass(frozen=True, slots=True)
class Step:
    """One rule of the policy, followed on one tree."""

    run: CommandRun
    paths: tuple[str, ...]
    """What came out otherwise than it was."""
    tree: TreeId | None
    """With what came out; None where the command failed."""
    bundles: tuple[BundleId, ...]
    """Those that touch the files."""

    def to_json(self) -> JsonObject:
        """The step as the record has it."""
        return {
            **self.run.to_json(),
            "paths": list(self.paths[:500]),
            "result": self.tree,
            "bundles": list(self.bundles),
        }


@dataclass(frozen=True, slots=True)
class Finished:
    """A composed tree with its generated files made anew."""

    tree: TreeId
    steps: tuple[Step, ...] = ()

    @property
    def failed(self) -> Step | None:
        """The step that failed; the last one then."""
        return next((step for step in self.steps if step.tree is None), None)


class Regenerator:
    """Follows the policy's rules within one review."""

    def __init__(self, generator: Generator, quarantine: Quarantine, policy: Policy) -> None:
        self._generator = generator
        self._quarantine = quarantine
        self._rules = [rule for rule in policy.generated if rule.regenerate is not None]

    def finish(self, tree: TreeId, accepted: Sequence[Placed]) -> Finished:
        """Makes anew what bundles touch and the policy has a command for.

        Where the tree is that of the one bundle that touches the files, in step with the target,
        they are made from these sources already.
        """
        steps: list[Step] = []
        for rule in self._rules:
            touching = [each for each in accepted if _touches(each, rule)]
            if not touching or any(tree == each.candidate.tree for each in touching):
                continue
            step = self._step(tree, rule, touching)
            steps.append(step)
            if step.tree is None:
                break
            tree = step.tree
        return Finished(tree, tuple(steps))

    def _step(self, tree: TreeId, rule: Generated, touching: Sequence[Placed]) -> Step:
        made = self._generator.generate(tree, Command(run=str(rule.regenerate)), rule.paths)
        bundles = tuple(sorted(each.candidate.bundle_id for each in touching))
        if made.files is None:
            return Step(made.run, (), None, bundles)
        before = {
            path: MadeFile(mode, blob)
            for path, (mode, blob) in self._quarantine.entries(tree).items()
            if first_match(rule.paths, path)
        }
        changed = {
            path: made.files.get(path)
            for path in sorted({*before, *made.files})
            if made.files.get(path) != before.get(path)
        }
        result = self._written(tree, changed) if changed else tree
        return Step(made.run, tuple(changed), result, bundles)

    def _written(self, tree: TreeId, changed: Mapping[str, MadeFile | None]) -> TreeId:
        absent = MadeFile("0", ObjectId("0" * len(tree)))
        lines = b"".join(
            encoded(f"{(made or absent).mode} {(made or absent).blob}\t{path}\0")
            for path, made in changed.items()
        )
        with self._quarantine.index_of(tree) as environment:
            self._quarantine.run(
                ["update-index", "-z", "--index-info"],
                stdin=lines,
                environment=environment,
                check=True,
            )
            written = self._quarantine.run(["write-tree"], environment=environment, check=True)
        return TreeId(written.text)


def _touches(each: Placed, rule: Generated) -> bool:
    return any(first_match(rule.paths, path) for path in each.candidate.paths)
