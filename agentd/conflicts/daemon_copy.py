"""The copy of a review's record that the daemon's journal takes: one that fits into a line.

The whole record stays in the quarantine, where replays read it, and with whoever asked for it. Of
many bundles the copy leaves out, step by step, what is missed least: what was decided on whom, and
what settled it, goes last. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agentd.conflicts.record import canonical_bytes

BYTES_MAX: Final = 900_000
"""The daemon takes a line of 1 MiB unless it is set otherwise; this leaves room for the request."""
_OUTPUT_CHARS: Final = 500
_MESSAGE_CHARS: Final = 200
_PATHS: Final = 3

_Record = dict[str, Any]


def for_daemon(record: Mapping[str, Any], bytes_max: int = BYTES_MAX) -> _Record:
    """The record without its inputs, `shortened` as far as it has to be.

    A copy that is too large all the same is the shortest that says what was decided on whom.
    """
    slim = {key: value for key, value in record.items() if key != "inputs"}
    for shorten in _STEPS:
        if len(canonical_bytes(slim)) <= bytes_max:
            break
        slim = shorten(slim) | {"shortened": True}
    return slim


def _without_details(record: _Record) -> _Record:
    return record | {
        "findings": [{**found, "evidence": {}} for found in record["findings"]],
        "bundles": [{**each, "changes": []} for each in record["bundles"]],
        "closed": [{**each, "changes": []} for each in record["closed"]],
        "verification": [
            {**each, "output_tail": each["output_tail"][-_OUTPUT_CHARS:]}
            for each in record["verification"]
        ],
    }


def _without_evidence(record: _Record) -> _Record:
    ledger = record["ledger"]
    return record | {
        "decisions": [
            {**each, "reasons": [{**reason, "evidence": {}} for reason in each["reasons"]]}
            for each in record["decisions"]
        ],
        "edges": [],
        "ledger": ledger and {**ledger, "bundles": []},
    }


def _without_notes(record: _Record) -> _Record:
    """Of bundles whose they are and what they change; of findings those that stop somebody."""
    return record | {
        "bundles": [_named(each) for each in record["bundles"]],
        "closed": [_named(each) for each in record["closed"]],
        "findings": [found for found in record["findings"] if found["severity"] == "error"],
        "interactions": [],
    }


def _without_reasons(record: _Record) -> _Record:
    """Of decisions what settled them; of findings who is set against whom."""
    return record | {
        "decisions": [
            {**each, "reasons": [_in_short(reason) for reason in each["reasons"][:1]]}
            for each in record["decisions"]
        ],
        "findings": [
            {**_in_short(found), "evidence": {}}
            for found in record["findings"]
            if len(found["bundles"]) > 1
        ],
        "verification": record["verification"][:20],
    }


def _without_explanations(record: _Record) -> _Record:
    """Of who is set against whom only that: what was decided on them says why."""
    return record | {"findings": [{**found, "message": ""} for found in record["findings"]]}


def _without_words(record: _Record) -> _Record:
    return record | {
        "bundles": [{**each, "paths": []} for each in record["bundles"]],
        "decisions": [
            {**each, "reasons": [{**reason, "message": ""} for reason in each["reasons"]]}
            for each in record["decisions"]
        ],
        "findings": [],
        "closed": [],
    }


_STEPS: Final[tuple[Callable[[_Record], _Record], ...]] = (
    _without_details,
    _without_evidence,
    _without_notes,
    _without_reasons,
    _without_explanations,
    _without_words,
)


def _named(bundle: Mapping[str, Any]) -> _Record:
    source = bundle["source"]
    return {
        "bundle_id": bundle["bundle_id"],
        "owner": bundle["owner"],
        "provider": bundle["provider"],
        "source": {key: source[key] for key in ("kind", "task_id", "node_id")},
        "tree": bundle["tree"],
        "paths": bundle["paths"][:_PATHS],
    }


def _in_short(said: Mapping[str, Any]) -> _Record:
    message = said["message"]
    if len(message) > _MESSAGE_CHARS:
        message = message[: _MESSAGE_CHARS - 1] + "…"
    return {**said, "message": message}
