"""The bundles that the daemon knows as participants, and the journal behind them, read once.

A bundle that is the work of a worktree is not a second participant: it lends the worktree its
owner's name. Work that is in the target, and declarations whose lock has ended, are history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agentd.conflicts.bundles.admission import Admission, Candidate
from agentd.conflicts.bundles.bundle import Bundle, HeadRevision, SourceKind, WorktreeState
from agentd.conflicts.bundles.collect import DaemonView, collect
from agentd.conflicts.bundles.intake import Intake
from agentd.conflicts.bundles.parsing import looks_like_bundle
from agentd.conflicts.bundles.readable_files import real_place
from agentd.conflicts.git.names import CommitId
from agentd.conflicts.git.repository import Worktree
from agentd.conflicts.holding import Holdings
from agentd.conflicts.pairs import Footprint
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.radar.ground import Ground
from agentd.conflicts.radar.radar import Participant, ParticipantKind
from agentd.conflicts.review import Workplace
from agentd.errors import AgentdError

FOLLOWED: Final = (
    *("lock.acquired", "lock.renewed", "lock.released", "lock.expired"),
    *("intent", "progress", "result", "conflict"),
)
"""The events that can change what a bundle is, or who holds what."""
_PAGE: Final = 1_000
_LOCK_PREFIX: Final = "lock."


@dataclass(slots=True)
class KnownJournal:
    """A view of the daemon that reads each event once, and keeps what bundles can be made of.

    The events of one lock are kept as one, with its first time and place and its newest metadata.
    """

    daemon: DaemonView
    last_seq: int = 0
    _events: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Answers `ListEvents` from what is known, with what is new; passes the rest on."""
        asked = params or {}
        if method != "ListEvents":
            return self.daemon.call(method, asked)
        if asked["after_seq"] == 0:
            self.read()
        kinds = set(asked["action_types"])
        found = sorted(
            (
                event
                for event in self._events.values()
                if event["action_type"] in kinds and event["seq"] > asked["after_seq"]
            ),
            key=lambda event: int(event["seq"]),
        )
        return {"events": found[: asked["limit"]], "last_seq": self.last_seq}

    def read(self) -> None:
        """Takes in what happened since the last time."""
        while True:
            asked = {"after_seq": self.last_seq, "action_types": list(FOLLOWED), "limit": _PAGE}
            answer = self.daemon.call("ListEvents", asked)
            for event in answer["events"]:
                self._keep(event)
            self.last_seq = max(self.last_seq, int(answer["last_seq"]))
            if not answer["events"]:  # A page may be shorter than was asked for.
                return

    def _keep(self, event: dict[str, Any]) -> None:
        payload = event.get("payload")
        if not isinstance(payload, dict):
            return
        if not str(event["action_type"]).startswith(_LOCK_PREFIX):
            if looks_like_bundle(payload):
                self._events[("fact", str(event["event_id"]))] = event
            return
        key = (_LOCK_PREFIX, str(event["resource_key"]), str(payload.get("fencing_token")))
        known = self._events.get(key)
        if known is not None:
            metadata = payload.get("metadata") or known["payload"].get("metadata")
            first = {name: known[name] for name in ("seq", "at")}
            event = {**event, **first, "payload": {**payload, "metadata": metadata}}
        self._events[key] = event


