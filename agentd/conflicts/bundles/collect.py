"""Finds the bundles: in lock metadata, in the journal, and in what the command line names.

Reads through `DaemonView`, a few calls of the wire protocol, and files that the user named. It must
not look into the repository: whether a bundle makes sense is decided later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from agentd.client.listing import all_locks
from agentd.conflicts.bundles.bundle import Bundle, HeadRevision, PatchText, Source, SourceKind
from agentd.conflicts.bundles.parsing import (
    holds_change,
    looks_like_bundle,
    parse_bundle,
    unnested,
)
from agentd.conflicts.findings import FindingKind, error
from agentd.conflicts.holding import HeldLock, Holdings

_LOCK_EVENTS: Final = ("lock.acquired", "lock.renewed", "lock.released", "lock.expired")
_FACT_EVENTS: Final = ("intent", "progress", "result", "conflict")
_PAGE: Final = 1_000
_FILE_BYTES_MAX: Final = 64 * 2**20
_FACT_RANK: Final = {"intent": 0, "progress": 1, "conflict": 1, "result": 2}


class DaemonView(Protocol):
    """Whoever passes a call on to the daemon; agentd's own blocking client is one."""

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The result of a method of the wire protocol, as plain JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class Collected:
    """What the daemon knows: bundles, and who holds or held what."""

    bundles: tuple[Bundle, ...] = ()
    holdings: Holdings = field(default_factory=Holdings)


@dataclass(frozen=True, slots=True)
class _LockFact:
    """One lock, with the newest metadata that it had."""

    lock: HeldLock
    metadata: Mapping[str, Any]
    token: int


@dataclass(frozen=True, slots=True)
class _Fact:
    """What an owner has said of a node, by the newest of its events that counts."""

    rank: int
    event: Mapping[str, Any]
    raw: Mapping[str, Any]


def collect(daemon: DaemonView, namespace: str, *, task_id: str | None = None) -> Collected:
    """Reads the daemon: all live and past locks of the repository, and all facts of the journal.

    What carries no namespace may be about any repository and counts as this one's. With `task_id`
    only that task's facts are read.
    """
    live = _live_facts(daemon, namespace)
    past = _past_facts(_events(daemon, _LOCK_EVENTS), namespace, live)
    facts = _newest_facts(_events(daemon, _FACT_EVENTS), namespace, task_id)
    of_locks = [*_lock_bundles(live, SourceKind.LOCK), *_lock_bundles(past, SourceKind.PAST_LOCK)]
    return Collected(
        without_superseded((*of_locks, *facts)),
        Holdings(tuple(fact.lock for fact in (*live, *past))),
    )


def live_locks(daemon: DaemonView, namespace: str) -> tuple[HeldLock, ...]:
    """The locks of the repository that are held now, however long the journal is."""
    return tuple(fact.lock for fact in _live_facts(daemon, namespace))


def _events(daemon: DaemonView, kinds: Sequence[str]) -> Iterable[Mapping[str, Any]]:
    after = 0
    while True:
        answer = daemon.call(
            "ListEvents", {"after_seq": after, "action_types": list(kinds), "limit": _PAGE}
        )
        page = answer["events"]
        yield from page
        if not page:  # A page may be shorter than was asked for, and others follow.
            return
        after = int(page[-1]["seq"] if len(page) == _PAGE else answer["last_seq"])


# Locks


def _is_ours(lock: Mapping[str, Any], namespace: str) -> bool:
    return (lock.get("namespace") or "") in ("", namespace)


def _live_facts(daemon: DaemonView, namespace: str) -> list[_LockFact]:
    return [_live_fact(lock) for lock in all_locks(daemon, {}) if _is_ours(lock, namespace)]


def _live_fact(lock: Mapping[str, Any]) -> _LockFact:
    held = replace(_held(lock), live=True)
    return _LockFact(held, _object(lock.get("metadata")), _integer(lock, "fencing_token"))


