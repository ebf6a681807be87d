"""Judges an earlier review again from what was kept of it: offline, and without running a command.

It must not look at the user's refs, at the daemon or at any file of a bundle: all inputs are in the
record, all objects in the quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from agentd.conflicts.archive import kept_reviews, record_of
from agentd.conflicts.case_codec import decode_case
from agentd.conflicts.judgement import judge
from agentd.conflicts.record import (
    ENGINE_VERSION,
    canonical_bytes,
    decisions_bytes,
    judgement_to_json,
)
from agentd.conflicts.recorded_runs import RecordedRuns
from agentd.conflicts.review import Workplace, open_workplace
from agentd.errors import NotFound


@dataclass(frozen=True, slots=True)
class Replay:
    """A review, judged again."""

    review_id: str
    record: dict[str, Any]
    """The record with what was judged now."""
    same_decisions: bool
    """Byte for byte."""
    differences: tuple[str, ...]
    """The parts of the record that came out otherwise."""


def replay(repository: Path, home: Path, review_id: str) -> Replay:
    """Judges a review again by its id, or the beginning of it. Raises `review_not_found`."""
    workplace = open_workplace(repository, home)
    return replay_record(workplace, kept_record(workplace, review_id))


def kept_record(workplace: Workplace, review_id: str) -> dict[str, Any]:
    """The whole record of a review of this repository, inputs included."""
    quarantine = workplace.quarantine
    ids = kept_reviews(quarantine, review_id.lower()) if review_id else ()
    kept = record_of(quarantine, ids[0]) if len(ids) == 1 else None
    if kept is None:
        raise NotFound(
            "review_not_found",
            f"{len(ids) or 'No'} kept reviews of this repository have the id {review_id!r}.",
            hint="Call ListDecisions, or `agentd-coord decisions`, for the ids.",
        )
    record = orjson.loads(kept)
    if not isinstance(record, dict):
        raise NotFound("review_not_found", f"What is kept of review {review_id!r} is no record.")
    return record


def replay_record(workplace: Workplace, record: Mapping[str, Any]) -> Replay:
    """Judges a record again. The record must have its inputs, so not the daemon's copy."""
    inputs = record.get("inputs")
    if inputs is None:
        return replay_record(workplace, kept_record(workplace, str(record["review_id"])))
    if record.get("engine_version") != ENGINE_VERSION:
        raise NotFound(
            "review_not_found",
            f"The review was made by version {record.get('engine_version')} of the engine, and "
            f"this is version {ENGINE_VERSION}.",
            hint="Replay it with the agentd that made it, or review again.",
        )
    case = decode_case(inputs["case"])
    quarantine = workplace.quarantine.with_timeout(case.policy.limits.git_timeout_secs)
    judgement = judge(case, quarantine, RecordedRuns(inputs["command_runs"]))
    made = judgement_to_json(judgement)
    again = {**record, **made}
    same = decisions_bytes(again) == decisions_bytes(record)
    differences = [
        part
        for part in sorted(made)
        if canonical_bytes(_comparable(part, made[part]))
        != canonical_bytes(_comparable(part, record.get(part)))
    ]
    return Replay(str(record["review_id"]), again, same, tuple(differences))


def _comparable(part: str, value: Any) -> Any:
    """A part of a record without what landing added to it."""
    if part == "integration" and isinstance(value, Mapping):
        return {**value, "ref": None}
    return value