@dataclass(frozen=True, slots=True)
class SeenBundles:
    """What the daemon knows, as the radar takes it."""

    participants: tuple[Participant, ...] = ()
    holdings: Holdings = field(default_factory=Holdings)
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Directory of a worktree to the owners whose bundles are the work that is done there."""


class BundleSight:
    """Sees the bundles of one repository; each is read and applied once."""

    def __init__(self, workplace: Workplace, ground: Ground) -> None:
        self._workplace = workplace
        self._ground = ground
        # Only its limits count here: who may change what is for the review to say.
        self._policy = Policy.default()
        self._candidates: dict[str, Candidate] = {}

    def see(self, journal: DaemonView, worktrees: Sequence[Worktree]) -> SeenBundles:
        """The bundles as they are now. Raises where the daemon cannot be asked."""
        collected = collect(journal, self._workplace.repository.namespace)
        owners: dict[str, set[str]] = {}
        seen: dict[str, Participant] = {}
        used: set[str] = set()
        for bundle in collected.bundles:
            worktree = self._worktree_of(bundle, worktrees)
            if worktree is not None:
                owners.setdefault(str(worktree.path), set()).add(bundle.owner)
                continue
            key = self._key(bundle)
            used.add(key)
            participant = self._participant(bundle, key)
            if participant is not None:
                known = seen.get(participant.participant_id)
                seen[participant.participant_id] = (
                    participant
                    if known is None
                    else replace(known, names=known.names | participant.names)
                )
        self._candidates = {key: self._candidates[key] for key in used & self._candidates.keys()}
        return SeenBundles(
            tuple(seen.values()),
            collected.holdings,
            {place: frozenset(names) for place, names in owners.items()},
        )

    def _worktree_of(self, bundle: Bundle, worktrees: Iterable[Worktree]) -> Worktree | None:
        """The worktree whose state a bundle is, by what it says."""
        for worktree in worktrees:
            match bundle.change:
                case WorktreeState(path):
                    if real_place(self._workplace.repository.root, path) == worktree.path:
                        return worktree
                case HeadRevision(revision):
                    branch = worktree.branch
                    if branch in (revision, f"refs/heads/{revision}") and branch is not None:
                        return worktree
                case _:
                    pass
        return None

    def _key(self, bundle: Bundle) -> str:
        """Equal for bundles that apply equally: what it says, and what its names mean today."""
        said = repr(replace(bundle, sources=(), created_at=None, extra={}, findings=()))
        means: list[CommitId | None] = []
        if isinstance(bundle.change, HeadRevision):
            means.append(self._workplace.repository.commit_of(bundle.change.revision))
        if bundle.base_revision is None:
            means.append(self._ground.tip)
        return repr((said, means))

    def _candidate(self, bundle: Bundle, key: str) -> Candidate:
        known = self._candidates.get(key)
        if known is None:
            quarantine = self._workplace.quarantine.within(self._policy.limits)
            intake = Intake(
                repository=self._workplace.repository,
                quarantine=quarantine,
                target=self._ground.tip,
                limits=self._policy.limits,
            )
            admission = Admission(quarantine, self._policy)
            (known,) = admission.admit([intake.take(bundle)])
            self._candidates[key] = known
        return known

    def _participant(self, bundle: Bundle, key: str) -> Participant | None:
        try:
            candidate = self._candidate(bundle, key)
        except AgentdError as failure:
            if failure.reason != "git_failed":
                raise
            return None  # Not a verdict: it is tried again when something happens.
        plain = Participant(
            participant_id=candidate.bundle_id,
            kind=ParticipantKind.BUNDLE,
            name=bundle.owner,
            names=frozenset({bundle.owner}),
            footprint=Footprint(candidate.bundle_id, ()),
            provider=bundle.provider,
            intent=bundle.intent,
            place=bundle.sources[0].detail if bundle.sources else "",
        )
        if candidate.tree is None or candidate.base_tree is None:
            ended = all(source.kind is SourceKind.PAST_LOCK for source in bundle.sources)
            if ended or not bundle.touched_paths:
                return None
            trouble = candidate.errors[0].message if candidate.errors else ""
            return replace(plain, declared=bundle.touched_paths, trouble=trouble)
        placed = self._ground.place(candidate.base_tree, candidate.tree)
        footprint = self._ground.footprint(candidate.bundle_id, placed)
        if not footprint.files:
            return None  # It is in the target already.
        return replace(
            plain, footprint=footprint, tree=placed.tree, against_target=placed.conflicts
        )
