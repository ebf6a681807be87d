"""Participants and their meetings as far as one file or directory is concerned.

Pure. It must not know who asks about the path, or why.
"""

from __future__ import annotations

from dataclasses import replace

from agentd.conflicts.pairs import Footprint
from agentd.conflicts.radar.radar import (
    AskGit,
    Encounter,
    Heat,
    Participant,
    SymbolWatch,
    covers,
    encounter_of,
    meet,
    symbol_spot,
)


def narrowed(participant: Participant, scope: str) -> Participant:
    """The participant as far as a file, or a directory with all below, is concerned."""
    footprint = participant.footprint
    return replace(
        participant,
        footprint=Footprint(
            footprint.bundle_id,
            tuple(file for file in footprint.files if covers(scope, file.change.path)),
            tuple(pair for pair in footprint.renames if any(covers(scope, end) for end in pair)),
        ),
        declared=tuple(
            path for path in participant.declared if covers(scope, path) or covers(path, scope)
        ),
    )


def meet_at(
    scope: str, left: Participant, right: Participant, ask_git: AskGit, symbols: SymbolWatch | None
) -> Encounter | None:
    """Where two participants meet in a file, or a directory with all below, or None.

    Names count where they break or are changed there, wherever the other end of it is.
    """
    found = meet(narrowed(left, scope), narrowed(right, scope), ask_git)
    spots = list(found.spots) if found is not None else []
    if symbols is not None and (found is None or found.heat is not Heat.HOT):
        spots += [
            symbol_spot(clash)
            for clash in symbols.clashes(left, right)
            if covers(scope, clash.path) or covers(scope, clash.changed_in)
        ]
    return encounter_of(left, right, spots, identical=found is not None and found.identical)
