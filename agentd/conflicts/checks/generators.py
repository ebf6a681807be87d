"""Runs generators in the verification sandbox, keeps what they made, and replays it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentd.conflicts.bundles.json_fields import Fields
from agentd.conflicts.checks.command_runs import CommandRun
from agentd.conflicts.checks.recorded_runs import NOT_RECORDED, decode_command_run, decode_run
from agentd.conflicts.checks.regeneration import Generation, MadeFile
from agentd.conflicts.checks.verification import Verifier
from agentd.conflicts.git.names import ObjectId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.policy.path_globs import first_match
from agentd.conflicts.policy.policy import Command


class SandboxGenerator:
    """Runs them, each once on a tree, and keeps in the form of the record what came out."""

    def __init__(self, verifier: Verifier, quarantine: Quarantine) -> None:
        self._verifier = verifier
        self._quarantine = quarantine
        self._kept: dict[tuple[str, str], dict[str, Any]] = {}

    def generate(self, tree: str, command: Command, globs: tuple[str, ...]) -> Generation:
        """Runs a command on a tree and takes what it left."""
        key = (tree, command.run)
        if key not in self._kept:
            run, files = self._verifier.generate(
                tree, command, lambda path: first_match(globs, path) is not None
            )
            made = None
            if files is not None:
                made = [
                    {"path": path, "mode": mode, "blob": self._quarantine.store_blob(content)}
                    for path, (mode, content) in sorted(files.items())
                ]
            self._kept[key] = {"run": run.to_json(), "files": made}
        return _decoded(self._kept[key])

    @property
    def made(self) -> list[dict[str, Any]]:
        """Everything, in the order of its first use."""
        return list(self._kept.values())

    @property
    def blobs(self) -> set[ObjectId]:
        """All contents that were made."""
        return {
            ObjectId(file["blob"]) for kept in self._kept.values() for file in kept["files"] or ()
        }


class RecordedGenerator:
    """Hands out what was made in an earlier review and runs nothing."""

    def __init__(self, made: Sequence[Mapping[str, Any]]) -> None:
        self._made = {(each["run"]["tree"], each["run"]["command"]): each for each in made}

    def generate(self, tree: str, command: Command, globs: tuple[str, ...]) -> Generation:
        """What was made on this tree; what is not in the record counts as not run."""
        kept = self._made.get((tree, command.run))
        if kept is not None:
            return _decoded(kept)
        return Generation(CommandRun.not_run(tree, command, NOT_RECORDED), None)

    @property
    def blobs(self) -> tuple[ObjectId, ...]:
        """All contents that were made."""
        return tuple(
            ObjectId(file["blob"]) for kept in self._made.values() for file in kept["files"] or ()
        )


def decode_generations(inputs: Fields, name: str) -> RecordedGenerator:
    """Recorded generations as somebody hands them in. Raises `FieldProblem` where they are none."""
    made = []
    for each in inputs.members(name):
        files = None
        if each.has("files"):
            files = [
                {
                    "path": file.text("path"),
                    "mode": file.text("mode"),
                    "blob": file.object_id("blob"),
                }
                for file in each.members("files")
            ]
        made.append({"run": decode_command_run(each.member("run")).to_json(), "files": files})
    return RecordedGenerator(made)


def _decoded(kept: Mapping[str, Any]) -> Generation:
    files = kept["files"]
    return Generation(
        decode_run(kept["run"]),
        None
        if files is None
        else {each["path"]: MadeFile(each["mode"], ObjectId(each["blob"])) for each in files},
    )
