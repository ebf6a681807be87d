"""Codex and Antigravity want to edit the same file: what agentd makes of it, step by step.

Codex locks `docs/index.html` and says in the lock's metadata what it is about to do. Antigravity is
denied, reads why, and does two things at once: it hands in its change as a patch bundle without
writing the file, and waits in line for the lock. Codex finishes and releases; Antigravity gets its
turn; the trail of both is in the journal, where `agentd-coord review` finds it.

    AGENTD_SOCKET_PATH=~/.agentd/agentd.sock python examples/two_providers_one_file.py

It uses agentd's own asyncio client; `plain_socket_client.py` shows the same wire without it.
"""

from __future__ import annotations

import asyncio
import sys

from agentd.client.async_client import AsyncClient
from agentd.errors import AgentdError
from agentd.protocol.locks import GrantedLock, IfHeld, LockDenied
from agentd.protocol.nodes import NodeLease
from agentd.settings import load_settings

FILE = "file:docs/index.html"

CODEX_BUNDLE = {
    "intent": "add multi-provider conflict resolution docs",
    "base_revision": "git:HEAD",
    "touched_paths": ["docs/index.html", "docs/styles.css", "README.md"],
    "diff_summary": "document the conflict policy and add an animated flow",
    "assumptions": ["static HTML site", "CSS-only animation"],
    "confidence": "medium",
    "verification": ["python3 HTML parser sanity check"],
}

ANTIGRAVITY_BUNDLE = {
    "intent": "rewrite docs conflict section",
    "base_revision": "git:HEAD",
    "touched_paths": ["docs/index.html"],
    "diff_summary": "replace the conflict section with the provider workflow",
    "confidence": "medium",
    "patch": """\
--- a/docs/index.html
+++ b/docs/index.html
@@ -12,1 +12,1 @@
-<h2>Conflicts</h2>
+<h2>How providers work together</h2>
""",
}

CONFLICT = {
    "resource_key": FILE,
    "providers": ["openai", "antigravity"],
    "resolution": "Codex first, Antigravity's patch bundle after it",
    "accepted_paths": CODEX_BUNDLE["touched_paths"],
    "rejected_alternatives": ["last-writer-wins"],
}


class Unexpected(Exception):
    """The story took another turn than it should."""


async def tell(codex: AsyncClient, antigravity: AsyncClient) -> None:
    """The whole story, with a line for each step."""
    task = await codex.register_task(
        goal="document the conflict policy",
        initial_nodes=[{"key": "codex"}, {"key": "antigravity"}],
    )
    codex_node = await leased(codex, task.task_id, "codex-docs-agent-a", "openai")
    antigravity_node = await leased(
        antigravity, task.task_id, "antigravity-docs-agent", "antigravity"
    )
    lock = await locked_by_codex(codex)
    await denied_to_antigravity(antigravity)

    # Waiting holds nothing else up: the next calls use the same connection.
    turn = asyncio.create_task(
        antigravity.acquire_resource_lock(
            resource_key=FILE,
            owner="antigravity-docs-agent",
            provider="antigravity",
            ttl_secs=600,
            metadata=ANTIGRAVITY_BUNDLE,
            wait_secs=30,
        )
    )
    await report(antigravity, antigravity_node, "result", ANTIGRAVITY_BUNDLE)
    print("Antigravity hands its change in as a patch bundle, writes nothing, and waits in line.")

    await report(codex, codex_node, "result", CODEX_BUNDLE)
    await codex.release_resource_lock(resource_key=FILE, lease_id=lock.lease_id)
    await finish(codex, codex_node)
    print("Codex hands its own bundle in, releases the lock and completes its node.")

    granted = await turn
    if not isinstance(granted, GrantedLock) or granted.fencing_token <= lock.fencing_token:
        raise Unexpected("Antigravity should have the lock now, with a greater fencing token")
    print(f"Antigravity has its turn (fencing token {granted.fencing_token}).")

    await report(antigravity, antigravity_node, "conflict", CONFLICT)
    await antigravity.release_resource_lock(resource_key=FILE, lease_id=granted.lease_id)
    await finish(antigravity, antigravity_node)
    await look_back(codex, task.task_id)


async def locked_by_codex(codex: AsyncClient) -> GrantedLock:
    """Codex's lock on the file, with what it is about to do."""
    lock = await codex.acquire_resource_lock(
        resource_key=FILE,
        owner="codex-docs-agent-a",
        provider="openai",
        ttl_secs=600,
        metadata=CODEX_BUNDLE,
    )
    if not isinstance(lock, GrantedLock):
        raise Unexpected(f"somebody else holds {FILE}; try again when they are done")
    print(f"Codex holds {lock.resource_key}: {lock.metadata['intent']}.")
    return lock


async def denied_to_antigravity(antigravity: AsyncClient) -> None:
    """Antigravity asks for the same file and is told who holds it, and why."""
    denied = await antigravity.acquire_resource_lock(
        resource_key=FILE,
        owner="antigravity-docs-agent",
        provider="antigravity",
        if_held=IfHeld.HOLDER,
    )
    if not isinstance(denied, LockDenied):
        raise Unexpected("Antigravity got a lock that Codex holds")
    print(
        f"Antigravity is denied: {denied.holder.owner} ({denied.holder.provider}) is about to "
        f"{denied.holder.metadata['intent']}."
    )


async def look_back(client: AsyncClient, task_id: str) -> None:
    """The trail of both in the journal."""
    journal = await client.list_events(task_id=task_id)
    print("The journal of the task:")
    for event in journal.events:
        print(f"  {event.seq:>4}  {event.action_type:<16} {event.owner or '-'}")
    status = await client.task_status(task_id=task_id)
    if status.state != "completed":
        raise Unexpected(f"the task is {status.state}")
    print("Next: `agentd-coord review` compares the two bundles and says what becomes of each.")


async def leased(client: AsyncClient, task_id: str, owner: str, provider: str) -> NodeLease:
    """A node of the task."""
    lease = await client.acquire_next_node(task_id=task_id, lease_owner=owner, provider=provider)
    if lease is None:
        raise Unexpected("there should be a node for everybody")
    return lease


async def report(client: AsyncClient, lease: NodeLease, what: str, payload: object) -> None:
    """An event of the node's journal."""
    await client.commit_event(
        task_id=lease.task_id,
        node_id=lease.node_id,
        lease_id=lease.lease_id,
        action_type=what,
        payload=payload,
    )


async def finish(client: AsyncClient, lease: NodeLease) -> None:
    """Completes the node."""
    await client.complete_node(
        task_id=lease.task_id,
        node_id=lease.node_id,
        lease_id=lease.lease_id,
        result_payload={"done": True},
    )


async def main() -> None:
    """Connects once for each of the two."""
    path = load_settings().socket_path
    async with AsyncClient(path) as codex, AsyncClient(path) as antigravity:
        await tell(codex, antigravity)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except AgentdError as error:
        sys.exit(f"failed: {error.message}. {error.hint}")
    except Unexpected as error:
        sys.exit(f"failed: {error}")
