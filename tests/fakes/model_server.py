"""A server on 127.0.0.1 that speaks as a model's HTTP API does, by script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {
    "prompt_tokens": 900,
    "prompt_cache_hit_tokens": 640,
    "prompt_cache_miss_tokens": 260,
    "completion_tokens": 40,
    "total_tokens": 940,
    "completion_tokens_details": {"reasoning_tokens": 0},
}


@dataclass(frozen=True)
class Reply:
    """What the server answers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    """Whether nothing comes but blank lines, until the server ends."""


@dataclass(frozen=True)
class Asked:
    """What the server was asked."""

    path: str
    authorization: str
    body: dict[str, Any]


def answer(text: str, *, finish: str = "stop", model: str = "deepseek-flash") -> Reply:
    """A completion with this text."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"id": "c-1", "model": model, "choices": [choice], "usage": USAGE}
    return Reply(body=json.dumps(body).encode())


def replacements(*lines: str) -> Reply:
    """A completion that replaces the regions of a conflict, in their order."""
    found = [{"region": number, "lines": text} for number, text in enumerate(lines, start=1)]
    return answer(json.dumps({"replacements": found}))


def refusal(status: int, message: str, **headers: str) -> Reply:
    """An error as the API tells it."""
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error"}})
    return Reply(status, body.encode(), {name.replace("_", "-"): headers[name] for name in headers})


class ModelServer:
    """The server: its replies in turn, the last one again and again, and what it was asked."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self._replies = list(replies)
        self.asked: list[Asked] = []
        self.came = threading.Event()
        """Set with the first request."""
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def next_reply(self) -> Reply:
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        model_server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                authorization = self.headers.get("Authorization", "")
                model_server.asked.append(Asked(self.path, authorization, json.loads(body)))
                model_server.came.set()
                self._reply(model_server.next_reply())

            def _reply(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
                while reply.hangs and not model_server.ended.wait(0.05):
                    try:
                        self.wfile.write(b"\n")
                    except OSError:  # The one who asked has gone.
                        return

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: what came is in `asked`."""

        return Handler

    @contextmanager
    def running(self) -> Iterator[ModelServer]:
        """Serves within the block."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def serving(*replies: Reply) -> ModelServer:
    """A server with these replies; use it with `running`."""
    return ModelServer(replies)
