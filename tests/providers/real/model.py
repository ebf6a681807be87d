"""The model of the real clients: a server on the loopback of a network namespace of its own.

    python -m tests.providers.real.model SCRIPTS ASKED_FILE

SCRIPTS is JSON: from the name of a conversation, which is the first part of its URLs' paths, to its
steps. Prints its port once it listens; each request goes to ASKED_FILE as a line of JSON.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.providers.real.dialects import Step, dialect_of, step_from

MEETING_SECS = 60
"""How long a step waits for the others that it shall meet."""

IFF_UP = 0x1
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914


def raise_loopback() -> None:
    """Takes this network namespace's loopback up; a new one begins with it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("16xH", fcntl.ioctl(probe, SIOCGIFFLAGS, request))
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


class Model:
    """The scripts, and what was asked."""

    def __init__(self, scripts: dict[str, list[Step]], asked: Path) -> None:
        self._scripts = scripts
        self._asked = asked
        self._lock = threading.Lock()
        self._count = 0
        going = [step.meeting for steps in scripts.values() for step in steps if step.meeting]
        self._meetings = {name: threading.Barrier(count) for name, count in Counter(going).items()}

    def note(self, conversation: str, results: list[str]) -> int:
        """Writes a request down; its number."""
        with self._lock:
            self._count += 1
            line = json.dumps({"conversation": conversation, "results": results})
            with self._asked.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            return self._count

    def step(self, conversation: str, number: int) -> Step:
        """The step that is due; the last one again and again. Waits for those whom it meets."""
        steps = self._scripts[conversation]
        step = steps[min(number, len(steps) - 1)]
        if step.meeting:
            try:
                self._meetings[step.meeting].wait(MEETING_SECS)
            except threading.BrokenBarrierError:
                sys.stderr.write(f"{conversation}: not all came to {step.meeting}\n")
        return step


def handler(model: Model) -> type[BaseHTTPRequestHandler]:
    """The handler of HTTP requests for this model."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._json(
                200,
                {"object": "list", "data": [{"id": "scripted", "object": "model"}], "models": []},
            )

        def do_POST(self) -> None:
            body = json.loads(self._body() or b"{}")
            path = urlsplit(self.path).path
            dialect = dialect_of(path)
            if dialect is None:
                counted = path.endswith(":countTokens")
                self._json(200 if counted else 404, {"totalTokens": 10} if counted else {})
                return
            conversation = path.split("/")[1]
            results = dialect.results(body)
            number = model.note(conversation, results)
            step = model.step(conversation, len(results))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for part in dialect.answer(body, step, number):
                self.wfile.write(part.encode())
                self.wfile.flush()

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _json(self, status: int, found: dict[str, Any]) -> None:
            text = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what came is in the file of what was asked."""

    return Handler


def main(scripts: str, asked: str) -> None:
    """Serves until the process is ended."""
    raise_loopback()
    found = json.loads(Path(scripts).read_text(encoding="utf-8"))
    steps = {name: [step_from(each) for each in script] for name, script in found.items()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(Model(steps, Path(asked))))
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
