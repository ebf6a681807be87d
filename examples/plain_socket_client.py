"""A worker in plain Python: nothing but the standard library, nothing of agentd's own code.

It registers a task of two nodes, works on them one after the other, reports what it does as events
of the journal, and completes them. Copy `Daemon` into a program of your own.

    AGENTD_SOCKET_PATH=~/.agentd/agentd.sock python3 examples/plain_socket_client.py
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

DEFAULT_SOCKET = "~/.agentd/agentd.sock"


class Refused(Exception):
    """The daemon answered with an error. `reason` is from a closed, documented set."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        self.reason = error["data"]["reason"]
        super().__init__(f"{method}: {error['message']} ({self.reason}). {error['data']['hint']}")


class Daemon:
    """One connection: a line of JSON there, a line of JSON back."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(30)
        self._socket.connect(str(path))
        self._responses = self._socket.makefile("r", encoding="utf-8", newline="\n")
        self._last_id = 0

    def call(self, method: str, **params: Any) -> Any:
        """The result of a method; null is a result, too. Raises `Refused`."""
        self._last_id += 1
        request = {"id": self._last_id, "method": method, "params": params}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        line = self._responses.readline()
        if not line:
            raise ConnectionError(f"the daemon closed the connection during {method}")
        response = json.loads(line)
        if "error" in response:
            raise Refused(method, response["error"])
        return response["result"]

    def close(self) -> None:
        """Ends the connection."""
        self._responses.close()
        self._socket.close()


def work_through_a_task(daemon: Daemon) -> None:
    """Registers a task and does all of it."""
    health = daemon.call("Health")
    print(f"agentd {health['version']} is {health['status']}")

    task = daemon.call(
        "RegisterTask",
        goal="describe the retry policy",
        context={"repository": str(Path.cwd())},
        initial_nodes=[
            {"key": "write", "payload_schema": {"type": "object"}},
            {"key": "review", "dependencies": ["write"]},
        ],
    )
    task_id = task["task_id"]
    print(f"registered task {task_id} with the nodes {', '.join(task['nodes'])}")

    finished = False
    while not finished:
        lease = daemon.call(
            "AcquireNextNode", task_id=task_id, lease_owner="plain-python", provider="home-made"
        )
        if lease is None:
            raise SystemExit("nothing to run although the task is not finished")
        finished = work_on_node(daemon, lease)

    status = daemon.call("TaskStatus", task_id=task_id)
    print(f"the task is {status['state']}: {status['counts']}")
    events = daemon.call("ListEvents", task_id=task_id)["events"]
    print("the journal says: " + ", ".join(event["action_type"] for event in events))
    if status["state"] != "completed":
        raise SystemExit("the task should be completed")


def work_on_node(daemon: Daemon, lease: dict[str, Any]) -> bool:
    """Does one leased node; whether that finished the task."""
    # Whoever acts on a leased node shows the lease's id. It is a secret of its holder.
    shown = {name: lease[name] for name in ("task_id", "node_id", "lease_id")}
    node = lease["context"]["node"]
    before = [done["result_payload"] for done in lease["context"]["completed_dependencies"]]
    print(f"leased node {node['key']} (attempt {lease['attempt']}); results before it: {before}")

    intent = {"intent": f"do {node['key']}", "touched_paths": ["docs/retry.md"]}
    daemon.call("CommitEvent", **shown, action_type="intent", payload=intent)
    # Here the work happens. A long one sends a heartbeat well before `lease_expires_at`.
    alive = daemon.call("HeartbeatNode", **shown)
    if alive["cancel_requested"]:
        raise SystemExit("somebody cancelled the task")

    result = daemon.call("CompleteNode", **shown, result_payload={"done": node["key"]})
    print(f"completed {node['key']}; it made {len(result['unblocked'])} node(s) runnable")
    return bool(result["task_finished"])


def main() -> None:
    """Exits 0 when the task was done, 1 with a message when not."""
    path = Path(os.environ.get("AGENTD_SOCKET_PATH", DEFAULT_SOCKET)).expanduser()
    try:
        daemon = Daemon(path)
    except OSError as error:
        sys.exit(f"no daemon answers on {path}: {error}. Start one with: agentd")
    try:
        work_through_a_task(daemon)
    except (Refused, OSError) as error:
        sys.exit(f"failed: {error}")
    finally:
        daemon.close()


if __name__ == "__main__":
    main()
