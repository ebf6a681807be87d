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

from agentd.conflicts.bundles.json_fields import FieldProblem, Fields
from agentd.conflicts.case_codec import decode_case
from agentd.conflicts.checks.generators import RecordedGenerator, decode_generations
from agentd.conflicts.checks.recorded_runs import RecordedRuns, decode_runs
from agentd.conflicts.findings import FindingKind
from agentd.conflicts.git.archive import is_whole, kept_reviews, missing_objects, record_of
from agentd.conflicts.judgement import Case, Judgement, judge
from agentd.conflicts.record import (
    ENGINE_VERSION,
    canonical_bytes,
    decisions_bytes,
    judgement_to_json,
    other_readers,
)
from agentd.conflicts.review import Workplace, open_workplace
from agentd.errors import DependencyFailed, InvalidParams, NotFound


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
    other_readers: tuple[str, ...]
    """Which languages of the bundles are read otherwise here, so that names may be, too."""


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
            f"{len(ids) or 'no'} kept reviews of this repository have the id {review_id!r}",
            hint="Call ListDecisions, or `agentd-coord decisions`, for the ids.",
        )
    record = orjson.loads(kept)
    if not isinstance(record, dict):
        raise NotFound("review_not_found", f"what is kept of review {review_id!r} is no record")
    return record


def replay_record(workplace: Workplace, record: Mapping[str, Any]) -> Replay:
    """Judges a record again. The record must have its inputs, so not the daemon's copy."""
    inputs = record.get("inputs")
    if inputs is None:
        return replay_record(workplace, kept_record(workplace, str(record["review_id"])))
    if record.get("engine_version") != ENGINE_VERSION:
        raise NotFound(
            "review_not_found",
            f"the review was made by version {record.get('engine_version')} of the engine, and "
            f"this is version {ENGINE_VERSION}",
            hint="Replay it with the agentd that made it, or review again.",
        )
    review_id = str(record.get("review_id"))
    case, runs, generator = _inputs(review_id, record)
    judgement = _judged(workplace, review_id, case, runs, generator, _unreadable(record))
    made = judgement_to_json(judgement)
    again = {**record, **made}
    same = decisions_bytes(again) == decisions_bytes(record)
    differences = [
        part
        for part in sorted(made)
        if canonical_bytes(_comparable(part, made[part]))
        != canonical_bytes(_comparable(part, record.get(part)))
    ]
    return Replay(review_id, again, same, tuple(differences), other_readers(record))


def _inputs(
    review_id: str, record: Mapping[str, Any]
) -> tuple[Case, RecordedRuns, RecordedGenerator]:
    try:
        whole = Fields(record, "record")
        whole.text("repository")
        whole.member("target").text("commit")
        inputs = whole.member("inputs")
        return (
            decode_case(inputs.json("case")),
            decode_runs(inputs, "command_runs"),
            decode_generations(inputs, "generations"),
        )
    except FieldProblem as wrong:
        raise InvalidParams(
            "invalid_field",
            f"review {review_id} cannot be replayed: in its record {wrong}",
            hint="Name a record as the review wrote it, or the review's id.",
            path=wrong.path,
            rule=wrong.rule,
        ) from None


def _judged(
    workplace: Workplace,
    review_id: str,
    case: Case,
    runs: RecordedRuns,
    generator: RecordedGenerator,
    unreadable: int,
) -> Judgement:
    """Judges the case; `unreadable` findings were there when it was judged first."""
    quarantine = workplace.quarantine.within(case.policy.limits)
    needed: dict[str, str] = {case.target: "its target"}
    if case.moved_from is not None:
        needed.setdefault(case.moved_from, "its target's first tip")
    for each in case.submissions:
        for found in (each.base, each.head, each.patch, each.branch_head):
            if found is not None:
                needed.setdefault(found, f"the bundle of {each.bundle.owner}")
    for blob in generator.blobs:
        needed.setdefault(blob, "a generated file")
    missing = missing_objects(quarantine, list(needed))
    if missing:
        first = missing[0]
        raise _gone(review_id, f"the object {first[:12]} of {needed[first]} is gone")
    why: DependencyFailed | None = None
    try:
        judgement = judge(case, quarantine, runs, generator=generator)
        if _unreadable({"findings": [each.to_json() for each in judgement.findings]}) <= unreadable:
            return judgement
    except DependencyFailed as failure:
        if failure.reason != "git_failed":
            raise
        why = failure
    commits = [each for each in needed if not is_whole(quarantine, each)]
    if commits:
        damaged = f"{needed[commits[0]]} ({commits[0][:12]}) is no longer whole: files are gone"
        raise _gone(review_id, damaged) from why
    if why is not None:
        raise why
    return judgement


def _unreadable(record: Mapping[str, Any]) -> int:
    """How many bundles of a record could not be read."""
    kind = FindingKind.OBJECTS_UNREADABLE.value
    return sum(1 for each in record.get("findings") or () if each.get("kind") == kind)


def _gone(review_id: str, what: str) -> NotFound:
    return NotFound(
        "review_not_found",
        f"review {review_id} cannot be replayed: {what} from the repository and from the quarantine"
        ", as after a rewritten history is pruned",
        hint="Its record still says what was decided and why; for a new verdict, review again.",
    )


def _comparable(part: str, value: Any) -> Any:
    """A part of a record without what landing added to it."""
    if part == "integration" and isinstance(value, Mapping):
        return {**value, "ref": None}
    return value
