"""The program `agentd-deepseek`: an agent that edits a worktree, with DeepSeek as its model.

DeepSeek has no such program of its own. This one asks the model in turns what to read and what to
edit, locks each file before it writes it, and tells the model where somebody else holds one. On
standard output it writes a JSON object a line, which `deepseek_adapter` reads.

    agentd-deepseek PROMPT      # or the prompt on standard input
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from agentd.client.async_client import AsyncClient
from agentd.errors import AgentdError
from agentd.providers.agent_events import AgentEvent, Attention
from agentd.providers.completers import completer
from agentd.providers.completion import (
    Completer,
    Completion,
    CompletionRequest,
    Message,
    Role,
    Stop,
)
from agentd.providers.deepseek_conversation import RULES, Edit, NoAnswer, Turn, opening, read_turn
from agentd.providers.deepseek_worktree import DeepSeekWorktree
from agentd.providers.lock_gate import LockGate, Policy, Session
from agentd.settings import Settings, load_settings, process_environment

TURNS_MAX: Final = 20
_BAD_ANSWERS_MAX: Final = 3
_TOKENS_MAX: Final = 16_000
_PATHS_SHOWN_MAX: Final = 2_000
_INTENT_CHARS_MAX: Final = 200
_USAGE: Final = "usage: agentd-deepseek PROMPT, or the prompt on standard input\n"


class DeepSeekAgent:
    """One run."""

    def __init__(self, model: Completer, worktree: DeepSeekWorktree, gate: LockGate) -> None:
        self._model = model
        self._worktree = worktree
        self._gate = gate
        self._bad_answers = 0
        self.written: list[str] = []
        """The keys of the files that it wrote."""

    async def run(self, prompt: str) -> bool:
        """Works on a prompt; whether the model says that it is done."""
        first = opening(prompt, self._worktree.paths(), _PATHS_SHOWN_MAX)
        messages = [Message(Role.SYSTEM, RULES), Message(Role.USER, first)]
        for _ in range(TURNS_MAX):
            completion = await self._ask(messages)
            messages.append(Message(Role.ASSISTANT, completion.text))
            try:
                turn = _turn(completion)
            except NoAnswer as error:
                self._bad_answers += 1
                if self._bad_answers == _BAD_ANSWERS_MAX:
                    tell("error", text=f"the model gives no usable answer: {error}")
                    return False
                messages.append(Message(Role.USER, f"{error}. Answer with one JSON object."))
                continue
            tell("said", text=turn.say)
            answer = await self._carried_out(turn)
            if turn.done and not any("error" in each for each in answer):
                tell("result", text=turn.say)
                return True
            messages.append(Message(Role.USER, orjson.dumps(answer).decode()))
        tell("error", text=f"it was not done after {TURNS_MAX} turns")
        return False

    async def _ask(self, messages: list[Message]) -> Completion:
        completion = await self._model.complete(
            CompletionRequest(messages=tuple(messages), tokens_max=_TOKENS_MAX, json_object=True)
        )
        tell("usage", model=completion.model, usage=completion.usage.to_json())
        return completion

    async def _carried_out(self, turn: Turn) -> list[dict[str, str]]:
        """What becomes of each wish of the model's, for the model."""
        answers = [self._shown(path) for path in turn.read]
        return answers + [await self._edited(edit) for edit in turn.edits]

    def _shown(self, path: str) -> dict[str, str]:
        try:
            return {"path": path, "content": self._worktree.shown(path)}
        except NoAnswer as error:
            return {"path": path, "error": str(error)}

    async def _edited(self, edit: Edit) -> dict[str, str]:
        tell("intent", path=edit.path)
        try:
            self._worktree.afterwards(edit)  # What cannot be done needs no lock.
            denial = await self._gate.ask([edit.path])
            if denial is not None:
                tell("refused", path=edit.path, text=denial.reason)
                return {"path": edit.path, "refused": denial.reason}
            self._worktree.write(edit.path, self._worktree.afterwards(edit))
        except NoAnswer as error:
            return {"path": edit.path, "error": str(error)}
        self.written.append(f"file:{edit.path}")
        tell("edited", path=edit.path)
        return {"path": edit.path, "edited": "yes"}


def _turn(completion: Completion) -> Turn:
    if completion.stop is Stop.LENGTH:
        raise NoAnswer("the answer was too long and was cut off; do less in one turn")
    return read_turn(completion.text)


def tell(kind: str, **said: Any) -> None:
    """A line on standard output."""
    sys.stdout.buffer.write(orjson.dumps({"type": kind, **said}) + b"\n")
    sys.stdout.buffer.flush()


def _heard(event: AgentEvent) -> None:
    """What the gate says beside its refusals."""
    if isinstance(event, Attention):
        tell("notice", text=event.text)


def _session(
    settings: Settings, environment: Mapping[str, str], worktree: DeepSeekWorktree, prompt: str
) -> Session:
    return Session(
        owner=environment.get("AGENTD_SESSION_ID") or f"deepseek-{worktree.top.name}",
        provider="deepseek",
        worktree=worktree.top,
        namespace=str(worktree.workspace()),
        intent=environment.get("AGENTD_INTENT") or " ".join(prompt.split())[:_INTENT_CHARS_MAX],
        ttl_secs=settings.hook_lock_secs,
        policy=Policy(settings.hook_policy),
    )


async def work(prompt: str, settings: Settings, environment: Mapping[str, str]) -> bool:
    """One run in the directory. Raises what the model's API and git raise."""
    model = completer("deepseek", settings)
    worktree = DeepSeekWorktree(Path(environment.get("AGENTD_WORKTREE") or "."))
    session = _session(settings, environment, worktree, prompt)
    client = AsyncClient(environment.get("AGENTD_SOCKET") or settings.socket_path)
    gate = LockGate(client, session, now=time.time, tell=_heard)
    agent = DeepSeekAgent(model, worktree, gate)
    keeping = asyncio.create_task(gate.keep())
    try:
        return await agent.run(prompt)
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        # In a checkout that others work in, too, what it wrote stays locked until it is committed,
        # or the locks run out.
        is_shared = worktree.top == worktree.workspace()
        await gate.release(without=frozenset(agent.written) if is_shared else frozenset())
        await client.close()


def main() -> None:
    """The entry point of `agentd-deepseek`: 0 where the model says that it is done, else 1."""
    prompt = " ".join(sys.argv[1:]) or sys.stdin.buffer.read().decode("utf-8", "replace")
    if not prompt.strip():
        sys.stderr.write(_USAGE)
        sys.exit(2)
    try:
        settings = load_settings()
        tell("began", model=settings.deepseek_model)
        done = asyncio.run(work(prompt, settings, process_environment()))
    except AgentdError as error:
        tell("error", text=f"{error.message}. {error.hint}")
        sys.exit(1)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
