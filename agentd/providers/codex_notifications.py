"""What `codex app-server` tells without being asked, as our events.

It remembers what each change of a file is going to change, because the request for approval names
the item alone. Pure; measured with 0.169.0.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from agentd.providers.agent_events import (
    Attention,
    AttentionLevel,
    Began,
    Events,
    Failure,
    Intent,
    Need,
    Progress,
    Result,
    Spending,
)
from agentd.providers.completion import Usage
from agentd.providers.json_values import (
    Message,
    count_of,
    object_of,
    objects_of,
    text_of,
    texts_of,
    valid,
)

_ITEMS_MAX: Final = 10_000
_PATHS_MAX: Final = 10_000
_QUIET: Final = (
    *("account/", "app/", "autoApprovalReview/", "command/", "externalAgentConfig/", "fs/"),
    *("fuzzyFileSearch/", "hook/", "mcpServer/", "model/", "modelProvider/", "process/"),
    *("project/", "remoteControl/", "serverRequest/", "skills/", "windows", "thread/", "turn/"),
    *("item/", "configWarning", "deprecationNotice", "guardianWarning", "warning"),
)
"""What begins so says nothing that a run is judged by."""


QUESTION: Final = Attention(
    AttentionLevel.ACTION,
    "it asks a question, and nobody is there to answer",
    Need.ANSWER,
    "put the answer into the prompt, or start it in a terminal",
)


class Notifications:
    """The notifications of one conversation, in their order."""

    def __init__(self) -> None:
        self._changes: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._last_message = ""

    def paths_of(self, item: str) -> tuple[str, ...]:
        """Every path that a change of files is about, new names of moved ones among them."""
        return self._changes.get(item, ())

    def read(self, method: str, params: Message) -> Events | None:
        """What a notification means; None for one of an unknown kind."""
        match method:
            case "thread/started":
                thread = object_of(params, "thread")
                return (Began(text_of(thread.get("id")), text_of(thread.get("model"))),)
            case "item/started":
                return self._started(object_of(params, "item"))
            case "item/fileChange/patchUpdated":
                self._remember(text_of(params.get("itemId")), params)
                return ()
            case "item/completed":
                return self._completed(object_of(params, "item"))
            case "turn/completed":
                return self._turn_ended(object_of(params, "turn"))
            case "thread/tokenUsage/updated":
                return (_spending(object_of(params, "tokenUsage", "total")),)
            case "thread/status/changed":
                return _status(object_of(params, "status"))
            case "error":
                text = text_of(object_of(params, "error").get("message")) or "it gives no reason"
                return (Failure(text, final=params.get("willRetry") is not True),)
            case _:
                return () if method.startswith(_QUIET) else None

    def _started(self, item: Message) -> Events:
        match item.get("type"):
            case "fileChange":
                paths = self._remember(text_of(item.get("id")), item)
                return (Intent(f"changes {', '.join(paths)}"[:4_000], paths),)
            case "commandExecution":
                return (Intent(f"runs {text_of(item.get('command'))}"),)
            case "mcpToolCall":
                tool = f"{text_of(item.get('server'))}/{text_of(item.get('tool'))}"
                return (Intent(f"calls {tool}"),)
            case _:
                return ()

    def _completed(self, item: Message) -> Events:
        status = text_of(item.get("status"))
        match item.get("type"):
            case "agentMessage":
                self._last_message = text_of(item.get("text"))
                return (Progress(self._last_message),)
            case "fileChange":
                paths = self.paths_of(text_of(item.get("id")))
                told = {"completed": "changed", "failed": "a tool failed: could not change"}
                what = told.get(status)
                return (Progress(f"{what} {', '.join(paths)}"[:4_000], paths),) if what else ()
            case "commandExecution":
                command, code = text_of(item.get("command")), item.get("exitCode")
                return (
                    () if status == "declined" else (Progress(f"ran {command} (exit code {code})"),)
                )
            case _:
                return ()

    def _remember(self, item: str, holder: Message) -> tuple[str, ...]:
        paths: dict[str, None] = {}
        for change in objects_of(holder.get("changes")):
            moved = object_of(change, "kind").get("move_path")
            for path in (change.get("path"), moved):
                if isinstance(path, str) and path:
                    paths[valid(path)] = None
        if len(paths) > _PATHS_MAX:
            return ()  # Nothing is known of it then, and nothing will be accepted.
        self._changes[item] = tuple(paths)
        while len(self._changes) > _ITEMS_MAX:
            self._changes.popitem(last=False)
        return self._changes[item]

    def _turn_ended(self, turn: Message) -> Events:
        status = text_of(turn.get("status"))
        if status == "completed":
            return (Result(ok=True, text=self._last_message),)
        why = text_of(object_of(turn, "error").get("message"))
        return (Failure(why or f"its turn ended as {status or 'nobody knows what'}", final=True),)


def _spending(total: Message) -> Spending:
    return Spending(
        Usage(
            prompt_tokens=count_of(total.get("inputTokens")),
            cached_tokens=count_of(total.get("cachedInputTokens")),
            completion_tokens=count_of(total.get("outputTokens")),
            reasoning_tokens=count_of(total.get("reasoningOutputTokens")),
        )
    )


def _status(status: Message) -> Events:
    if "waitingOnUserInput" in texts_of(status.get("activeFlags")):
        return (QUESTION,)
    return ()
