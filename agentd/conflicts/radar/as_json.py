"""The radar's picture as JSON, and what is different between two pictures.

Pure: values in, JSON values out. It must not know where they are written to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agentd.conflicts.findings import BundleId
from agentd.conflicts.holding import HeldLock
from agentd.conflicts.radar.radar import Encounter, Participant, Picture, Spot, Trespass


class ChangeKind(StrEnum):
    """What happened between two pictures."""

    JOINED = "joined"
    """Somebody changes something who did not before."""
    WORKED = "worked"
    """Somebody changes other paths than before."""
    LEFT = "left"
    """Somebody changes nothing any more."""
    MET = "met"
    """Two meet, or meet in another way than before."""
    PARTED = "parted"
    """Two do not meet any more."""
    TRESPASSED = "trespassed"
    """Somebody works on what another has locked."""
    CLEARED = "cleared"
    """Somebody does not work on what another has locked any more, or the lock has ended."""
    FELL_BEHIND = "fell_behind"
    """Somebody's work conflicts with the target, in these paths."""
    CAUGHT_UP = "caught_up"
    """Somebody's work does not conflict with the target any more."""
    TROUBLED = "troubled"
    """Somebody's work cannot be seen, or not wholly."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two pictures. `people` are those whom it is about."""

    kind: ChangeKind
    people: tuple[Participant, ...]
    encounter: Encounter | None = None
    trespass: Trespass | None = None


def differences(before: Picture, after: Picture) -> tuple[Change, ...]:
    """What to tell somebody who knows the one picture, to have him know the other."""
    return (*_of_people(before, after), *_of_encounters(before, after), *_of_locks(before, after))


def _of_people(before: Picture, after: Picture) -> Iterator[Change]:
    was, now = _people(before), _people(after)
    for each_id, gone in was.items():
        if gone.paths and (each_id not in now or not now[each_id].paths):
            yield Change(ChangeKind.LEFT, (gone,))
    for each_id, each in now.items():
        old = was.get(each_id)
        old_paths = old.paths if old else ()
        if each.paths and each.paths != old_paths:
            yield Change(ChangeKind.WORKED if old_paths else ChangeKind.JOINED, (each,))
        behind = old.against_target if old else ()
        if each.against_target != behind:
            fell = ChangeKind.FELL_BEHIND if each.against_target else ChangeKind.CAUGHT_UP
            yield Change(fell, (each,))
        if each.trouble and each.trouble != (old.trouble if old else ""):
            yield Change(ChangeKind.TROUBLED, (each,))


def _of_encounters(before: Picture, after: Picture) -> Iterator[Change]:
    was = {(each.left, each.right): each for each in before.encounters}
    now = {(each.left, each.right): each for each in after.encounters}
    for pair, gone in was.items():
        if pair not in now:
            yield Change(ChangeKind.PARTED, _pair(gone, before), encounter=gone)
    for pair, each in now.items():
        if each != was.get(pair):
            yield Change(ChangeKind.MET, _pair(each, after), encounter=each)


def _of_locks(before: Picture, after: Picture) -> Iterator[Change]:
    was, now = _trespasses(before), _trespasses(after)
    for key, gone in was.items():
        if key not in now:
            people = (_people(before)[gone.participant],)
            yield Change(ChangeKind.CLEARED, people, trespass=gone)
    for key, each in now.items():
        if key not in was or was[key].paths != each.paths:
            people = (_people(after)[each.participant],)
            yield Change(ChangeKind.TRESPASSED, people, trespass=each)


def _people(picture: Picture) -> dict[BundleId, Participant]:
    return {each.participant_id: each for each in picture.participants}


def _pair(encounter: Encounter, picture: Picture) -> tuple[Participant, ...]:
    people = _people(picture)
    return people[encounter.left], people[encounter.right]


def _trespasses(picture: Picture) -> Mapping[tuple[str, ...], Trespass]:
    return {
        (each.participant, each.lock.resource_key, each.lock.owner): each
        for each in picture.trespasses
    }


def picture_to_json(picture: Picture) -> dict[str, Any]:
    """The whole picture. Participants are named by their ids."""
    return {
        "participants": [participant_to_json(each) for each in picture.participants],
        "meetings": [encounter_to_json(each) for each in picture.encounters],
        "locked": [trespass_to_json(each) for each in picture.trespasses],
    }


def change_to_json(change: Change) -> dict[str, Any]:
    """One difference."""
    told: dict[str, Any] = {
        "change": change.kind.value,
        "who": [_brief(each) for each in change.people],
    }
    if change.encounter is not None:
        told |= encounter_to_json(change.encounter)
    elif change.trespass is not None:
        told |= trespass_to_json(change.trespass)
    elif change.kind in (ChangeKind.JOINED, ChangeKind.WORKED):
        told["paths"] = list(change.people[0].paths)
    elif change.kind is ChangeKind.FELL_BEHIND:
        told["paths"] = list(change.people[0].against_target)
    elif change.kind is ChangeKind.TROUBLED:
        told["trouble"] = change.people[0].trouble
    return told


def participant_to_json(participant: Participant) -> dict[str, Any]:
    """A participant with the paths that it changes."""
    changes = [file.change for file in participant.footprint.files]
    return {
        **_brief(participant),
        "provider": participant.provider,
        "intent": participant.intent,
        "place": participant.place,
        "paths": list(participant.paths),
        "declared_only": bool(participant.declared),
        "additions": sum(change.additions for change in changes),
        "deletions": sum(change.deletions for change in changes),
        "against_target": list(participant.against_target),
        "trouble": participant.trouble,
    }


def _brief(participant: Participant) -> dict[str, str]:
    return {
        "id": participant.participant_id,
        "kind": participant.kind.value,
        "name": participant.name,
    }


def encounter_to_json(encounter: Encounter) -> dict[str, Any]:
    """A meeting, with the lines on the target in which it happens."""
    return {
        "left": encounter.left,
        "right": encounter.right,
        "heat": encounter.heat.value,
        "identical": encounter.identical,
        "spots": [spot_to_json(spot) for spot in encounter.spots],
    }


def spot_to_json(spot: Spot) -> dict[str, Any]:
    """A place."""
    told: dict[str, Any] = {
        "path": spot.path,
        "heat": spot.heat.value,
        "kind": spot.kind or None,
        "lines": [list(stretch) for stretch in spot.lines],
    }
    if spot.symbol:
        told |= {"symbol": spot.symbol, "message": spot.message}
    return told


def trespass_to_json(trespass: Trespass) -> dict[str, Any]:
    """A lock in somebody's way."""
    return {
        "participant": trespass.participant,
        "paths": list(trespass.paths),
        "lock": lock_to_json(trespass.lock),
    }


def lock_to_json(lock: HeldLock) -> dict[str, Any]:
    """A lock."""
    told = {name: value for name, value in lock.to_json().items() if name != "live"}
    return {**told, "mode": "shared" if lock.shared else "exclusive"}
