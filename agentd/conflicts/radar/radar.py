"""Who meets whom while they work: the radar's picture, kept up to date one participant at a time.

A participant is a worktree or a bundle with its footprint on the target's tip. What changes about
one costs only its own meetings. Pure: it must not know where participants come from, when somebody
looks, or how a picture is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from agentd.conflicts.findings import BundleId
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.holding import HeldLock
from agentd.conflicts.hunk_overlap import HunkPair, span
from agentd.conflicts.merges.conflict_kinds import ConflictKind
from agentd.conflicts.pairs import Footprint, Meeting, find_meetings

ANONYMOUS: Final = "anonymous"
"""The owner of whoever gave no name: two of them need not be one."""


class Heat(StrEnum):
    """How close two participants are."""

    HOT = "hot"
    """Changed lines meet, or git says that the changes do not merge."""
    SYMBOLS = "symbols"
    """The texts merge, and one breaks what the other uses."""
    SOFT = "soft"
    """The same file in different places, or a file that one only declares."""

    @property
    def rank(self) -> int:
        """The hottest first."""
        return tuple(Heat).index(self)


class ParticipantKind(StrEnum):
    """What a participant is."""

    WORKTREE = "worktree"
    BUNDLE = "bundle"


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody's work as it is now, put onto the target's tip."""

    participant_id: BundleId
    kind: ParticipantKind
    name: str
    names: frozenset[str]
    """Under which it may hold locks and hand in bundles."""
    footprint: Footprint
    tree: TreeId | None = None
    """The tip with its change; None where there is no change to compare."""
    provider: str = ""
    intent: str = ""
    place: str = ""
    """The worktree's directory, or where the bundle was read from."""
    declared: tuple[str, ...] = ()
    """Where its change is not known: paths that it means to change, directories with all below."""
    against_target: tuple[str, ...] = ()
    """Paths in which it conflicts with the target."""
    trouble: str = ""
    """Why it cannot be seen, or not wholly."""

    @property
    def paths(self) -> tuple[str, ...]:
        """What it changes, or means to."""
        moved = (path for pair in self.footprint.renames for path in pair)
        return tuple(sorted({*self.footprint.by_path, *moved, *self.declared}))


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """One place where two participants meet."""

    path: str
    heat: Heat
    kind: str = ""
    """The kind of conflict; empty where there is none."""
    lines: tuple[tuple[int, int], ...] = ()
    """First and last line on the target; an insertion is behind its line."""
    symbol: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Encounter:
    """Two participants that meet."""

    left: BundleId
    right: BundleId
    spots: tuple[Spot, ...]
    identical: bool = False
    """Whether both change exactly the same into the same."""

    @property
    def heat(self) -> Heat:
        """That of the hottest spot."""
        return min((spot.heat for spot in self.spots), key=lambda heat: heat.rank)


