"""Speaks as `codex app-server` of 0.169.0 does, for one turn whose steps its arguments give.

    app_server.py STEPS.json app-server …

A step is {"edit": {path: content}}, {"write": {path: content}} (without asking),
{"move": [old, new]}, {"run": command}, {"say": text}, {"raw": line}, {"ask": [method, params]},
{"hang": true}, {"leave": code} or {"end": status, "why": text}. What it is answered it appends to
STEPS.answers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

THREAD, TURN = "thread-1", "turn-1"


class Server:
    """The program's end of the conversation."""

    def __init__(self, steps_path: Path) -> None:
        self._answers = steps_path.with_suffix(".answers")
        self._steps: list[dict[str, Any]] = json.loads(steps_path.read_text())
        self._top = Path()
        self._next_id = 0
        self._items = 0

    def run(self) -> None:
        """Answers until the turn is over and its input ends."""
        for line in sys.stdin:
            self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        match message.get("method"):
            case "initialize":
                self._reply(message, {"userAgent": "codex/0.169.0"})
            case "thread/start":
                self._top = Path(message["params"]["cwd"])
                self._keep("thread/start", message["params"])
                self._reply(message, {"thread": {"id": THREAD}, "model": "gpt-5.5"})
                self._tell("thread/started", thread={"id": THREAD, "model": "gpt-5.5"})
            case "turn/start":
                self._keep("prompt", message["params"]["input"][0]["text"])
                self._reply(message, {"turn": {"id": TURN, "status": "inProgress"}})
                for step in self._steps:
                    self._do(step)
            case "turn/steer":
                self._keep("steered", message["params"]["input"][0]["text"])
                self._reply(message, {"turnId": TURN})
            case _:
                pass

    def _do(self, step: dict[str, Any]) -> None:
        match step:
            case {"edit": files}:
                self._change({path: (path, text) for path, text in files.items()})
            case {"move": [old, new]}:
                self._change({old: (new, (self._top / old).read_text())})
            case {"write": files}:
                for path, text in files.items():
                    (self._top / path).parent.mkdir(parents=True, exist_ok=True)
                    (self._top / path).write_text(text)
            case {"run": command}:
                item = {"type": "commandExecution", "id": self._item(), "command": command}
                self._tell("item/started", item=item)
                params = {"itemId": item["id"], "command": command}
                self._request("item/commandExecution/requestApproval", params)
            case {"say": text}:
                item = {"type": "agentMessage", "id": self._item(), "text": text}
                self._tell("item/completed", item=item)
            case {"raw": line}:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
            case {"ask": [method, params]}:
                self._request(method, params)
            case {"leave": code}:
                raise SystemExit(code)
            case {"hang": _}:
                sys.stdin.read()
            case {"end": status}:
                total = {"inputTokens": 330, "cachedInputTokens": 120, "outputTokens": 60}
                self._tell("thread/tokenUsage/updated", tokenUsage={"total": total})
                why = {"message": step.get("why", "the model is away")}
                error = why if status == "failed" else None
                turn = {"id": TURN, "status": status, "error": error}
                self._tell("turn/completed", turn=turn)

    def _change(self, files: dict[str, tuple[str, str]]) -> None:
        changes = [
            {
                "path": str(self._top / old),
                "kind": {
                    "type": "update",
                    "move_path": str(self._top / new) if new != old else None,
                },
                "diff": "",
            }
            for old, (new, _) in files.items()
        ]
        item = {"type": "fileChange", "id": self._item(), "changes": changes}
        self._tell("item/started", item={**item, "status": "inProgress"})
        answer = self._request("item/fileChange/requestApproval", {"itemId": item["id"]})
        accepted = answer.get("decision") == "accept"
        if accepted:
            for old, (new, text) in files.items():
                (self._top / old).unlink(missing_ok=True)
                (self._top / new).parent.mkdir(parents=True, exist_ok=True)
                (self._top / new).write_text(text)
        status = "completed" if accepted else "declined"
        self._tell("item/completed", item={**item, "status": status})

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        request_id = self._next_id
        self._next_id += 1
        self._write({"id": request_id, "method": method, "params": params})
        for line in sys.stdin:
            message = json.loads(line)
            if message.get("id") == request_id and "method" not in message:
                answer: dict[str, Any] = message.get("result") or message.get("error") or {}
                self._keep(method, answer)
                return answer
            self._take(message)
        raise SystemExit(1)

    def _item(self) -> str:
        self._items += 1
        return f"item-{self._items}"

    def _keep(self, what: str, value: object) -> None:
        with self._answers.open("a") as file:
            file.write(json.dumps([what, value]) + "\n")

    def _reply(self, message: dict[str, Any], result: dict[str, Any]) -> None:
        self._write({"id": message["id"], "result": result})

    def _tell(self, method: str, **params: object) -> None:
        self._write({"method": method, "params": {"threadId": THREAD, "turnId": TURN, **params}})

    def _write(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Server(Path(sys.argv[1])).run()
