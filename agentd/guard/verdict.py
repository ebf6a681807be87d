"""Which of some changed paths somebody else has locked. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from agentd.core.resource_keys import ResourceKey, overlapping_keys


class Intrusion(NamedTuple):
    """A path that somebody else holds."""

    resource_key: str
    holder: Mapping[str, Any]
    """The wire's `LockInfo`."""


def intrusions(
    paths: Iterable[str], locks: Iterable[Mapping[str, Any]], names: Collection[str]
) -> list[Intrusion]:
    """The paths under exclusive locks of others, in their order, each with one holder.

    `paths` are relative to the repository, with `/`; `names` are those under which the caller holds
    locks himself.
    """
    theirs = {
        lock["resource_key"]: lock
        for lock in locks
        if lock["mode"] == "exclusive" and lock["owner"] not in names
    }
    found = []
    for path in dict.fromkeys(paths):
        # A file is locked by itself, as a directory, or by any directory above it.
        for key in overlapping_keys(ResourceKey(f"file:{path}")):
            if key in theirs:
                found.append(Intrusion(f"file:{path}", theirs[key]))
                break
    return found
