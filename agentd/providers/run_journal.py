"""A run in the daemon: a task of one node that the run holds while it works, and its events.

Nobody else can lease the node: it requires a capability that only this run names. A run that dies
leaves a task whose lease runs out, which shows. Without a daemon nothing is kept, and the run goes
on all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from agentd.client.async_client import AsyncClient
from agentd.core.limits import GOAL_CHARS_MAX
from agentd.errors import AgentdError
from agentd.providers.agent_events import Refusal
from agentd.providers.lock_gate import Session
from agentd.providers.outcome import Ended, Outcome

_LEASE_SECS: Final = 300
_RENEWED_TIMES: Final = 3
_REFUSALS_MAX: Final = 200
"""How many are told to the journal; a program can try for ever."""


class RunJournal:
    """The task of one run."""

    def __init__(self, client: AsyncClient, session: Session) -> None:
        self._client = client
        self._session = session
        self._refusals = 0
        self._node: dict[str, str] = {}
        """The ids that every call about the node takes."""

    @property
    def task_id(self) -> str:
        """The task; empty where there is none."""
        return self._node.get("task_id", "")

    async def begin(self, goal: str, context: Mapping[str, Any]) -> None:
        """Registers the task and leases its node. Raises what the daemon answers."""
        capability = f"run:{self._session.owner}"
        task = await self._client.register_task(
            goal=goal[:GOAL_CHARS_MAX],
            context=context,
            initial_nodes=[{"key": "run", "requires": [capability], "max_attempts": 1}],
        )
        lease = await self._client.acquire_next_node(
            task_id=task.task_id,
            lease_owner=self._session.owner,
            provider=self._session.provider,
            capabilities=[capability],
            lease_secs=_LEASE_SECS,
        )
        if lease is not None:
            self._node = {
                "task_id": task.task_id,
                "node_id": lease.node_id,
                "lease_id": lease.lease_id,
            }

    async def keep(self) -> None:
        """Shows that the run is alive, until it is cancelled."""
        while self._node:
            await asyncio.sleep(_LEASE_SECS / _RENEWED_TIMES)
            try:
                await self._client.heartbeat_node(**self._node, lease_secs=_LEASE_SECS)
            except AgentdError:
                continue  # The daemon may come back in time.

    async def refused(self, refusal: Refusal) -> None:
        """Notes that something was not allowed."""
        self._refusals += 1
        if not self._node or self._refusals > _REFUSALS_MAX:
            return
        payload = {"reason": refusal.text, "refused_paths": list(refusal.paths)}
        await self._commit("edit.refused", payload)

    async def hand_in(self, payload: Mapping[str, Any]) -> int | None:
        """Journals the run's result, its bundle in it; the event's number. Raises what is wrong."""
        return await self._commit("result", payload) if self._node else None

    async def end(self, outcome: Outcome, summary: Mapping[str, Any]) -> None:
        """Ends the node as the run ended. Raises what the daemon answers."""
        if not self._node:
            return
        if outcome.ended is Ended.FAILED:
            payload = {"error": outcome.why, **summary}
            await self._client.call("FailNode", {**self._node, "error_payload": payload})
        else:
            await self._client.complete_node(**self._node, result_payload=dict(summary))
        self._node = {"task_id": self._node["task_id"]}

    async def _commit(self, action_type: str, payload: Mapping[str, Any]) -> int:
        committed = await self._client.commit_event(
            **self._node, action_type=action_type, payload=payload
        )
        return committed.seq
