"""One review, from what the user asks for to the record: the pipeline, a step a call.

This is the only module that ties the steps together; it prints nothing and reads no settings. The
daemon is reached through `DaemonView` alone.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from agentd.conflicts.bundles.admission import Admission
from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.collect import Collected, DaemonView, collect, left_by
from agentd.conflicts.bundles.intake import Intake
from agentd.conflicts.bundles.superseding import leave_out_superseded
from agentd.conflicts.case_codec import decode_case, encode_case
from agentd.conflicts.checks.generators import SandboxGenerator
from agentd.conflicts.checks.recorded_runs import RecordingRuns
from agentd.conflicts.checks.scratch import ends_as_exceptions
from agentd.conflicts.checks.verification import Verifier
from agentd.conflicts.circles import rarely_collected
from agentd.conflicts.decisions import Action
from agentd.conflicts.git.archive import keep_review
from agentd.conflicts.git.names import CommitId, ObjectId
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.pruning import prune_rarely
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.judgement import Case, Judgement, Memory, judge
from agentd.conflicts.landing import (
    Landed,
    Landing,
    TipMoved,
    check_branch_name,
    check_movable,
)
from agentd.conflicts.landing_tries import LandingTries
from agentd.conflicts.merges.store import MergeStore
from agentd.conflicts.policy.policy import POLICY_PATH, Policy, decode_policy, parse_policy
from agentd.conflicts.record import (
    ENGINE_VERSION,
    canonical_bytes,
    judgement_to_json,
    policy_to_json,
    printable,
)
from agentd.conflicts.symbols.grammars import readers
from agentd.conflicts.symbols.summary_cache import SummaryCache
from agentd.core.clock import Clock, SystemClock, rfc3339
from agentd.core.ids import IdSource, RandomIds
from agentd.errors import DependencyFailed
from agentd.paths import Home

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """What to review, and what to do with the result."""

    repository: Path
    home: Path
    """agentd's home directory; the quarantine lies in it."""
    target: str | None = None
    """A branch or any other revision; the branch that is checked out where there is none."""
    bundles: tuple[Bundle, ...] = ()
    """Those that the command line names (see `collect.from_patch_file` and its siblings)."""
    daemon: DaemonView | None = None
    task_id: str | None = None
    base: str | None = None
    """For bundles that name no base."""
    policy_text: str | None = None
    """Instead of the policy file of the target's commit."""
    allow_stale_clean: bool = False
    apply: bool = False
    onto_target: bool = False
    landing_secs: float = 120.0
    """How long to review anew where others move the target meanwhile; at least three times."""
    branch: str | None = None
    """What to call the new branch."""
    keep: bool = True
    """Whether to keep what a replay needs."""
    directory: Path | None = None
    """Where the user is; relative names of patch files may start there."""
    readable: tuple[Path, ...] = ()
    """Directories besides the repository from which bundles may name files."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """What verification commands see a part of."""
    hidden: tuple[Path, ...] = ()
    """What verification commands must not see."""
    use_bubblewrap: bool = True
    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=RandomIds)


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """The record, and where the result went."""

    record: dict[str, Any]
    landed: Landed | None = None

    @property
    def all_merge(self) -> bool:
        """Whether every bundle merges: the difference between exit codes 0 and 10."""
        return all(
            decision["action"] == Action.MERGE.value for decision in self.record["decisions"]
        )


@dataclass(frozen=True, slots=True)
class Workplace:
    """The repository under review and its quarantine."""

    repository: Repository
    quarantine: Quarantine
    git: GitProcess
    git_version: str


def open_workplace(repository: Path, home: Path) -> Workplace:
    """Finds the repository and its quarantine. Raises `git_too_old` and `git_failed`."""
    git = GitProcess()
    version = git.version()
    found = Repository(repository, git)
    return Workplace(found, Quarantine(home, found, git), git, version)


def review(request: ReviewRequest, *, progress: Progress = lambda _: None) -> ReviewOutcome:
    """Reviews, records and, if asked, lands.

    Raises `AgentdError` where no review can be made: no repository, an unknown target, a policy
    with mistakes, git failing twice. Whatever is wrong with a bundle is in the record instead.
    """
    with ends_as_exceptions((signal.SIGTERM, signal.SIGHUP)), rarely_collected():
        return _review_until_landed(request, progress)


def _review_until_landed(request: ReviewRequest, progress: Progress) -> ReviewOutcome:
    workplace = open_workplace(request.repository, request.home)
    began: CommitId | None = None
    tries = LandingTries(request.landing_secs)
    while True:
        target = _target(workplace.repository, request.target, began)
        if began is None:
            _check_landing(request, workplace.repository, target)
            began = target.commit
        outcome = _review_once(request, workplace, target, progress)
        try:
            return _land(request, workplace, target, outcome)
        except TipMoved:
            progress("the target moved; reviewing again")
            if not tries.again():
                raise DependencyFailed(
                    "git_failed",
                    f"the target moved during each of {tries.made} reviews; nothing was landed",
                    hint="Try again when fewer push to it, or land on a branch of its own.",
                ) from None


@dataclass(frozen=True, slots=True)
class _Target:
    ref: str | None
    commit: CommitId
    name: str
    moved_from: CommitId | None
    """Where it was when the review began, if that is somewhere else."""


def _target(repository: Repository, revision: str | None, began: CommitId | None) -> _Target:
    name = revision or "HEAD"
    hint = "Name a branch or another revision with --target."
    commit = repository.named_commit("target", name, hint=hint)
    moved_from = began if began != commit else None
    return _Target(repository.branch_of(name), commit, name, moved_from)


def _check_landing(request: ReviewRequest, repository: Repository, target: _Target) -> None:
    """Refuses what cannot be landed as asked before anything long begins."""
    if not request.apply:
        return
    if request.onto_target:
        check_movable(target.ref)
    elif request.branch is not None:
        check_branch_name(repository, request.branch)


def _review_once(
    request: ReviewRequest, workplace: Workplace, target: _Target, progress: Progress
) -> ReviewOutcome:
    policy, policy_source = read_policy(workplace.quarantine, target.commit, request.policy_text)
    if request.allow_stale_clean:
        policy = policy.with_stale_clean()
    progress("collecting bundles")
    collected = (
        collect(request.daemon, workplace.repository.namespace, task_id=request.task_id)
        if request.daemon is not None
        else Collected()
    )
    case = _case(request, workplace, target, policy, collected)
    return review_case(request, workplace, case, target.name, policy_source, progress)


def review_case(
    request: ReviewRequest,
    workplace: Workplace,
    case: Case,
    target: str,
    policy_source: str,
    progress: Progress = lambda _: None,
) -> ReviewOutcome:
    """Judges a case and records what came out; of the request only how to verify and to keep.

    `target` is the name of the case's target.
    """
    policy = case.policy
    quarantine = workplace.quarantine.within(policy.limits)
    verifier = _verifier(request, quarantine, policy)
    runs = RecordingRuns(verifier)
    generator = SandboxGenerator(verifier, quarantine)
    now_secs = int(request.clock.now()) // 1000
    store = MergeStore(quarantine.merges_file, now_secs=now_secs)
    memory = Memory(store, workplace.git_version)
    judgement = judge(case, quarantine, runs, progress, memory, generator)
    review_id = request.ids.new()
    record: dict[str, Any] = {
        "review_id": review_id,
        "created_at": rfc3339(request.clock.now()),
        "repository": printable(workplace.repository.namespace),
        "target": {
            "ref": workplace.repository.branch_of(target),
            "name": target,
            "commit": case.target,
        },
        "git_version": workplace.git_version,
        "engine_version": ENGINE_VERSION,
        "readers": readers(),
        "policy": policy_to_json(policy, policy_source),
        **judgement_to_json(judgement),
        "inputs": {
            "case": encode_case(case),
            "command_runs": runs.runs,
            "generations": generator.made,
        },
    }
    record = printable(record)
    if request.keep:
        _keep(quarantine, record, case, judgement, generator.blobs)
    keep_days = policy.limits.reviews_keep_days
    memories = (store, SummaryCache(quarantine.summaries_file))
    prune_rarely(quarantine, memories, now_secs=now_secs, keep_days=keep_days)
    return ReviewOutcome(record)


def read_policy(
    quarantine: Quarantine, target: CommitId, text: str | None = None
) -> tuple[Policy, str]:
    """The policy of the target's commit (never of a bundle), or the one given, and its source."""
    if text is not None:
        return parse_policy(text), "given"
    content = quarantine.blob_at(target, POLICY_PATH)
    if content is None:
        return Policy.default(), "default"
    return decode_policy(content), POLICY_PATH