def _held(lock: Mapping[str, Any]) -> HeldLock:
    return HeldLock(
        resource_key=_text(lock, "resource_key"),
        owner=_text(lock, "owner") or "anonymous",
        provider=_text(lock, "provider") or "unknown",
        acquired_at=_text(lock, "acquired_at"),
        expires_at=_instant(lock.get("expires_at")),
        live=False,
        shared=lock.get("mode") == "shared",
    )


def _past_facts(
    events: Iterable[Mapping[str, Any]], namespace: str, live: Sequence[_LockFact]
) -> list[_LockFact]:
    """The locks that have ended, from the journal."""
    facts: dict[tuple[str, int], _LockFact] = {}
    for event in events:
        payload = _object(event.get("payload"))
        if not _is_ours(payload, namespace):
            continue
        # A fencing token is given out once, so it tells the locks of one key apart.
        key = (_text(event, "resource_key"), _integer(payload, "fencing_token"))
        known = facts.get(key)
        at = _text(event, "at")
        held = _held({**payload, **event, "acquired_at": known.lock.acquired_at if known else at})
        metadata = _object(payload.get("metadata")) or (known.metadata if known else {})
        facts[key] = _LockFact(held, metadata, key[1])
    current = {(fact.lock.resource_key, fact.token) for fact in live}
    return [fact for key, fact in facts.items() if key not in current]


def _lock_bundles(facts: Sequence[_LockFact], kind: SourceKind) -> list[Bundle]:
    return [_lock_bundle(fact, kind) for fact in facts if looks_like_bundle(fact.metadata)]


def _lock_bundle(fact: _LockFact, kind: SourceKind) -> Bundle:
    key = fact.lock.resource_key
    bundle = parse_bundle(
        fact.metadata,
        source=Source(kind, key, fact.lock.acquired_at),
        owner=fact.lock.owner,
        provider=fact.lock.provider,
    )
    if bundle.change is None and not bundle.touched_paths and key.startswith(("file:", "dir:")):
        # Whoever locks a path and says nothing else means to change that path.
        return replace(bundle, touched_paths=(key.partition(":")[2],))
    return bundle


# Facts of the journal


def _newest_facts(
    events: Iterable[Mapping[str, Any]], namespace: str, task_id: str | None
) -> list[Bundle]:
    """The newest bundle of each owner on each node; a result counts more than an intent.

    A later fact without a change, a note on progress say, takes back nothing: what it does not say
    stands as the earlier one has it.
    """
    newest: dict[tuple[str, str | None], _Fact] = {}
    for event in events:
        if task_id is not None and event.get("task_id") != task_id:
            continue
        raw = unnested(_object(event.get("payload")))
        if not looks_like_bundle(raw) or not _is_ours(raw, namespace):
            continue
        key = (str(raw.get("owner") or _text(event, "owner")), _optional(event, "node_id"))
        rank = _FACT_RANK.get(str(event.get("action_type")), 0)
        known = newest.get(key)
        if known is not None and rank < known.rank:
            continue
        if known is not None and holds_change(known.raw) and not holds_change(raw):
            # Its age and its place are those of the change.
            event, raw = known.event, {**known.raw, **raw}
        newest[key] = _Fact(rank, event, raw)
    return [_fact_bundle(fact) for fact in newest.values()]


def _fact_bundle(fact: _Fact) -> Bundle:
    event = fact.event
    return parse_bundle(
        fact.raw,
        source=Source(SourceKind.EVENT, str(event.get("event_id")), _text(event, "at")),
        owner=_text(event, "owner"),
        provider=_text(event, "provider"),
        task_id=_optional(event, "task_id"),
        node_id=_optional(event, "node_id"),
    )


def without_superseded(bundles: Sequence[Bundle]) -> tuple[Bundle, ...]:
    """Leaves out what the same owner has said again, newer or with the change at hand.

    - Equal metadata of several locks is one bundle.
    - A past lock's is superseded by anything newer of that owner with the same intent or paths.
    - Metadata without a change is superseded by a bundle of that owner that has one, if the intent
      or a path is the same.
    """
    folded = _fold_equal(bundles)
    return tuple(
        bundle
        for bundle in folded
        if not any(_supersedes(other, bundle) for other in folded if other is not bundle)
    )


