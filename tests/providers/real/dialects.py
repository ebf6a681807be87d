"""What a model's HTTP API says, in the three dialects that the real clients speak.

A model here follows a script, a list of steps. It keeps no state: which step is due is the number
of tool results that the conversation holds, so a client may retry, restart or resume.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls a tool: with arguments, or with free text where the tool takes that."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of the model: what it says, and then the tools that it calls."""

    says: str = ""
    calls: Sequence[Call] = ()
    meeting: str = ""
    """The name of a meeting: nobody is answered here before all have come who go to it."""


def step_from(found: Json) -> Step:
    """A step as its script has it in JSON."""
    calls = [
        Call(each["tool"], each.get("arguments", {}), each.get("text"))
        for each in found.get("calls", [])
    ]
    return Step(found.get("says", ""), calls, found.get("meeting", ""))


def step_to_json(step: Step) -> Json:
    """The other way round."""
    calls = [
        {"tool": each.tool, "arguments": dict(each.arguments), "text": each.text}
        for each in step.calls
    ]
    return {"says": step.says, "calls": calls, "meeting": step.meeting}


class Dialect(Protocol):
    """How one API asks and answers."""

    def results(self, body: Json) -> list[str]:
        """The texts of the results of tools in a conversation."""

    def answer(self, body: Json, step: Step, number: int) -> Iterator[str]:
        """The parts of the streamed answer, each to be sent as it is."""


SIDE_ANSWER = {"complexity_reasoning": "none", "complexity_score": 1, "next_speaker": "user"}
"""What Gemini CLI is told when it asks which model to take, or who speaks next."""


def _event(name: str, data: Json) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


class Responses:
    """OpenAI's Responses API, as Codex asks."""

    def results(self, body: Json) -> list[str]:
        found: list[str] = []
        for item in body.get("input") or []:
            if str(item.get("type", "")).endswith("_output"):
                output = item.get("output")
                found.append(_text_of(output) or json.dumps(output))
        return found

    def answer(self, body: Json, step: Step, number: int) -> Iterator[str]:
        items = [
            *self._message(step, number),
            *(self._call(each, number, at) for at, each in enumerate(step.calls)),
        ]
        response: Json = {
            "id": f"resp_{number}",
            "object": "response",
            "model": body.get("model"),
            "output": [],
        }
        yield _event("response.created", {"type": "response.created", "response": response})
        for at, item in enumerate(items):
            for moment in ("added", "done"):
                name = f"response.output_item.{moment}"
                yield _event(name, {"type": name, "output_index": at, "item": item})
        usage = {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 120,
        }
        done = response | {"status": "completed", "output": items, "usage": usage}
        yield _event("response.completed", {"type": "response.completed", "response": done})

    def _message(self, step: Step, number: int) -> list[Json]:
        if not step.says:
            return []
        content = [{"type": "output_text", "text": step.says, "annotations": []}]
        return [
            {
                "type": "message",
                "id": f"msg_{number}",
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        ]

    def _call(self, call: Call, number: int, at: int) -> Json:
        names = {"id": f"item_{number}_{at}", "call_id": f"call_{number}_{at}", "name": call.tool}
        if call.text is not None:
            return {"type": "custom_tool_call", "input": call.text, **names}
        namespace, mark, tool = call.tool.rpartition("/")
        if mark:
            names |= {"name": tool, "namespace": namespace}
        return {"type": "function_call", "arguments": json.dumps(call.arguments), **names}


class Chat:
    """OpenAI's chat completions, as Qwen Code and OpenCode ask."""

    def results(self, body: Json) -> list[str]:
        messages = body.get("messages") or []
        return [_text_of(each.get("content")) for each in messages if each.get("role") == "tool"]

    def answer(self, body: Json, step: Step, number: int) -> Iterator[str]:
        yield self._chunk(body, {"role": "assistant", "content": step.says})
        for at, call in enumerate(step.calls):
            function = {"name": call.tool, "arguments": json.dumps(call.arguments)}
            called = {
                "index": at,
                "id": f"call_{number}_{at}",
                "type": "function",
                "function": function,
            }
            yield self._chunk(body, {"tool_calls": [called]})
        yield self._chunk(body, {}, "tool_calls" if step.calls else "stop")
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        yield f"data: {json.dumps(self._head(body) | {'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"

    def _head(self, body: Json) -> Json:
        return {
            "id": "chat",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": body.get("model"),
        }

    def _chunk(self, body: Json, delta: Json, finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps(self._head(body) | {'choices': [choice]})}\n\n"


class Gemini:
    """Google's generateContent, as Gemini CLI asks."""

    def results(self, body: Json) -> list[str]:
        parts = [part for each in body.get("contents") or [] for part in each.get("parts") or []]
        answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
        return [json.dumps(each.get("response")) for each in answers]

    def answer(self, body: Json, step: Step, number: int) -> Iterator[str]:
        parts: list[Json] = []
        is_side_question = self._is_side_question(body)
        if is_side_question:
            parts.append({"text": json.dumps(SIDE_ANSWER)})
        else:
            parts += [{"text": step.says}] if step.says else []
            for call in step.calls:
                parts.append({"functionCall": {"name": call.tool, "args": dict(call.arguments)}})
        candidate = {
            "content": {"role": "model", "parts": parts},
            "finishReason": "STOP",
            "index": 0,
        }
        usage = {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}
        answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted"}
        yield json.dumps(answer) if is_side_question else f"data: {json.dumps(answer)}\r\n\r\n"

    def _is_side_question(self, body: Json) -> bool:
        """Whether the client asks for itself, e.g. which model to take: it then wants JSON."""
        wanted = body.get("generationConfig") or {}
        return (
            wanted.get("responseMimeType") == "application/json" or "responseJsonSchema" in wanted
        )


def dialect_of(path: str) -> Dialect | None:
    """Who speaks at this path of the API."""
    if path.endswith("/responses"):
        return Responses()
    if path.endswith("/chat/completions"):
        return Chat()
    return Gemini() if path.endswith((":streamGenerateContent", ":generateContent")) else None
