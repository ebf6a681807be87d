"""Scripted stand-ins for agents of three vendors. Each speaks the raw socket, as any program can.

No agentd client is used here on purpose: what a stand-in sends and receives is a line of JSON.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ANSWER_SECS = 30


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, as the lines that went over the socket."""

    request: str
    response: str


class RawSocket:
    """A connection to the daemon and nothing more: lines of JSON, answered in order."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_ANSWER_SECS)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self._next_id = 0
        self.last: Exchange | None = None

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a call. Raises `RuntimeError` with the daemon's message."""
        self._next_id += 1
        request = json.dumps({"id": self._next_id, "method": method, "params": params})
        self._socket.sendall(request.encode() + b"\n")
        response = self._lines.readline().decode()
        self.last = Exchange(request, response.rstrip())
        answer = json.loads(response)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def close(self) -> None:
        """Ends the connection. Leases live on until they expire."""
        self._lines.close()
        self._socket.close()


@dataclass(slots=True)
class StandIn:
    """One scripted agent: a name, a vendor, a worktree of its own and a connection."""

    owner: str
    provider: str
    worktree: Path
    wire: RawSocket
    leases: dict[str, str] = field(default_factory=dict)

    def lock(self, path: str, metadata: dict[str, Any], ttl_secs: int = 600) -> Any:
        """Asks for a file; null means that somebody else has it."""
        key = f"file:{path}"
        granted = self.wire.call(
            "AcquireResourceLock",
            {
                "resource_key": key,
                "owner": self.owner,
                "provider": self.provider,
                "ttl_secs": ttl_secs,
                "metadata": metadata,
            },
        )
        if granted is not None:
            self.leases[key] = granted["lease_id"]
        return granted

    def attach_bundle(self, path: str, metadata: dict[str, Any], ttl_secs: int = 600) -> None:
        """Puts the finished bundle into the lock that this agent holds."""
        key = f"file:{path}"
        self.wire.call(
            "HeartbeatResourceLock",
            {
                "resource_key": key,
                "lease_id": self.leases[key],
                "ttl_secs": ttl_secs,
                "metadata": metadata,
            },
        )

    def release(self, path: str) -> None:
        """Gives a file back."""
        key = f"file:{path}"
        self.wire.call(
            "ReleaseResourceLock", {"resource_key": key, "lease_id": self.leases.pop(key)}
        )

    def take_node(self, task_id: str) -> dict[str, Any]:
        """Leases the next runnable node of a task."""
        node: dict[str, Any] = self.wire.call(
            "AcquireNextNode",
            {"task_id": task_id, "lease_owner": self.owner, "provider": self.provider},
        )
        return node

    def hand_in(self, node: dict[str, Any], bundle: dict[str, Any]) -> None:
        """Reports a bundle as the result of a node and completes the node."""
        lease = {key: node[key] for key in ("task_id", "node_id", "lease_id")}
        self.wire.call("CommitEvent", {**lease, "action_type": "result", "payload": bundle})
        self.wire.call(
            "CompleteNode", {**lease, "result_payload": {"summary": bundle["diff_summary"]}}
        )