def _fold_equal(bundles: Sequence[Bundle]) -> list[Bundle]:
    folded: dict[str, Bundle] = {}
    for bundle in bundles:
        key = repr(replace(bundle, sources=(), created_at=None, extra={}, findings=()))
        known = folded.get(key)
        if known is None:
            folded[key] = bundle
            continue
        dates = [date for date in (known.created_at, bundle.created_at) if date]
        folded[key] = replace(
            known,
            sources=known.sources + bundle.sources,
            created_at=min(dates) if dates else None,
        )
    return list(folded.values())


def left_by(named: Sequence[Bundle], collected: Sequence[Bundle]) -> tuple[Bundle, ...]:
    """Of the daemon's bundles those that none of the named ones supersedes."""
    return tuple(
        bundle for bundle in collected if not any(_supersedes(each, bundle) for each in named)
    )


def _supersedes(newer: Bundle, older: Bundle) -> bool:
    if newer.owner != older.owner or not _same_work(newer, older):
        return False
    if older.change is None and newer.change is not None:
        return True
    if newer.change is None and older.change is not None:
        return False
    is_past = all(source.kind is SourceKind.PAST_LOCK for source in older.sources)
    return is_past and (newer.created_at or "") > (older.created_at or "")


def _same_work(left: Bundle, right: Bundle) -> bool:
    if left.intent and left.intent == right.intent:
        return True
    if left.node_id is not None and left.node_id == right.node_id:
        return True
    if set(left.touched_paths) & set(right.touched_paths):
        return True
    return (
        not left.intent and not right.intent and not left.touched_paths and _same_key(left, right)
    )


def _same_key(left: Bundle, right: Bundle) -> bool:
    return bool(
        {source.detail for source in left.sources} & {source.detail for source in right.sources}
    )


# What the command line names


def from_bundle_file(path: Path) -> Bundle:
    """A bundle of a JSON file. What is wrong with the file is a finding on the bundle."""
    source = Source(SourceKind.BUNDLE_FILE, str(path))
    try:
        with path.open("rb") as file:
            data = orjson.loads(file.read(_FILE_BYTES_MAX + 1))
    except (OSError, ValueError) as failure:
        why = failure.strerror if isinstance(failure, OSError) else f"no JSON: {failure}"
        return _unreadable(path.stem, source, f"The bundle file {path} cannot be read ({why})")
    if not isinstance(data, dict):
        return _unreadable(path.stem, source, f"The bundle file {path} holds no JSON object")
    return parse_bundle(data, source=source, owner=path.stem)


def from_patch_file(path: Path, *, base: str | None = None) -> Bundle:
    """A bundle of a file with a unified diff; its owner is the file's name."""
    source = Source(SourceKind.PATCH_FILE, str(path))
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError as failure:
        return _unreadable(
            path.name, source, f"The patch file {path} cannot be read ({failure.strerror})"
        )
    return Bundle(path.name, "unknown", (source,), base_revision=base, change=PatchText(data))


def from_branch(revision: str, *, base: str | None = None) -> Bundle:
    """A bundle of a branch or any other revision; its owner is the name as given."""
    return Bundle(
        revision,
        "unknown",
        (Source(SourceKind.BRANCH, revision),),
        base_revision=base,
        change=HeadRevision(revision.removeprefix("git:")),
        branch=revision,
    )


def _unreadable(owner: str, source: Source, what: str) -> Bundle:
    found = error(
        FindingKind.CHANGE_UNREADABLE, f"{what}; correct it and name it again.", source.detail
    )
    return Bundle(owner, "unknown", (source,), findings=(found,))


# Small readings


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _integer(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key)
    return value if isinstance(value, int) else 0


def _optional(data: Mapping[str, Any], key: str) -> str | None:
    return _text(data, key) or None


def _instant(value: object) -> str | None:
    """A lock's end as a text: the wire has Unix seconds there."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else None
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