def _case(
    request: ReviewRequest,
    workplace: Workplace,
    target: _Target,
    policy: Policy,
    collected: Collected,
) -> Case:
    override = None
    if request.base:
        hint = "Name another revision with --base."
        override = workplace.repository.named_commit("base", request.base, hint=hint)
    quarantine = workplace.quarantine.within(policy.limits)
    intake = Intake(
        repository=workplace.repository,
        quarantine=quarantine,
        target=target.commit,
        limits=policy.limits,
        assumed_base=target.moved_from,
        base_override=override,
        directory=request.directory,
        readable=request.readable,
    )
    submissions, holdings = leave_out_superseded(
        intake.take_all(request.bundles),
        intake.take_all(left_by(request.bundles, collected.bundles)),
        collected.holdings,
        Admission(quarantine, policy),
    )
    case = Case(target.commit, policy, submissions, holdings, target.moved_from)
    # What is judged is what a replay reads from the record.
    return decode_case(orjson.loads(canonical_bytes(printable(encode_case(case)))))


def _verifier(request: ReviewRequest, quarantine: Quarantine, policy: Policy) -> Verifier:
    home = Home(request.home)
    return Verifier(
        quarantine,
        policy.verification,
        scratch=home.scratch,
        results=home.verification,
        environ=request.environ,
        clock=request.clock,
        hidden=request.hidden,
        use_bubblewrap=request.use_bubblewrap,
    )


