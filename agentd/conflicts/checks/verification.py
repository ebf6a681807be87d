"""Runs the project's commands on a tree, and on the bare target where they fail.

Each command has a fresh checkout of its own, so that its result depends on the tree, the command
and the environment alone, and can be kept by them; what an earlier command left behind cannot make
a later one pass. The commands' text comes from the policy; nothing that an agent wrote is put
into it. It decides when to run, to run again and to reuse; it must not know what a bundle is, or
what the result means for anybody.

The checkout is, unless the policy says otherwise, a git repository with one commit: test suites ask
`git ls-files`, version tools look for a tag, generators check `git diff --exit-code`. It is made
inside the same walls by the commands' own git, has no remote and no history, and borrows nothing,
so whatever a command does to it is gone with the checkout.
"""

from __future__ import annotations

import hashlib
import json
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from agentd.conflicts.checks.command_runs import CommandRun, RunStatus
from agentd.conflicts.checks.process_run import Ending, ProcessResult
from agentd.conflicts.checks.run_cache import RunCache, RunKey
from agentd.conflicts.checks.sandbox import Layout
from agentd.conflicts.checks.scratch import ends_as_exceptions, scratch_directory, sweep
from agentd.conflicts.checks.taken_files import Untakeable, take_files
from agentd.conflicts.checks.walls import Walls, end_processes_in
from agentd.conflicts.policy.policy import Command, Verification
from agentd.core.clock import Clock
from agentd.errors import AgentdError

_log = logging.getLogger(__name__)

_MAKE_REPOSITORY: Final = """
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE='@946684800 +0000' \
  GIT_COMMITTER_DATE='@946684800 +0000'
git -c init.defaultBranch=main init -q --template= . &&
git config user.name verification && git config user.email verification@localhost &&
git -c core.autocrlf=false -c core.safecrlf=false -c gc.auto=0 add -A -f . &&
git -c gc.auto=0 commit -q --allow-empty --no-verify -m 'The tree to verify'
"""
_MAKE_REPOSITORY_SECS: Final = 300.0
_STOPPED: Final = "the review was stopped while it ran"
_NOT_FOUND_CODES: Final = (126, 127)
"""The shell found no such program: says something about the machine, and is not kept."""


class TreeSource(Protocol):
    """Whoever has the trees."""

    def checkout_tree(self, tree: str, directory: Path) -> None:
        """Writes the files of a tree, and nothing else, into an empty directory."""
        ...


