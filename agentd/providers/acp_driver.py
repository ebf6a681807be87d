"""Drives an agent by the Agent Client Protocol: Gemini CLI, Qwen Code, OpenCode and their like.

The agent asks us before it edits, and has us read and write its files; each time the locks decide.
The protocol has no place for the reason of a refusal, so the model is told it in a prompt after
its turn, which also has it go on where a refusal made it stop.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from agentd import __version__
from agentd.providers import acp_updates
from agentd.providers.agent_events import SHELL_WANTED, Began, Events, Intent
from agentd.providers.agent_process import AgentProcess
from agentd.providers.agent_run import DriverEnd, Run
from agentd.providers.dialogue import converse
from agentd.providers.json_rpc import Answer, Conversation, Declined
from agentd.providers.json_values import (
    PATH_CHARS_MAX,
    Message,
    object_of,
    objects_of,
    text_of,
    whole_text_of,
)

_PROTOCOL_VERSION: Final = 1
_START_SECS: Final = 120.0
_EXPLANATIONS_MAX: Final = 3
"""How often the model is told of refusals: each time is a turn of its own."""
_FILE_BYTES_MAX: Final = 16 * 2**20
_REFUSED: Final = -32001
_ASKING_MODE: Final = "default"
"""In which Gemini CLI and Qwen Code ask before each edit."""


async def follow_acp(run: Run, process: AgentProcess, stdin: bytes) -> DriverEnd:
    """Has it work on the prompt."""
    client = _Client(run, process)
    conversation = client.conversation
    warnings = await converse(run, process, conversation, client.work, conversation.close)
    return DriverEnd(warnings, said_goodbye=True)


class _Client:
    """Our end of the conversation."""

    def __init__(self, run: Run, process: AgentProcess) -> None:
        self._run = run
        self._top = run.assignment.worktree
        self._unsaid: dict[tuple[str, ...], str] = {}
        """Reasons of refusals that the model has not been told, by their paths."""
        self._said: set[tuple[str, ...]] = set()
        self.conversation = Conversation(process.write, asked=self._asked, told=self._told)

    async def work(self) -> None:
        """Starts a session and prompts it. Raises `provider_failed` where it refuses that."""
        call = self.conversation.call
        files = {"readTextFile": True, "writeTextFile": True}
        await call(
            "initialize",
            {
                "protocolVersion": _PROTOCOL_VERSION,
                "clientCapabilities": {"fs": files, "terminal": False},
                "clientInfo": {"name": "agentd", "version": __version__},
            },
            _START_SECS,
        )
        session = await call("session/new", {"cwd": str(self._top), "mcpServers": []}, _START_SECS)
        session_id = text_of(session.get("sessionId"))
        await self._have_it_ask(session_id, object_of(session, "modes"))
        model = text_of(object_of(session, "models").get("currentModelId"))
        self._run.chronicle.tell(Began(session_id, model))
        await self._prompt(session_id, self._run.assignment.prompt)
        for _ in range(_EXPLANATIONS_MAX):
            if not self._unsaid:
                return
            reasons = "\n\n".join(self._unsaid.values())
            self._said |= self._unsaid.keys()
            self._unsaid.clear()
            await self._prompt(session_id, reasons)

    async def _have_it_ask(self, session_id: str, modes: Message) -> None:
        """Puts it into the mode in which it asks, whatever its user has configured."""
        offered = {mode.get("id") for mode in objects_of(modes.get("availableModes"))}
        if _ASKING_MODE in offered and modes.get("currentModeId") != _ASKING_MODE:
            params = {"sessionId": session_id, "modeId": _ASKING_MODE}
            await self.conversation.call("session/set_mode", params, _START_SECS)

    async def _prompt(self, session_id: str, text: str) -> None:
        params: dict[str, Any] = {
            "sessionId": session_id,
            "prompt": [{"type": "text", "text": text}],
        }
        answer = await self.conversation.call("session/prompt", params, None)
        for event in acp_updates.turn_ended(answer):
            self._run.chronicle.tell(event)

    def _told(self, method: str, params: Message) -> Events | None:
        return acp_updates.read(method, params)

    async def _asked(self, method: str, params: Message) -> Answer:
        match method:
            case "session/request_permission":
                return await self._permission(params)
            case "fs/read_text_file":
                return self._read_file(params)
            case "fs/write_text_file":
                return await self._write_file(params)
            case _:
                return None

    async def _permission(self, params: Message) -> Answer:
        tool_call = object_of(params, "toolCall")
        allowed = await self._is_allowed(tool_call)
        wanted = "allow_once" if allowed else "reject_once"
        options = objects_of(params.get("options"))
        option = next((each for each in options if each.get("kind") == wanted), None)
        if option is None:  # It offers no such answer, and more than once is never allowed.
            return {"outcome": {"outcome": "cancelled"}}
        return {"outcome": {"outcome": "selected", "optionId": option.get("optionId")}}

    async def _is_allowed(self, tool_call: Message) -> bool:
        paths = acp_updates.written_paths(tool_call)
        self._run.chronicle.tell(Intent(text_of(tool_call.get("title")), paths or ()))
        if paths is not None:
            return await self._may_write(paths)
        if acp_updates.only_reads(tool_call) or self._run.assignment.allow_shell:
            return True
        title = text_of(tool_call.get("title"), 300)
        self._run.gate.refuse(f"nothing but reading and editing files is allowed here: {title}")
        self._run.chronicle.tell(SHELL_WANTED)
        return False

    async def _may_write(self, paths: tuple[str, ...]) -> bool:
        denial = await self._run.gate.ask(paths)
        if denial is None:
            return True
        if denial.paths not in self._said:
            self._unsaid[denial.paths] = denial.reason
        return False

    def _read_file(self, params: Message) -> Answer:
        path = self._path(params)
        try:
            with path.open("rb") as file:
                content = file.read(_FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return {"content": ""}  # With an error here, Gemini CLI could make no new file.
        except OSError as error:
            raise Declined(_REFUSED, f"{path} cannot be read: {error.strerror}") from None
        if len(content) > _FILE_BYTES_MAX:
            raise Declined(_REFUSED, f"{path} has more than {_FILE_BYTES_MAX:,} bytes")
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise Declined(_REFUSED, f"{path} is not UTF-8 text") from None
        return {"content": _part(text, params.get("line"), params.get("limit"))}

    async def _write_file(self, params: Message) -> Answer:
        path = self._path(params)
        content = params.get("content")
        if not isinstance(content, str):
            raise Declined(_REFUSED, "agentd: there is nothing to write")
        denial = await self._run.gate.ask([str(path)])
        if denial is not None:
            raise Declined(_REFUSED, denial.reason)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
        except (OSError, UnicodeEncodeError) as error:
            raise Declined(_REFUSED, f"{path} cannot be written: {error}") from None
        return {}

    def _path(self, params: Message) -> Path:
        """The path of a request, which must lie in the worktree."""
        text = whole_text_of(params.get("path"))
        if not text or "\0" in text or len(text) > PATH_CHARS_MAX:
            raise Declined(_REFUSED, "agentd: that is no path")
        path = self._top / text
        if not Path(os.path.realpath(path)).is_relative_to(self._top):
            raise Declined(_REFUSED, f"agentd: {path} lies outside of the worktree {self._top}")
        return path


def _part(text: str, line: object, limit: object) -> str:
    """Some lines of a text: from `line` on, counted from 1, `limit` of them."""
    if line is None and limit is None:
        return text
    lines = text.splitlines(keepends=True)
    start = max(line - 1, 0) if isinstance(line, int) else 0
    stop = start + limit if isinstance(limit, int) and limit >= 0 else len(lines)
    return "".join(lines[start:stop])
