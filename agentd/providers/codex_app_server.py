"""Drives `codex app-server`: every change of a file waits until its locks are ours.

Its sandbox is read-only, so that what its model wants to write comes to us for approval, with its
diff, before it is written. A change whose files all get their locks is accepted, any other is
declined, and the model is told why in the words that a hook would use. Measured with 0.169.0.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from agentd import __version__
from agentd.errors import AgentdError
from agentd.providers.agent_events import SHELL_WANTED, Events, Failure
from agentd.providers.agent_process import AgentProcess
from agentd.providers.agent_run import DriverEnd, Run
from agentd.providers.codex_notifications import QUESTION, Notifications
from agentd.providers.dialogue import converse
from agentd.providers.json_rpc import Answer, Conversation
from agentd.providers.json_values import Message, object_of, text_of

_ANSWER_SECS: Final = 60.0
_STEER_SECS: Final = 10.0
_TRIES_MAX: Final = 20
"""After so many declined changes of the same files the turn is interrupted: its model does not
listen, and could go on for ever."""


async def follow_app_server(run: Run, process: AgentProcess, stdin: bytes) -> DriverEnd:
    """Has it work on the prompt for one turn."""
    server = _Server(run, process)
    warnings = await converse(run, process, server.conversation, server.turn, server.ended)
    return DriverEnd(warnings, said_goodbye=server.is_over)


class _Server:
    """Our end of the conversation."""

    def __init__(self, run: Run, process: AgentProcess) -> None:
        self._run = run
        self._notifications = Notifications()
        self._over = asyncio.Event()
        self._steering: set[asyncio.Task[None]] = set()
        self._declined: dict[tuple[str, ...], int] = {}
        """How often changes of the same files were declined."""
        self._thread = ""
        self._turn = ""
        self.is_over = False
        self.conversation = Conversation(
            process.write, asked=self._asked, told=self._told, version=None
        )

    async def turn(self) -> None:
        """Starts a conversation and a turn in it, and waits for the turn's end.

        Raises `provider_failed` where it refuses that.
        """
        call = self.conversation.call
        client = {"name": "agentd", "title": None, "version": __version__}
        await call("initialize", {"clientInfo": client, "capabilities": None}, _ANSWER_SECS)
        self.conversation.notify("initialized")
        thread = await call(
            "thread/start",
            {
                "cwd": str(self._run.assignment.worktree),
                "approvalPolicy": "on-request",
                "sandbox": "read-only",
            },
            _ANSWER_SECS,
        )
        self._thread = text_of(object_of(thread, "thread").get("id"))
        prompt = [{"type": "text", "text": self._run.assignment.prompt}]
        params: dict[str, Any] = {"threadId": self._thread, "input": prompt}
        turn = await call("turn/start", params, _ANSWER_SECS)
        self._turn = text_of(object_of(turn, "turn").get("id"))
        await self._over.wait()

    def ended(self) -> None:
        """It writes no more."""
        if not self.is_over:
            self._run.chronicle.tell(
                Failure("its app server ended before its turn did", final=True)
            )
        self.conversation.close()
        self._over.set()

    def _told(self, method: str, params: Message) -> Events | None:
        if method == "turn/completed":
            if params.get("threadId") != self._thread:  # That of an agent which it has started.
                return ()
            self.is_over = True
            self._over.set()
        return self._notifications.read(method, params)

    async def _asked(self, method: str, params: Message) -> Answer:
        match method:
            case "item/fileChange/requestApproval":
                return {"decision": await self._file_change(params)}
            case "item/commandExecution/requestApproval":
                return {"decision": self._command(params)}
            case "item/tool/requestUserInput":
                self._run.gate.refuse("nobody is there to answer a question")
                self._run.chronicle.tell(QUESTION)
                return {"answers": {}}
            case "mcpServer/elicitation/request":
                self._run.gate.refuse("nobody is there to answer a tool's question")
                self._run.chronicle.tell(QUESTION)
                return {"action": "decline", "content": None}
            case _:
                self._run.gate.refuse(f"it asked for {method[:100]}, which nobody here can give")
                return None

    async def _file_change(self, params: Message) -> str:
        paths = self._notifications.paths_of(text_of(params.get("itemId")))
        gate = self._run.gate
        if params.get("grantRoot"):
            denial = gate.refuse("writing is allowed file by file, not for a directory", paths)
        else:
            asked = await gate.ask(paths)
            if asked is None:
                return "accept"
            denial = asked
        self._declined[denial.paths] = times = self._declined.get(denial.paths, 0) + 1
        if times == 1:
            self._steer(denial.reason)
        return "decline" if times < _TRIES_MAX else "cancel"

    def _command(self, params: Message) -> str:
        if self._run.assignment.allow_shell:
            return "accept"
        command = text_of(params.get("command"), 300)
        self._run.gate.refuse(f"no command may run outside of the sandbox here: {command}")
        self._run.chronicle.tell(SHELL_WANTED)
        return "decline"

    def _steer(self, reason: str) -> None:
        """Tells the model why: a declined change says nothing of that by itself."""
        steering = asyncio.ensure_future(self._say(reason))
        self._steering.add(steering)
        steering.add_done_callback(self._steering.discard)

    async def _say(self, reason: str) -> None:
        params: dict[str, Any] = {
            "threadId": self._thread,
            "expectedTurnId": self._turn,
            "input": [{"type": "text", "text": reason}],
        }
        try:
            await self.conversation.call("turn/steer", params, _STEER_SECS)
        except AgentdError as error:  # The turn is over, or it cannot be told anything now.
            self._run.chronicle.tell(
                Failure(f"could not be told why: {error.message}", final=False)
            )
