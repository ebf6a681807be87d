"""A stand-in for DeepSeek's API on 127.0.0.1, for those who have no key: same HTTP, known answers.

It prints its address and serves until its standard input ends. Like the real one it stops at
`max_tokens` and goes on when asked to, counts tokens, and keeps a slow line open with blank lines.

    python stand_in.py [--hang-once]

With --hang-once the first continuation that the script agent asks for never comes, as from a model
that thinks and thinks, until the one who asked is gone.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHARS_PER_TOKEN = 4
BLANK_LINE_SECS = 0.1

WORKER_SCRIPT = '''\
"""A compact agentd worker: lease a node, heartbeat, complete it, until nothing is left."""
import json
import os
import socket


def call(lines, method, **params):
    lines.write(json.dumps({"id": 1, "method": method, "params": params}) + "\\n")
    lines.flush()
    answer = json.loads(lines.readline())
    if "error" in answer:
        raise SystemExit(answer["error"]["message"])
    return answer["result"]


def main():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["AGENTD_SOCKET_PATH"])
        lines = connection.makefile("rw")
        while node := call(lines, "AcquireNextNode", lease_owner="compact"):
            lease = {name: node[name] for name in ("task_id", "node_id", "lease_id")}
            call(lines, "HeartbeatNode", **lease)
            call(lines, "CompleteNode", **lease, result_payload={"done": True})
            print("completed", node["node_id"])


if __name__ == "__main__":
    main()
'''

IPC_CONTRACT = """\
# IPC contract

One JSON request a line on a Unix socket, one JSON response a line back: `{"id", "method",
"params"}`, then `{"id", "result"}` or `{"id", "error"}`. A `null` result is an answer.

| method | params | result |
| --- | --- | --- |
| AcquireNextNode | lease_owner | a node with its lease_id, or null: nothing to do |
| HeartbeatNode | task_id, node_id, lease_id | the lease's new end |
| CompleteNode | task_id, node_id, lease_id, result_payload | what became runnable |

A lease ends without heartbeats; the node is then somebody else's, and what is written under the
old lease is refused.
"""

INTEGRATION_REVIEW = """\
Safe to integrate. The script calls AcquireNextNode, HeartbeatNode and CompleteNode, and the
contract describes all three with the params that the script sends. Both files are new and share no
lines, and the referee merged them and ran the checks on the combination. One remark: the script
sends one heartbeat for each node, so a node that takes longer than its lease would be lost.
"""

SYNTHESIS = """\
The team has a compact worker and the contract that it speaks. Both passed the referee together, so
they can land. Next: send heartbeats beside the work, as the review asks, before nodes get long.
"""

ANSWERS = {
    "script-agent": WORKER_SCRIPT,
    "contract-agent": IPC_CONTRACT,
    "review-agent": INTEGRATION_REVIEW,
    "synthesis-agent": SYNTHESIS,
}
"""What each agent's model says."""


class Server(ThreadingHTTPServer):
    """The server, and whether a continuation shall still hang."""

    def __init__(self, *, hang_once: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.turn = threading.Lock()
        self.hang_once = hang_once

    def hangs_now(self) -> bool:
        """Whether this continuation is the one that never comes."""
        with self.turn:
            hangs, self.hang_once = self.hang_once, False
        return hangs


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_POST(self) -> None:
        """Answers a completion."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/chat/completions" or not self.headers.get("Authorization"):
            self.answer(401, {"error": {"message": "there is no key, or no such path"}})
            return
        agent = request["messages"][0]["content"].removeprefix("You are ").rstrip(".")
        said = [turn["content"] for turn in request["messages"] if turn["role"] == "assistant"]
        if said and agent == "script-agent" and self.server.hangs_now():
            self.think_for_ever()
        else:
            self.answer(200, completion(request, agent, "".join(said)))

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Sends a status and a JSON body."""
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def think_for_ever(self) -> None:
        """Sends blank lines until the one who asked is gone."""
        self.send_response(200)
        self.end_headers()
        gone = threading.Event()
        while not gone.wait(BLANK_LINE_SECS):
            try:
                self.wfile.write(b"\n")
            except OSError:
                gone.set()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def completion(request: dict[str, Any], agent: str, said: str) -> dict[str, Any]:
    """The answer to a request: what has not been said yet, as far as `max_tokens` reaches."""
    rest = ANSWERS[agent][len(said) :]
    text = rest[: request["max_tokens"] * CHARS_PER_TOKEN]
    asked = sum(len(turn["content"]) for turn in request["messages"]) // CHARS_PER_TOKEN
    answered = -(-len(text) // CHARS_PER_TOKEN)
    cached = asked // 2 if said else 0
    return {
        "id": "stand-in",
        "model": request["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop" if text == rest else "length",
            }
        ],
        "usage": {
            "prompt_tokens": asked,
            "prompt_cache_hit_tokens": cached,
            "prompt_cache_miss_tokens": asked - cached,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
        },
    }


def main() -> None:
    """Serves until standard input ends, as it does when whoever started this is gone."""
    server = Server(hang_once="--hang-once" in sys.argv[1:])
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