def _keep(
    quarantine: Quarantine,
    record: Mapping[str, Any],
    case: Case,
    judgement: Judgement,
    made: set[ObjectId],
) -> None:
    """Keeps the record in the quarantine, with the objects that a replay needs."""
    commits = {case.moved_from} if case.moved_from else set()
    blobs = set(made)
    for submission in case.submissions:
        commits |= {commit for commit in (submission.base, submission.head) if commit}
        blobs |= {submission.patch} if submission.patch else set()
    if judgement.integration is not None:
        commits.add(judgement.integration.commit)
    keep_review(
        quarantine,
        record["review_id"],
        case.target,
        sorted(commits),
        sorted(blobs),
        canonical_bytes(record),
        seconds=int(datetime.fromisoformat(record["created_at"]).timestamp()),
    )


def _land(
    request: ReviewRequest, workplace: Workplace, target: _Target, outcome: ReviewOutcome
) -> ReviewOutcome:
    integration = outcome.record["integration"]
    if not request.apply or integration is None:
        return outcome
    landing = Landing(workplace.repository, workplace.quarantine, target.ref, target.commit)
    commit = CommitId(integration["commit"])
    review_id = outcome.record["review_id"]
    landed = (
        landing.onto_target(commit, review_id)
        if request.onto_target
        else landing.on_new_branch(commit, review_id, request.branch)
    )
    record = {**outcome.record, "integration": {**integration, "ref": landed.ref}}
    return ReviewOutcome(record, landed)
