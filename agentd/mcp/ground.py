"""The repository that a session works in, and how its resources are called on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agentd.conflicts.bundles.whereabouts import find_worktree, place_within
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.review import open_workplace
from agentd.core.resource_keys import BadResourceKey, ResourceKey, normalise, overlap
from agentd.errors import InvalidParams, PermissionDenied

_PATH_KINDS: Final = ("file:", "dir:")
_OTHER_KINDS: Final = ("artifact:", "tool:")


@dataclass(frozen=True, slots=True)
class Ground:
    """A worktree."""

    worktree: Path
    namespace: str
    """Of the repository's locks."""

    def key(self, resource: str) -> ResourceKey:
        """The key of a resource: `file:…`, `dir:…`, `artifact:…`, `tool:…`, or a path.

        Paths may be absolute; a path that ends in a slash is a directory. Raises
        `bad_resource_key` and `path_outside_repository`.
        """
        kind, rest = _split(resource)
        if kind in _PATH_KINDS:
            if not rest:
                raise _bad(resource, "it names no path")
            try:
                inside = place_within(self.worktree / rest, self.worktree)
            except (ValueError, OSError) as error:
                raise _bad(resource, f"it is no path ({error})") from None
            if inside is None:
                raise PermissionDenied(
                    "path_outside_repository",
                    f"{rest} lies outside of {self.worktree}",
                    path=rest,
                )
            rest = inside
        try:
            return normalise(f"{kind}{rest}")
        except BadResourceKey as error:
            raise _bad(resource, str(error)) from None

    def is_about(self, lock: Mapping[str, object]) -> bool:
        """Whether a lock is one of this repository's, or says nothing of whose it is."""
        return lock["namespace"] in ("", self.namespace)

    def repository(self, home: Path) -> Repository:
        """The repository, as git sees it. Raises where it is none."""
        return open_workplace(self.worktree, home).repository


def _split(resource: str) -> tuple[str, str]:
    for kind in (*_PATH_KINDS, *_OTHER_KINDS):
        if resource.startswith(kind):
            return kind, resource.removeprefix(kind)
    return ("dir:" if resource.endswith("/") else "file:"), resource


def _bad(resource: str, rule: str) -> InvalidParams:
    return InvalidParams("bad_resource_key", f"{resource!r} is no resource: {rule}", rule=rule)


def find_ground(directory: Path, home: Path) -> Ground:
    """The worktree around a directory. Raises where there is none."""
    found = find_worktree(directory)
    if found is not None:
        return Ground(found.worktree, found.namespace)
    repository = open_workplace(directory, home).repository
    return Ground(repository.path, repository.namespace)


def overlaps(lock: Mapping[str, object], key: ResourceKey) -> bool:
    """Whether a lock covers a part of a resource."""
    return overlap(ResourceKey(str(lock["resource_key"])), key)
