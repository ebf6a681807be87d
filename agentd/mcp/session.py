"""What a session has in hand: a connection to the daemon, and the leases of its locks and nodes.

The model never sees a lease: it names the resource or the node, and the session shows the lease.
Leased nodes are renewed as long as the session lasts, since a model cannot do two things at a time.
Locks are not: each lasts as long as it was asked for, so that a forgotten one ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mcp.server.mcpserver import Context

from agentd.client.async_client import AsyncClient
from agentd.errors import AgentdError, InvalidParams, LeaseLost
from agentd.hook import kin
from agentd.hook.session_file import clients_of
from agentd.mcp.ground import Ground, find_ground
from agentd.mcp.identity import Identity
from agentd.settings import Settings

_HEARTBEAT_SECS: Final = 20.0
"""Nodes are leased for longer than three times that."""
NODE_LEASE_SECS: Final = 90


@dataclass(frozen=True, slots=True)
class HeldNode:
    """A node that this session works on."""

    task_id: str
    node_id: str
    lease_id: str

    @property
    def shown(self) -> dict[str, str]:
        """What calls about the node carry."""
        return {"task_id": self.task_id, "node_id": self.node_id, "lease_id": self.lease_id}


@dataclass(slots=True)
class Session:
    """One client's session."""

    settings: Settings
    client: AsyncClient
    directory: Path
    """Where the client's program works."""
    who: Callable[[str], Identity]
    """The session's names, by what the client calls itself."""
    locks: dict[str, str] = field(default_factory=dict)
    """Lease ids by resource key."""
    nodes: dict[str, HeldNode] = field(default_factory=dict)
    """By node id."""
    heartbeat_secs: float = _HEARTBEAT_SECS
    program: str = field(default_factory=kin.client)
    """The process that started the server; empty where the system does not tell."""

    def identity(self, context: Context) -> Identity:
        """The session's names."""
        params = context.request_context.session.client_params
        return self.who(params.client_info.name if params is not None else "")

    def own_names(self, locks: Iterable[Mapping[str, Any]], who: Identity) -> frozenset[str]:
        """Which owners of some locks are this session: by its name, or by its program's hook's."""
        owners = {str(lock["owner"]) for lock in locks}
        return frozenset(owner for owner in owners if owner == who.owner or self.is_hook_s(owner))

    def is_hook_s(self, owner: str) -> bool:
        """Whether a name is that of the hook of the program that started the server.

        Where no supervisor named the session, the hook has another name for it.
        """
        directory = str(self.settings.home_layout.hooks)
        return self.program != "" and self.program in clients_of(directory, owner)

    def ground(self) -> Ground:
        """The repository. Raises where the directory is in none."""
        return find_ground(self.directory, self.settings.home)

    def node(self, node_id: str | None) -> HeldNode:
        """A node of this session's: the one that is named, or the only one."""
        if node_id is None and len(self.nodes) == 1:
            return next(iter(self.nodes.values()))
        if node_id is not None and node_id in self.nodes:
            return self.nodes[node_id]
        what = f"does not hold node {node_id}" if node_id else "holds no single node"
        held = ", ".join(self.nodes) or "none"
        raise InvalidParams(
            "invalid_field",
            f"this session {what} (it holds: {held})",
            hint="Call next_node to lease one, or name one that this session holds.",
            path="node_id",
            rule="must be a node that this session holds",
        )

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Renews the nodes' leases within the block."""
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            await self.client.close()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_secs)
            for node in list(self.nodes.values()):
                try:
                    await self.client.heartbeat_node(**node.shown, lease_secs=NODE_LEASE_SECS)
                except LeaseLost:
                    self.nodes.pop(node.node_id, None)
                except AgentdError:
                    continue  # Without a daemon now; the next beat tries again.
