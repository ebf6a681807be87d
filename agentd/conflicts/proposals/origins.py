"""Finds the bundle that somebody means: by file, bundle id, owner or branch.

It must not know what is to be done with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from agentd.conflicts.bundles.admission import Admission
from agentd.conflicts.bundles.collect import DaemonView, collect, from_branch, from_bundle_file
from agentd.conflicts.bundles.intake import Intake
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.git.names import CommitId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.judgement import Case
from agentd.conflicts.policy.policy import Policy
from agentd.errors import InvalidParams

_ID_CHARS_MIN: Final = 6
"""Shorter beginnings of ids would match by chance."""
_NAMED_MAX: Final = 5


class Origins:
    """The places where a bundle may be, in the order in which they are searched."""

    def __init__(
        self,
        quarantine: Quarantine,
        target: CommitId,
        policy: Policy,
        *,
        daemon: DaemonView | None,
        kept: Iterable[Case],
        directory: Path,
    ) -> None:
        self._quarantine = quarantine
        self._repository = quarantine.repository
        self._policy = policy
        self._daemon = daemon
        self._kept = kept
        self._directory = directory
        self._target = target

    def find(self, what: str) -> Submission:
        """The one bundle of that file, id, owner or branch. Raises `invalid_field`."""
        path = self._directory / what
        if os.path.isfile(path):  # A long name is none; `Path.is_file` raises.
            return self._intake(path.resolve().parent).take(from_bundle_file(path))
        if self._daemon is not None:
            bundles = collect(self._daemon, self._repository.namespace).bundles
            handed_in = self._matching(self._intake().take_all(bundles), what)
            if handed_in is not None:
                return handed_in
        # A branch is what it is now: a review may have seen it before its newest commits.
        if self._repository.commit_of(what) is not None:
            return self._intake().take(from_branch(what))
        for case in self._kept:
            reviewed = self._matching(case.submissions, what)
            if reviewed is not None:
                return reviewed
        raise _not_one(
            what,
            "names no bundle file, no bundle of the daemon or of a kept review, and no branch",
            "`agentd-coord decisions` lists the reviews, and with an id the bundles of one.",
        )

    def _matching(self, submissions: Sequence[Submission], what: str) -> Submission | None:
        candidates = Admission(self._quarantine, self._policy).admit(submissions)
        found = [
            each
            for each in candidates
            if what in (each.bundle_id, each.bundle.owner)
            or (len(what) >= _ID_CHARS_MIN and each.bundle_id.startswith(what))
        ]
        if len(found) > 1:
            ids = ", ".join(each.bundle_id for each in found[:_NAMED_MAX])
            raise _not_one(what, f"means {len(found)} bundles: {ids}", "Give one of the ids.")
        return found[0].submission if found else None

    def _intake(self, *readable: Path) -> Intake:
        return Intake(
            repository=self._repository,
            quarantine=self._quarantine,
            target=self._target,
            limits=self._policy.limits,
            directory=self._directory,
            readable=readable,
        )


def _not_one(what: str, problem: str, hint: str) -> InvalidParams:
    return InvalidParams(
        "invalid_field",
        f"{what!r} {problem}",
        hint=hint,
        path="BUNDLE",
        rule="must name one bundle",
    )
