"""An agent on the protocol's official Python SDK, whose steps its arguments give.

    acp_agent.py STEPS.json …

A step is {"edit": {path: content}} (asks, then has its client write), {"write": {path: content}}
(has its client write without asking), {"read": path}, {"run": command}, {"delete": path},
{"say": text}, {"raw": line}, {"ask": kind} or {"stop": reason}. After a rejected edit with
"stop_on_reject" the turn ends. Each prompt plays the steps that are left. What it is answered it
appends to STEPS.answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import acp
from acp import schema

SESSION = "session-1"


class StandIn:
    """The agent's end of the conversation."""

    def __init__(self, steps_path: Path) -> None:
        self._answers = steps_path.with_suffix(".answers")
        self._steps: list[dict[str, Any]] = json.loads(steps_path.read_text())
        self._at = 0
        self._calls = 0
        self._client: Any = None
        self._top = Path()

    def on_connect(self, client: Any) -> None:
        """Remembers whom to ask."""
        self._client = client

    async def initialize(self, protocol_version: int, **more: Any) -> schema.InitializeResponse:
        """Says hello."""
        self._keep("initialize", protocol_version)
        return schema.InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd: str, **more: Any) -> schema.NewSessionResponse:
        """Starts in the mode in which nothing is asked."""
        self._top = Path(cwd)
        modes = schema.SessionModeState(
            current_mode_id="yolo",
            available_modes=[
                schema.SessionMode(id="default", name="Default"),
                schema.SessionMode(id="yolo", name="YOLO"),
            ],
        )
        return schema.NewSessionResponse(session_id=SESSION, modes=modes)

    async def set_session_mode(
        self, session_id: str, mode_id: str, **more: Any
    ) -> schema.SetSessionModeResponse:
        """Notes the mode."""
        self._keep("mode", mode_id)
        return schema.SetSessionModeResponse()

    async def prompt(self, prompt: list[Any], **more: Any) -> schema.PromptResponse:
        """Plays the steps up to the next stop."""
        self._keep("prompt", prompt[0].text)
        while self._at < len(self._steps):
            step = self._steps[self._at]
            self._at += 1
            if "stop" in step:
                return schema.PromptResponse(stop_reason=step["stop"])
            if not await self._do(step):
                break
        return schema.PromptResponse(stop_reason="end_turn")

    async def _do(self, step: dict[str, Any]) -> bool:
        match step:
            case {"edit": files}:
                for path, content in files.items():
                    if not await self._edit(path, content):
                        return "stop_on_reject" not in step
            case {"write": files}:
                for path, content in files.items():
                    await self._write(path, content)
            case {"read": path}:
                await self._read(path, step)
            case {"run": command}:
                await self._ask(command, "execute", [], [])
            case {"delete": path}:
                await self._ask(path, "delete", [], [str(self._top / path)])
            case {"ask": kind}:
                await self._ask(kind, kind, [], [])
            case {"say": text}:
                message = acp.update_agent_message_text(text)
                await self._client.session_update(session_id=SESSION, update=message)
            case {"raw": line}:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
        return True

    async def _edit(self, path: str, content: str) -> bool:
        target = self._top / path
        old = target.read_text() if target.exists() else None
        diff = acp.tool_diff_content(str(target), content, old)
        outcome = await self._ask(path, "edit", [diff], [str(target)])
        if outcome != "once":
            return False
        await self._write(path, content)
        return True

    async def _ask(self, title: str, kind: str, content: list[Any], paths: list[str]) -> str:
        self._calls += 1
        answer = await self._client.request_permission(
            session_id=SESSION,
            tool_call=schema.ToolCallUpdate(
                tool_call_id=f"call-{self._calls}",
                title=title,
                kind=kind,
                content=content,
                locations=[schema.ToolCallLocation(path=path) for path in paths],
            ),
            options=[
                schema.PermissionOption(option_id="always", name="Always", kind="allow_always"),
                schema.PermissionOption(option_id="once", name="Once", kind="allow_once"),
                schema.PermissionOption(option_id="no", name="No", kind="reject_once"),
            ],
        )
        chosen: str = getattr(answer.outcome, "option_id", answer.outcome.outcome)
        self._keep("permission", [title, chosen])
        return chosen

    async def _write(self, path: str, content: str) -> None:
        try:
            await self._client.write_text_file(
                session_id=SESSION, path=str(self._top / path), content=content
            )
        except acp.RequestError as error:
            self._keep("write", [path, error.code, str(error)])
        else:
            self._keep("write", [path, 0, ""])

    async def _read(self, path: str, step: dict[str, Any]) -> None:
        try:
            answer = await self._client.read_text_file(
                session_id=SESSION,
                path=str(self._top / path),
                line=step.get("line"),
                limit=step.get("limit"),
            )
        except acp.RequestError as error:
            self._keep("read", [path, error.code, str(error)])
        else:
            self._keep("read", [path, 0, answer.content])

    def _keep(self, what: str, value: object) -> None:
        with self._answers.open("a") as file:
            file.write(json.dumps([what, value]) + "\n")


if __name__ == "__main__":
    agent: Any = StandIn(Path(sys.argv[1]))
    asyncio.run(acp.run_agent(agent))