class Step(StrEnum):
    """What just happened to a command."""

    STARTED = "started"
    RERUN = "rerun"
    """It failed and is run again, to see whether it is flaky."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class VerificationProgress:
    """A step to show to somebody who waits."""

    step: Step
    command: str
    """Its name or, without one, its text."""
    tree: str
    number: int
    """Which of the commands, from 1."""
    total: int
    run: CommandRun | None = None
    """What came out, when it finished."""


class Verifier:
    """Runs commands on trees within one review."""

    def __init__(
        self,
        trees: TreeSource,
        bounds: Verification,
        *,
        scratch: Path,
        results: Path,
        environ: Mapping[str, str],
        clock: Clock,
        hidden: Sequence[Path] = (),
        use_bubblewrap: bool = True,
        progress: Callable[[VerificationProgress], None] = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """`scratch` and `results` are agentd's own directories, for checkouts and for what is kept.
        `environ` is the caller's environment, of which commands see a part; `hidden` are paths that
        they must not see. When `cancelled` says so, the running command is ended and the others
        are not run.
        """
        self._trees = trees
        self._bounds = bounds
        self._scratch_root = scratch
        self._cache = RunCache(results, clock, keep_secs=bounds.cache_secs)
        self._walls = Walls(bounds, environ=environ, hidden=hidden, use_bubblewrap=use_bubblewrap)
        self._progress = progress
        self._cancelled = cancelled
        self._known: dict[RunKey, CommandRun] = {}
        self._swept = False

    @property
    def sandbox(self) -> str:
        """`bwrap` or `none`: what stands between the commands and the machine."""
        return self._walls.sandbox

    def run(self, tree: str, commands: Sequence[Command] | None = None) -> tuple[CommandRun, ...]:
        """Runs commands on a tree, the policy's where none are given; each always has a result.

        Within one review a command runs on a tree once, whatever comes out. Results that stand
        (passed, failed) are kept for later reviews.
        """
        chosen = self._bounds.commands if commands is None else tuple(commands)
        if not chosen:
            return ()
        with ends_as_exceptions((signal.SIGTERM, signal.SIGHUP)):
            self._sweep_once()
            return tuple(
                self._known_or_new(tree, command, number, len(chosen))
                for number, command in enumerate(chosen, start=1)
            )

    def generate(
        self, tree: str, command: Command, wanted: Callable[[str], bool]
    ) -> tuple[CommandRun, dict[str, tuple[str, bytes]] | None]:
        """Runs a command on a tree once, and takes the files that it leaves at the wanted paths.

        Path to mode and content; None where the command does not pass, or leaves what cannot be
        taken. Nothing of it is kept for later reviews.
        """
        taken: dict[str, tuple[str, bytes]] = {}
        with ends_as_exceptions((signal.SIGTERM, signal.SIGHUP)):
            self._sweep_once()
            run = self._run_once(
                tree, command, lambda directory: taken.update(take_files(directory, wanted))
            )
        return run, (taken if run.status is RunStatus.PASSED else None)

    @cached_property
    def _environment_digest(self) -> str:
        bounds = self._bounds
        walls = {
            "variables": self._walls.environment,
            "sandbox": self.sandbox,
            "network": bounds.network,
            "git_repository": bounds.git_repository,
            "limits": [bounds.memory_bytes_max, bounds.cpu_secs_max, bounds.file_bytes_max],
        }
        return hashlib.sha256(json.dumps(walls, sort_keys=True).encode()).hexdigest()

    def _sweep_once(self) -> None:
        """Clears away what reviews left behind that were killed."""
        if self._swept:
            return
        self._swept = True
        try:
            if sweep(self._scratch_root, end_processes_in):
                _log.info("removed scratch directories of reviews that were killed")
            self._cache.prune()
        except OSError as error:
            _log.warning("cannot clear away what is stale: %s", error)

    def _known_or_new(self, tree: str, command: Command, number: int, total: int) -> CommandRun:
        key = RunKey(tree, command.run, self._environment_digest)

        def tell(step: Step, run: CommandRun | None = None) -> None:
            step_of = VerificationProgress(step, command.label, tree, number, total, run)
            self._progress(step_of)

        known = self._known.get(key) or self._cache.get(key)
        if known is None:
            tell(Step.STARTED)
            known = self._run_until_sure(tree, command, lambda: tell(Step.RERUN))
            self._keep(key, known)
        if known.status not in (RunStatus.NOT_RUN, RunStatus.ERROR):
            self._known[key] = known
        named = replace(known, name=command.label)
        tell(Step.FINISHED, named)
        return named

    def _keep(self, key: RunKey, run: CommandRun) -> None:
        if not run.status.definite or run.exit_code in _NOT_FOUND_CODES:
            return
        try:
            self._cache.put(key, run)
        except OSError as error:
            _log.warning("cannot keep a verification result: %s", error)

    def _run_until_sure(
        self, tree: str, command: Command, tell_rerun: Callable[[], None]
    ) -> CommandRun:
        """Runs a command, and again while it fails and may be flaky."""
        first = self._run_once(tree, command)
        attempts = 1
        failed = (RunStatus.FAILED, RunStatus.TIMED_OUT)
        while first.status in failed and attempts <= self._bounds.flaky_reruns:
            tell_rerun()
            again = self._run_once(tree, command)
            attempts += 1
            if again.status is RunStatus.PASSED:
                return replace(first, status=RunStatus.FLAKY, attempts=attempts)
            if again.status not in failed:  # Stopped or broken down half way.
                return replace(again, attempts=attempts)
            if again.status is RunStatus.FAILED:  # Says more than that the time was over.
                first = again
        return replace(first, attempts=attempts)

    def _run_once(
        self,
        tree: str,
        command: Command,
        afterwards: Callable[[Path], None] = lambda _: None,
    ) -> CommandRun:
        blank = CommandRun(
            command=command.run,
            name=command.label,
            status=RunStatus.NOT_RUN,
            tree=tree,
            sandbox=self.sandbox,
            attempts=1,
        )
        if self._cancelled():
            return replace(blank, attempts=0, problem="the review was stopped before")
        try:
            with scratch_directory(self._scratch_root, end_processes_in) as root:
                layout = Layout(root)
                run = self._run_in(layout, blank, command)
                if run.status is RunStatus.PASSED:
                    afterwards(layout.tree)
                return run
        except (AgentdError, OSError, Untakeable) as error:
            _log.warning("cannot verify tree %s: %s", tree, error)
            return replace(blank, status=RunStatus.ERROR, problem=str(error))

    def _run_in(self, layout: Layout, blank: CommandRun, command: Command) -> CommandRun:
        layout.make()
        self._trees.checkout_tree(blank.tree, layout.tree)
        if self._bounds.git_repository:
            made, _ = self._walled(layout, _MAKE_REPOSITORY, _MAKE_REPOSITORY_SECS)
            if made.ending is Ending.CANCELLED:
                return _with_output(blank, made, _STOPPED)
            if made.ending is Ending.TIMEOUT or made.exit_code != 0:
                error = replace(blank, status=RunStatus.ERROR)
                said = made.output_tail.strip()
                return _with_output(error, made, f"no git repository could be made of it: {said}")
        timeout_secs = command.timeout_secs or self._bounds.timeout_secs
        result, started = self._walled(layout, command.run, timeout_secs)
        if result.ending is Ending.CANCELLED:
            return _with_output(blank, result, _STOPPED)
        if not started:
            error = replace(blank, status=RunStatus.ERROR)
            return _with_output(error, result, f"no start: {result.output_tail.strip()}")
        if result.ending is Ending.TIMEOUT:
            return _with_output(replace(blank, status=RunStatus.TIMED_OUT), result)
        status = RunStatus.PASSED if result.exit_code == 0 else RunStatus.FAILED
        return _with_output(replace(blank, status=status, exit_code=result.exit_code), result)

    def _walled(
        self, layout: Layout, command: str, timeout_secs: float
    ) -> tuple[ProcessResult, bool]:
        return self._walls.run(
            layout,
            ["/bin/sh", "-c", command],
            timeout_secs,
            network=self._bounds.network,
            cancelled=self._cancelled,
        )


def _with_output(run: CommandRun, result: ProcessResult, problem: str | None = None) -> CommandRun:
    return replace(
        run,
        seconds=result.seconds,
        output_tail=result.output_tail,
        output_bytes=result.output_bytes,
        output_sha256=result.output_sha256,
        problem=problem,
    )
