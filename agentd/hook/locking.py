"""Gets a session the locks that it needs, all or none, or says who is in the way.

A session is known by its owner's name: what that name holds already never refuses it, nor what the
agent's program had locked by a tool of agentd's MCP server, which has another name for it. Locks
that carry no namespace may be about any repository and are respected, as everywhere in agentd.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from agentd.hook.kin import MCP_CLIENT
from agentd.hook.listing import listed_locks, refused
from agentd.hook.places import Place
from agentd.hook.session_file import KeptLease, SessionFile
from agentd.hook.wire import Call, Wire, WireError

_ASKED_ONE_BY_ONE_MAX: Final = 64
_LEASE_GONE: Final = frozenset({"lease_expired", "stale_lease", "lease_released", "lock_not_found"})


class Party(NamedTuple):
    """On whose behalf locks are taken."""

    owner: str
    names: frozenset[str]
    """Under which the session holds locks: its owner's name among them."""
    provider: str
    ttl_secs: int
    client: str
    """The process of the session's program; empty where it is not known."""


class Refusal(NamedTuple):
    """Somebody else is there."""

    resource_key: str
    """What was wanted."""
    holder: Mapping[str, Any] | None
    """The wire's `LockInfo`; None: somebody who came first waits for it."""


class Locking:
    """The locks of one session, through one connection."""

    def __init__(self, wire: Wire, party: Party, session: SessionFile, now: float) -> None:
        """`now` in Unix seconds."""
        self._wire = wire
        self._party = party
        self._session = session
        self._now = now

    def secure(
        self, places: Sequence[Place], metadata: Mapping[str, Mapping[str, Any]]
    ) -> Refusal | None:
        """Locks all the places, or none anew; None: they are the session's.

        `metadata` is what a namespace's locks say. Raises `DaemonTrouble`.
        """
        by_namespace: dict[str, list[Place]] = {}
        for place in dict.fromkeys(places):
            by_namespace.setdefault(place.repository.namespace, []).append(place)
        fresh: list[KeptLease] = []
        for namespace, wanted in by_namespace.items():
            refusal = self._unnamed_holder(wanted) or self._acquire(
                namespace, wanted, metadata[namespace], fresh
            )
            if refusal is not None:
                self.release(fresh)
                return refusal
        return None

    def renew(self, leases: Sequence[KeptLease]) -> None:
        """Moves the end of locks; those that were lost are forgotten."""
        answers = self._wire.ask([self._heartbeat(lease) for lease in leases])
        for lease, answer in zip(leases, answers, strict=True):
            if not isinstance(answer, WireError):
                self._session.keep(lease._replace(renewed_at=self._now, client=self._party.client))
            elif answer.reason in _LEASE_GONE:
                self._session.forget(lease)
            else:
                raise refused(answer)

    def release(self, leases: Sequence[KeptLease]) -> None:
        """Gives locks back. One that has ended in the meantime is as good as given back."""
        self._wire.ask(
            [
                Call(
                    "ReleaseResourceLock",
                    {"resource_key": lease.resource_key, "lease_id": lease.lease_id},
                )
                for lease in leases
            ]
        )
        for lease in leases:
            self._session.forget(lease)

    def _unnamed_holder(self, places: Sequence[Place]) -> Refusal | None:
        """Whoever holds one of the places without having said in which repository."""
        keys = [place.resource_key for place in places]
        locks = self._listed(keys, {"namespace": ""})
        return next(
            (
                Refusal(key, lock)
                for lock in locks
                if lock["mode"] == "exclusive" and not self._is_own(lock)
                for key in _overlapped(lock, keys)
            ),
            None,
        )

    def _acquire(
        self,
        namespace: str,
        places: Sequence[Place],
        metadata: Mapping[str, Any],
        fresh: list[KeptLease],
    ) -> Refusal | None:
        """Locks what the session does not hold; what it got is added to `fresh`."""
        known = self._session.leases
        keys = [place.resource_key for place in places]
        self.renew([known[namespace, key] for key in keys if (namespace, key) in known])
        wanted = [place for place in places if (namespace, place.resource_key) not in known]
        answer = self._try(namespace, wanted, metadata)
        own = set(self._party.names)
        while _is_denied(answer) and self._is_own(answer["holder"]):
            own.add(answer["holder"]["owner"])
            left = self._without_own(namespace, wanted, own)
            if len(left) == len(wanted):
                break
            wanted = left
            answer = self._try(namespace, wanted, metadata)
        if answer is None:
            return Refusal(wanted[0].resource_key, None)
        if _is_denied(answer):
            holder = answer["holder"]
            own_keys = [place.resource_key for place in wanted]
            return Refusal(next(iter(_overlapped(holder, own_keys)), own_keys[0]), holder)
        for place, lock in zip(wanted, answer["locks"], strict=True):
            lease = KeptLease(
                namespace,
                lock["resource_key"],
                lock["lease_id"],
                place.repository.worktree,
                self._now,
                self._party.client,
            )
            self._session.keep(lease)
            fresh.append(lease)
        return None

    def _try(
        self, namespace: str, places: Sequence[Place], metadata: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """The daemon's answer to the wish for all these locks."""
        if not places:
            return {"locks": []}
        [answer] = self._wire.ask(
            [
                Call(
                    "AcquireResourceLocks",
                    {
                        "resource_keys": [place.resource_key for place in places],
                        "owner": self._party.owner,
                        "provider": self._party.provider,
                        "ttl_secs": self._party.ttl_secs,
                        "namespace": namespace,
                        "metadata": metadata,
                        "if_held": "holder",
                    },
                )
            ]
        )
        if isinstance(answer, WireError):
            raise refused(answer)
        return answer if isinstance(answer, dict) else None

    def _is_own(self, lock: Mapping[str, Any]) -> bool:
        """Whether the session holds a lock, however it came by it."""
        client = self._party.client
        by_tool = client != "" and lock["metadata"].get(MCP_CLIENT) == client
        return by_tool or lock["owner"] in self._party.names

    def _without_own(
        self, namespace: str, places: Sequence[Place], names: Iterable[str]
    ) -> list[Place]:
        """The places that no exclusive lock covers which one of these names holds."""
        keys = [place.resource_key for place in places]
        covered = {
            key
            for name in sorted(names)
            for lock in self._listed(keys, {"namespace": namespace, "owner": name})
            if lock["mode"] == "exclusive"
            for key in _overlapped(lock, keys)
        }
        return [place for place in places if place.resource_key not in covered]

    def _listed(self, keys: Sequence[str], query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The locks that may cover files: of these and of directories, or of all where many."""
        prefixes = ["dir:", *keys] if len(keys) <= _ASKED_ONE_BY_ONE_MAX else ["dir:", "file:"]
        return listed_locks(self._wire, [{**query, "prefix": each} for each in prefixes])

    def _heartbeat(self, lease: KeptLease) -> Call:
        return Call(
            "HeartbeatResourceLock",
            {
                "resource_key": lease.resource_key,
                "lease_id": lease.lease_id,
                "ttl_secs": self._party.ttl_secs,
            },
        )


def _is_denied(answer: Mapping[str, Any] | None) -> TypeGuard[Mapping[str, Any]]:
    """Whether somebody holds what was wanted, and is named."""
    return answer is not None and answer.get("granted") is False


def _overlapped(lock: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Which keys a lock covers a part of."""
    from agentd.core.resource_keys import ResourceKey, overlap

    held = ResourceKey(lock["resource_key"])
    return [key for key in keys if overlap(held, ResourceKey(key))]
