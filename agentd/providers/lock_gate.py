"""Gets a session the locks of the files that it is about to change, or says who is in the way.

Drivers that are asked before a program writes ask here. It is the same rule as the hook's: all
paths of a change or none, what the session holds is no hindrance, a lock without a namespace counts
for every repository, and the policy says what happens when nobody can tell.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agentd.client.async_client import AsyncClient
from agentd.client.listing import all_locks_async
from agentd.core.limits import LOCKS_PER_REQUEST_MAX
from agentd.core.resource_keys import BadResourceKey, ResourceKey, normalise, overlap
from agentd.errors import AgentdError
from agentd.hook import refusal
from agentd.hook.options import Policy
from agentd.providers.agent_events import AgentEvent, Attention, AttentionLevel, Refusal

__all__ = ["Denial", "LockGate", "Policy", "Session"]

_RENEWED_TIMES: Final = 3
"""How often a lock is renewed in the time for which it was granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """On whose behalf locks are taken, and what they say."""

    owner: str
    provider: str
    worktree: Path
    """Without symbolic links."""
    namespace: str
    intent: str
    base_revision: str = ""
    ttl_secs: int = 900
    policy: Policy = Policy.GUARDED


@dataclass(frozen=True, slots=True)
class Denial:
    """A change that may not be made."""

    reason: str
    """For the model, too: who is in the way, until when, and what to do instead."""
    paths: tuple[str, ...]