@dataclass(frozen=True, slots=True)
class Trespass:
    """A participant that works on what somebody else has locked."""

    participant: BundleId
    lock: HeldLock
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that the radar sees at one moment, in an order that depends on nothing else."""

    participants: tuple[Participant, ...] = ()
    encounters: tuple[Encounter, ...] = ()
    trespasses: tuple[Trespass, ...] = ()

    @property
    def somebody_meets(self) -> bool:
        """Whether there is anything to talk about: with each other, a lock, or the target."""
        against = any(each.against_target for each in self.participants)
        return against or bool(self.encounters or self.trespasses)


@dataclass(frozen=True, slots=True)
class SymbolClash:
    """A name that one side changes and the other relies on."""

    path: str
    """Where what breaks stands."""
    symbol: str
    message: str
    changed_in: str = ""
    """Where the other side changes the name."""


class SymbolWatch(Protocol):
    """Whoever knows what the changed files define and use."""

    def clashes(self, left: Participant, right: Participant) -> Sequence[SymbolClash]:
        """What breaks when both changes are merged although their texts merge."""
        ...


AskGit = Callable[[TreeId, TreeId], tuple[str, ...] | None]
"""Paths in which two changed trees conflict; empty if they merge, None if git cannot tell now."""


class Radar:
    """The participants and their encounters; a new state of one costs only its own."""

    def __init__(self, ask_git: AskGit, symbols: SymbolWatch | None = None) -> None:
        self._ask_git = ask_git
        self._symbols = symbols
        self._participants: dict[BundleId, Participant] = {}
        self._by_key: dict[str, set[BundleId]] = defaultdict(set)
        self._encounters: dict[frozenset[BundleId], Encounter] = {}
        self._worktree_of: dict[BundleId, BundleId] = {}
        self._locks: tuple[HeldLock, ...] = ()
        self.compared = 0
        """Pairs compared so far: what changes cost."""

    def put(self, participant: Participant) -> bool:
        """Takes in a participant or its new state. False where nothing is new."""
        known = self._participants.get(participant.participant_id)
        if known == participant:
            return False
        if known is not None and _moves_alike(known, participant):
            self._participants[participant.participant_id] = participant
            return True
        self.drop(participant.participant_id)
        self._participants[participant.participant_id] = participant
        for other in self._near(participant):
            self._compare(participant, self._participants[other])
        for key in participant.footprint.occupies:
            self._by_key[key].add(participant.participant_id)
        return True

    def drop(self, participant_id: BundleId) -> bool:
        """Forgets a participant. False where there was none."""
        known = self._participants.pop(participant_id, None)
        if known is None:
            return False
        for key in known.footprint.occupies:
            self._by_key[key].discard(participant_id)
        for pair in [pair for pair in self._encounters if participant_id in pair]:
            del self._encounters[pair]
        return True

    def set_locks(self, locks: Iterable[HeldLock]) -> None:
        """The live locks."""
        self._locks = tuple(lock for lock in locks if lock.live)

    def picture(self) -> Picture:
        """What is to be seen now."""
        everybody = sorted(self._participants.values(), key=_place_in_line)
        line = {each.participant_id: index for index, each in enumerate(everybody)}
        encounters = sorted(
            self._encounters.values(),
            key=lambda each: (each.heat.rank, line[each.left], line[each.right]),
        )
        return Picture(
            tuple(everybody),
            tuple(encounters),
            tuple(
                found
                for each in everybody
                for found in trespasses(each, self._locks, self._names(each))
            ),
        )

    def _names(self, participant: Participant) -> frozenset[str]:
        """Its names, and those under which it has handed in bundles."""
        own = [
            bundle
            for bundle, worktree in self._worktree_of.items()
            if worktree == participant.participant_id and bundle in self._participants
        ]
        return participant.names.union(*(self._participants[bundle].names for bundle in own))

    def _near(self, participant: Participant) -> list[BundleId]:
        """Those that it could meet: all with declarations or symbols, else by shared keys."""
        if self._symbols is not None or participant.declared:
            return sorted(self._participants.keys() - {participant.participant_id})
        near = {each for key in participant.footprint.looks_for for each in self._by_key[key]}
        near |= {each for each, other in self._participants.items() if other.declared}
        return sorted(near - {participant.participant_id})

    def _compare(self, one: Participant, other: Participant) -> None:
        left, right = sorted((one, other), key=_place_in_line)
        self.compared += 1
        if self._same_hand(left, right):
            return
        found = meet(left, right, self._ask_git, self._symbols)
        if found is not None:
            self._encounters[frozenset((left.participant_id, right.participant_id))] = found

    def _same_hand(self, left: Participant, right: Participant) -> bool:
        """Whether it is one work twice: a worktree and a bundle that was made of it."""
        if left.kind is not right.kind:
            bundle, worktree = (
                (left, right) if left.kind is ParticipantKind.BUNDLE else (right, left)
            )
            # Once a worktree held all of a bundle's change, the bundle is that worktree's, also
            # when the work there goes on.
            if holds_all_of(worktree.footprint, bundle.footprint):
                self._worktree_of[bundle.participant_id] = worktree.participant_id
            if self._worktree_of.get(bundle.participant_id) == worktree.participant_id:
                return True
        return share_a_name(left.names, right.names)


def _place_in_line(participant: Participant) -> tuple[bool, str, str]:
    is_bundle = participant.kind is ParticipantKind.BUNDLE
    return is_bundle, participant.name, participant.participant_id


def share_a_name(left: frozenset[str], right: frozenset[str]) -> bool:
    """Whether two sets of names belong to one worker; having no name is none."""
    return bool((left & right) - {ANONYMOUS})


def _moves_alike(known: Participant, new: Participant) -> bool:
    """Whether the new state says something new that no encounter depends on."""
    return (known.names, known.declared, known.tree, known.footprint) == (
        new.names,
        new.declared,
        new.tree,
        new.footprint,
    )


def holds_all_of(whole: Footprint, part: Footprint) -> bool:
    """Whether a footprint leaves behind everything that another does."""
    return bool(part.files) and part.result <= whole.result


def meet(
    left: Participant, right: Participant, ask_git: AskGit, symbols: SymbolWatch | None = None
) -> Encounter | None:
    """Where two participants meet, or None."""
    spots: list[Spot] = []
    identical = False
    for meeting in find_meetings((left.footprint, right.footprint)):
        identical = meeting.identical
        spots += _spots(meeting, _gits_word(meeting, left, right, ask_git))
    met = {spot.path for spot in spots}
    spots += [Spot(path, Heat.SOFT) for path in _declared(left, right) if path not in met]
    if symbols is not None and not any(spot.heat is Heat.HOT for spot in spots):
        spots += [symbol_spot(clash) for clash in symbols.clashes(left, right)]
    return encounter_of(left, right, spots, identical=identical)


def symbol_spot(clash: SymbolClash) -> Spot:
    """The place where a name breaks."""
    return Spot(clash.path, Heat.SYMBOLS, symbol=clash.symbol, message=clash.message)


def encounter_of(
    left: Participant, right: Participant, spots: Iterable[Spot], *, identical: bool
) -> Encounter | None:
    """The encounter in some places; None where there are none."""
    ordered = tuple(sorted(spots, key=lambda spot: (spot.heat.rank, spot.path, spot.lines)))
    if not ordered:
        return None
    return Encounter(left.participant_id, right.participant_id, ordered, identical)


def _gits_word(
    meeting: Meeting, left: Participant, right: Participant, ask_git: AskGit
) -> tuple[str, ...] | None:
    """Only asked where lines cannot tell: a merge costs more than the whole picture."""
    if not meeting.ask_git or left.tree is None or right.tree is None:
        return None
    return ask_git(left.tree, right.tree)


def _spots(meeting: Meeting, gits_word: tuple[str, ...] | None) -> list[Spot]:
    hot: dict[str, str] = {}
    for kind, path in meeting.suspicions:
        # git takes two names that differ in case; a file system may not.
        twins = kind is ConflictKind.TREE and path not in meeting.paths
        if gits_word is None or path in gits_word or twins:
            hot.setdefault(path, kind.value)
    for path in gits_word or ():
        hot.setdefault(path, ConflictKind.RENAME.value if path not in meeting.paths else "content")
    spots = [
        Spot(path, Heat.HOT, kind, _lines(pair for pair in meeting.hunks if pair.path == path))
        for path, kind in hot.items()
    ]
    return spots + [Spot(path, Heat.SOFT) for path in meeting.paths if path not in hot]


def _lines(pairs: Iterable[HunkPair]) -> tuple[tuple[int, int], ...]:
    stretches = set()
    for pair in pairs:
        spans = span(pair.left), span(pair.right)
        start, end = min(first for first, _ in spans), max(last for _, last in spans)
        stretches.add((start + 1, end) if end > start else (start, start))
    return tuple(sorted(stretches))


def _declared(left: Participant, right: Participant) -> tuple[str, ...]:
    """The paths in which a mere declaration of one meets what the other changes or declares."""
    found = set()
    for one, other in ((left, right), (right, left)):
        for scope in one.declared:
            found |= {path for path in other.paths if covers(scope, path)}
    return tuple(sorted(found))


def trespasses(
    participant: Participant, locks: Sequence[HeldLock], names: frozenset[str]
) -> tuple[Trespass, ...]:
    """The locks of others over what a participant with these names works on."""
    own = [lock for lock in locks if lock.owner in names]
    unguarded = [path for path in participant.paths if not any(lock.covers(path) for lock in own)]
    found = []
    for lock in sorted(locks, key=lambda each: (each.resource_key, each.owner)):
        paths = tuple(path for path in unguarded if lock.covers(path))
        if paths and lock.owner not in names:
            found.append(Trespass(participant.participant_id, lock, paths))
    return tuple(found)


def covers(scope: str, path: str) -> bool:
    """Whether a path is another, or lies below it."""
    return scope in (path, ".") or path.startswith(f"{scope}/")
