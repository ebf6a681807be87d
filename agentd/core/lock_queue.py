"""Who waits for which locks, in which order, and whose wait would never end.

A request for locks joins the queue when it is received; from then on every later request that
overlaps it comes after it, so that nobody is overtaken. Pure: knows neither time nor the locks that
are held; it is told who blocks whom and what was freed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agentd.core.resource_keys import ResourceKey, covered_ranges, overlapping_keys
from agentd.core.states import LockMode

NOBODY = "anonymous"
"""The owner of a request that names none: many workers, so it takes part in no circle."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request for locks asks for."""

    namespace: str
    keys: tuple[ResourceKey, ...]
    mode: LockMode
    owner: str


@dataclass(slots=True, eq=False)
class Place:
    """A request's place in the queue."""

    order: int
    wanted: Wanted
    blockers: tuple[str, ...] = ()
    """Owners whose locks denied it the last time it was tried."""


_BucketKey = tuple[str, ResourceKey]


@dataclass(slots=True)
class LockQueue:
    """All waiting requests. Two of them conflict when keys overlap and not both are shared."""

    _next_order: int = 0
    _buckets: dict[_BucketKey, list[Place]] = field(default_factory=dict)
    """Waiting requests by each key that they name, oldest first."""
    _by_owner: dict[str, list[Place]] = field(default_factory=dict)
    _blocking: Counter[str] = field(default_factory=Counter)
    """How many waiting requests each owner blocks by its locks."""

    def join(self, wanted: Wanted) -> Place:
        """Puts a request at the end."""
        place = Place(self._next_order, wanted)
        self._next_order += 1
        for key in set(wanted.keys):
            self._buckets.setdefault((wanted.namespace, key), []).append(place)
        self._by_owner.setdefault(wanted.owner, []).append(place)
        return place

    def leave(self, place: Place) -> list[Place]:
        """Takes a request out. Those that may have waited only for it come back, in order."""
        wanted = place.wanted
        for key in set(wanted.keys):
            bucket = self._buckets[wanted.namespace, key]
            bucket.remove(place)
            if not bucket:
                del self._buckets[wanted.namespace, key]
        places = self._by_owner[wanted.owner]
        places.remove(place)
        if not places:
            del self._by_owner[wanted.owner]
        self.blocked(place, ())
        return self.freed((wanted.namespace, key) for key in wanted.keys)

    def blocked(self, place: Place, owners: tuple[str, ...]) -> None:
        """Notes whose locks have denied a waiting request."""
        self._blocking.subtract(place.blockers)
        self._blocking.update(owners)
        for owner in place.blockers:
            if not self._blocking[owner]:
                del self._blocking[owner]
        place.blockers = owners

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return not self._buckets

    def is_behind(self, wanted: Wanted, order: int | None = None) -> bool:
        """Whether a conflicting request waits that came before `order` (None: before now)."""
        return any(
            _first_conflict(bucket, wanted.mode, order) is not None
            for bucket in self._overlapping(wanted)
        )

    def freed(self, resources: Iterable[tuple[str, ResourceKey]]) -> list[Place]:
        """Requests to try again, oldest first, when nobody holds these resources any longer.

        Those that somebody who waits longer would keep out anyway are left out.
        """
        if not self._buckets:
            return []
        found: dict[int, Place] = {}
        for namespace, key in set(resources):
            wanted = Wanted(namespace, (key,), LockMode.EXCLUSIVE, NOBODY)
            for bucket in self._overlapping(wanted):
                found.update((place.order, place) for place in _front(bucket))
        return [
            place
            for order, place in sorted(found.items())
            if not self.is_behind(place.wanted, order)
        ]

    def circle(self, place: Place) -> list[str]:
        """The owners of a circle of waiting that this request closes, or nothing.

        An owner waits for those who hold what it asks for and for those who asked before it. Names
        are no credentials: an owner that waits for a lock of its own name is like any other.
        """
        start = place.wanted.owner
        holds_up_somebody = start in self._blocking or len(self._by_owner.get(start, ())) > 1
        if start == NOBODY or not holds_up_somebody:
            return []
        came_from: dict[str, str] = {}
        reached = [start]
        while reached:
            owner = reached.pop()
            for waited_for in self._waited_for(owner):
                if waited_for == start and owner != start:
                    return _path_back(start, owner, came_from)
                if waited_for not in came_from and waited_for not in (start, NOBODY):
                    came_from[waited_for] = owner
                    reached.append(waited_for)
        return []

    def _waited_for(self, owner: str) -> Iterator[str]:
        for place in self._by_owner.get(owner, ()):
            yield from place.blockers
            for bucket in self._overlapping(place.wanted):
                yield from (ahead.wanted.owner for ahead in _directly_ahead(bucket, place))

    def _overlapping(self, wanted: Wanted) -> Iterator[list[Place]]:
        namespace, buckets = wanted.namespace, self._buckets
        for key in wanted.keys:
            for name in overlapping_keys(key):
                if bucket := buckets.get((namespace, name)):
                    yield bucket
            if ranges := covered_ranges(key):
                for (other, name), bucket in buckets.items():
                    if other == namespace and any(r.start <= name < r.stop for r in ranges):
                        yield bucket


def _first_conflict(bucket: list[Place], mode: LockMode, order: int | None) -> Place | None:
    for place in bucket:
        if order is not None and place.order >= order:
            return None
        if mode is LockMode.EXCLUSIVE or place.wanted.mode is LockMode.EXCLUSIVE:
            return place
    return None


def _front(bucket: list[Place]) -> Iterator[Place]:
    """The requests on one key that conflict with nobody before them on that key."""
    for index, place in enumerate(bucket):
        exclusive = place.wanted.mode is LockMode.EXCLUSIVE
        if index == 0 or not exclusive:
            yield place
        if exclusive:
            return


def _directly_ahead(bucket: list[Place], place: Place) -> Iterator[Place]:
    """Who goes before `place` on one key, back to an exclusive one, who waits for the rest."""
    for index in range(bisect_left(bucket, place.order, key=_order) - 1, -1, -1):
        ahead = bucket[index]
        exclusive = ahead.wanted.mode is LockMode.EXCLUSIVE
        if exclusive or place.wanted.mode is LockMode.EXCLUSIVE:
            yield ahead
        if exclusive:
            return


def _order(place: Place) -> int:
    return place.order


def _path_back(start: str, last: str, came_from: dict[str, str]) -> list[str]:
    path = [start, last]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    path.reverse()
    return path
