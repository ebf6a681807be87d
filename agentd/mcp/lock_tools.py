"""The tools about locks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from mcp.server.mcpserver import Context
from pydantic import Field

from agentd.client.listing import all_locks_async
from agentd.core.resource_keys import ResourceKey
from agentd.core.states import LockMode
from agentd.errors import LeaseLost, NotFound
from agentd.hook.kin import MCP_CLIENT
from agentd.mcp.answers import Held, Holders, LockAnswer, Locks, Released, held
from agentd.mcp.errors import told
from agentd.mcp.ground import Ground, overlaps
from agentd.mcp.identity import Identity
from agentd.mcp.session import Session
from agentd.protocol.locks import GrantedLock, IfHeld

_WAIT_SECS_MAX: Final = 50
"""Clients give a tool a minute."""
_SHOWN_MAX: Final = 200
"""More locks only fill a model's context."""

Resource = Annotated[
    str,
    Field(description="A path such as src/app.py or src/, or a key: file:…, dir:…, artifact:…"),
]
INSTEAD: Final = (
    "Do not write it. Do other work, wait with wait_secs, or hand your change in with "
    "submit_bundle (with `patch`, without writing the file): a review decides on both."
)


class LockTools:
    """What a session can do with locks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def lock_acquire(
        self,
        resource: Resource,
        intent: Annotated[str, Field(description="What you are about to do; others see it.")],
        context: Context,
        ttl_secs: Annotated[int, Field(description="How long, without acquiring it again.")] = 900,
        wait_secs: Annotated[float, Field(ge=0, le=_WAIT_SECS_MAX)] = 0,
        shared: Annotated[bool, Field(description="Others may hold it shared, too.")] = False,
    ) -> LockAnswer:
        """Locks a file, directory or artifact of the repository for this session, or says who
        holds it. Do this before you edit a file. Acquiring what you hold renews it.
        """
        with told():
            ground, who = self._session.ground(), self._session.identity(context)
            key = ground.key(resource)
            if (blocker := await self._unnamed_holder(key, who)) is not None:
                return self._denied(key, blocker, who)
            acquire = partial(
                self._session.client.acquire_resource_lock,
                resource_key=key,
                owner=who.owner,
                provider=who.provider,
                namespace=ground.namespace,
                ttl_secs=ttl_secs,
                wait_secs=wait_secs,
                mode=LockMode.SHARED if shared else LockMode.EXCLUSIVE,
                metadata=self._metadata(intent),
                if_held=IfHeld.HOLDER,
            )
            try:
                answer = await acquire(lease_id=self._session.locks.get(key))
            except LeaseLost:
                self._session.locks.pop(key, None)
                answer = await acquire()
        if isinstance(answer, GrantedLock):
            self._session.locks[key] = answer.lease_id
            advice = "It is yours. Release it when your change is committed or handed in."
            return LockAnswer(
                granted=True,
                resource_key=key,
                expires_at=answer.expires_at,
                holder=None,
                advice=advice,
            )
        if answer is None:
            return self._denied(key, None, who)
        if self._session.is_hook_s(answer.holder.owner):
            return LockAnswer(
                granted=True,
                resource_key=key,
                expires_at=answer.holder.expires_at,
                holder=None,
                advice="The hook of your program holds it for you and renews it while you work.",
            )
        return self._denied(key, answer.holder.model_dump(mode="json"), who)

    async def lock_release(self, resource: Resource) -> Released:
        """Gives a lock of this session's back."""
        with told():
            key = self._session.ground().key(resource)
            lease_id = self._session.locks.get(key)
            if lease_id is None:
                raise NotFound("lock_not_found", f"this session does not hold {key}")
            try:
                await self._session.client.release_resource_lock(
                    resource_key=key, lease_id=lease_id
                )
                was_held = True
            except LeaseLost:
                was_held = False
            self._session.locks.pop(key, None)
        return Released(resource_key=key, was_held=was_held)

    async def locks_list(
        self,
        context: Context,
        prefix: Annotated[str, Field(description="Only keys that begin so, as file:src/.")] = "",
    ) -> Locks:
        """Lists the live locks of this repository: who holds what, until when, and why."""
        with told():
            found = await self._locks(self._session.ground(), prefix)
            who = self._session.identity(context)
        locks, left_out = self._shown(found, who)
        return Locks(locks=locks, left_out=left_out)

    async def who_holds(self, resource: Resource, context: Context) -> Holders:
        """Says who holds a lock that covers a file or directory, or a part of it."""
        with told():
            ground = self._session.ground()
            key = ground.key(resource)
            who = self._session.identity(context)
            locks = await self._locks(ground, "")
        there = [lock for lock in locks if overlaps(lock, key)]
        own = self._session.own_names(there, who)
        holders, left_out = self._shown(there, who)
        free = all(lock["owner"] in own for lock in there)
        return Holders(resource_key=key, free=free, holders=holders, left_out=left_out)

    async def _locks(self, ground: Ground, prefix: str) -> list[dict[str, Any]]:
        listed = await all_locks_async(self._session.client, {"prefix": prefix or None})
        return [lock for lock in listed if ground.is_about(lock)]

    def _shown(self, locks: Sequence[dict[str, Any]], who: Identity) -> tuple[list[Held], int]:
        """Locks as a model is shown them, others' first, and how many it is not shown."""
        own = self._session.own_names(locks, who)
        shown = sorted(locks, key=lambda lock: lock["owner"] in own)[:_SHOWN_MAX]
        return [held(lock, mine=lock["owner"] in own) for lock in shown], len(locks) - len(shown)

    async def _unnamed_holder(self, key: ResourceKey, who: Identity) -> dict[str, Any] | None:
        """Whoever holds it without having said in which repository: it may be this one."""
        listed = await all_locks_async(self._session.client, {"namespace": ""})
        there = [lock for lock in listed if lock["mode"] == "exclusive" and overlaps(lock, key)]
        own = self._session.own_names(there, who)
        return next((lock for lock in there if lock["owner"] not in own), None)

    def _metadata(self, intent: str) -> dict[str, str]:
        """What the lock says; the hook of the same program knows it by the program."""
        program = self._session.program
        return {"intent": intent, **({MCP_CLIENT: program} if program else {})}

    def _denied(self, key: ResourceKey, holder: dict[str, Any] | None, who: Identity) -> LockAnswer:
        shown, _ = self._shown([holder] if holder is not None else [], who)
        by = f"{shown[0].owner} holds it." if shown else "Somebody who came first waits for it."
        return LockAnswer(
            granted=False,
            resource_key=key,
            expires_at=None,
            holder=shown[0] if shown else None,
            advice=f"{by} {INSTEAD}",
        )