class LockGate:
    """The locks of one session."""

    def __init__(
        self,
        client: AsyncClient,
        session: Session,
        *,
        now: Callable[[], float],
        tell: Callable[[AgentEvent], None],
    ) -> None:
        """`now` in Unix seconds; `tell` hears of refusals and of writes that nobody guards."""
        self._client = client
        self._session = session
        self._now = now
        self._tell = tell
        self._leases: dict[ResourceKey, str] = {}
        self._taking_turns = asyncio.Lock()
        self._was_unguarded = False

    @property
    def is_advisory(self) -> bool:
        """Whether it only tells who is in the way."""
        return self._session.policy is Policy.ADVISORY

    @property
    def held(self) -> frozenset[str]:
        """The keys of the locks that it has."""
        return frozenset(self._leases)

    async def ask(self, paths: Sequence[str]) -> Denial | None:
        """Takes the locks of some paths, all or none; None: they may be written."""
        async with self._taking_turns:
            denial = await self._denial(paths)
        if denial is None:
            return None
        if self._session.policy is Policy.ADVISORY:
            self._tell(Attention(AttentionLevel.NOTICE, denial.reason))
            return None
        self._tell(Refusal(denial.reason, denial.paths))
        return denial

    def refuse(self, reason: str, paths: Sequence[str] = ()) -> Denial:
        """A denial for another reason, told as any other."""
        denial = Denial(f"agentd: {reason}", tuple(paths))
        self._tell(Refusal(denial.reason, denial.paths))
        return denial

    async def keep(self) -> None:
        """Renews the locks until it is cancelled."""
        while True:
            await asyncio.sleep(self._session.ttl_secs / _RENEWED_TIMES)
            await self.renew()

    async def renew(self) -> None:
        """Moves the end of every lock; those that were lost are forgotten."""
        for key, lease in list(self._leases.items()):
            try:
                await self._client.heartbeat_resource_lock(
                    resource_key=key, lease_id=lease, ttl_secs=self._session.ttl_secs
                )
            except AgentdError as error:
                if error.reason not in ("daemon_unreachable", "connection_lost", "no_answer"):
                    self._leases.pop(key, None)
                    self._tell(Attention(AttentionLevel.NOTICE, f"lost the lock {key}"))

    async def release(self, *, without: frozenset[str]) -> None:
        """Gives back all locks but those of some keys."""
        for key, lease in list(self._leases.items()):
            if key in without:
                continue
            del self._leases[key]
            try:
                await self._client.release_resource_lock(resource_key=key, lease_id=lease)
            except AgentdError as error:  # It ends by itself, then.
                self._tell(Attention(AttentionLevel.INFO, f"{key}: {error.message}"))

    async def _denial(self, paths: Sequence[str]) -> Denial | None:
        try:
            keys = self._keys(paths)
            if len(keys) > LOCKS_PER_REQUEST_MAX:
                raise _Unclear(f"the change is in more than {LOCKS_PER_REQUEST_MAX:,} files")
            missing = [key for key in keys if key not in self._leases]
            reason = await self._taken(missing) if missing else None
        except _Unclear as trouble:
            return Denial(refusal.unanswered(str(trouble)), tuple(paths))
        except AgentdError as error:
            return self._without_answer(error, paths)
        return Denial(reason, tuple(paths)) if reason is not None else None

    def _without_answer(self, error: AgentdError, paths: Sequence[str]) -> Denial | None:
        no_daemon = error.reason == "daemon_unreachable"
        if no_daemon and self._session.policy is not Policy.STRICT:
            if not self._was_unguarded:
                self._was_unguarded = True
                why = refusal.unguarded(error.message)
                self._tell(Attention(AttentionLevel.NOTICE, why))
            return None
        return Denial(refusal.unanswered(error.message), tuple(paths))

    def _keys(self, paths: Sequence[str]) -> list[ResourceKey]:
        if not paths:
            raise _Unclear("the change names no file")
        keys: dict[ResourceKey, None] = {}
        for path in paths:
            try:
                keys |= {normalise(f"file:{name}"): None for name in self._names(path)}
            except (ValueError, OSError, RuntimeError, BadResourceKey) as error:
                # A RuntimeError is what links that lead in circles give.
                raise _Unclear(f"{path[:300]!r} can have no lock ({error})") from None
        return list(keys)

    def _names(self, path: str) -> tuple[str, ...]:
        """What a path is called in the worktree; two names where it is a symbolic link, which git
        keeps beside what it leads to. To say yes to a change is to allow it, so nothing outside of
        the worktree has a name."""
        top = self._session.worktree
        full = Path(os.path.normpath(top / path))
        names: dict[str, None] = {}
        for place in (full.parent.resolve() / full.name, full.resolve()):
            if not place.is_relative_to(top) or ".git" in place.relative_to(top).parts:
                raise _Unclear(f"{path[:300]!r} is no file of the worktree {top}")
            names[place.relative_to(top).as_posix()] = None
        return tuple(names)

    async def _taken(self, keys: Sequence[ResourceKey]) -> str | None:
        """Takes some locks; why not, where it cannot."""
        for lock in await all_locks_async(self._client, {"namespace": ""}):
            theirs = lock["owner"] != self._session.owner and lock["mode"] == "exclusive"
            met = [key for key in keys if overlap(ResourceKey(lock["resource_key"]), key)]
            if theirs and met:
                return refusal.held(met[0], lock, self._now())
        answer = await self._acquired(keys)
        if answer is not None and answer.get("granted") is False:
            holder = answer["holder"]
            if holder["owner"] != self._session.owner:
                return self._held(holder, keys)
            keys = await self._not_ours(keys)
            answer = await self._acquired(keys)
        if answer is None:
            return refusal.awaited(keys[0])
        if answer.get("granted") is False:
            return self._held(answer["holder"], keys)
        for key, lock in zip(keys, answer["locks"], strict=True):
            self._leases[key] = lock["lease_id"]
        return None

    async def _acquired(self, keys: Sequence[ResourceKey]) -> Any:
        """The daemon's answer to the wish for all these locks."""
        if not keys:
            return {"locks": []}
        return await self._client.call(
            "AcquireResourceLocks",
            {
                "resource_keys": list(keys),
                "owner": self._session.owner,
                "provider": self._session.provider,
                "ttl_secs": self._session.ttl_secs,
                "namespace": self._session.namespace,
                "metadata": self._metadata(),
                "if_held": "holder",
            },
        )

    async def _not_ours(self, keys: Sequence[ResourceKey]) -> list[ResourceKey]:
        """Those that no exclusive lock covers which the session holds, however it came by it."""
        of_session = {"namespace": self._session.namespace, "owner": self._session.owner}
        listed = await all_locks_async(self._client, of_session)
        own = [ResourceKey(lock["resource_key"]) for lock in listed if lock["mode"] == "exclusive"]
        return [key for key in keys if not any(overlap(each, key) for each in own)]

    def _held(self, holder: Mapping[str, Any], keys: Sequence[ResourceKey]) -> str:
        taken = ResourceKey(holder["resource_key"])
        met = next((key for key in keys if overlap(taken, key)), keys[0])
        return refusal.held(met, holder, self._now())

    def _metadata(self) -> dict[str, str]:
        base = self._session.base_revision
        return {
            "intent": self._session.intent,
            **({"base_revision": base} if base else {}),
            "enforcement": self._session.policy.value,
        }


class _Unclear(Exception):
    """It cannot be said which locks a change needs."""
