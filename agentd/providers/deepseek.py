"""DeepSeek over its HTTP API, which speaks as OpenAI's chat completions do.

It decides how a request looks on the wire, what is tried again and what an answer means. The key
goes into one header and nowhere else: no message, log line or error of ours has it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import orjson

from agentd.errors import DependencyFailed, InvalidParams, PermissionDenied
from agentd.plain_text import printable
from agentd.providers.completion import Completion, CompletionRequest, Stop, Usage
from agentd.providers.json_values import count_of, object_of, text_of

MODEL_ALIASES: Final[Mapping[str, str]] = {"deepseek-v4-flash": "deepseek-flash"}
"""Old names of models that are still served."""

_RETRIED: Final = frozenset({429, 500, 503})
_BACKOFF_SECS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The pauses before each try after the first."""
_PAUSE_SECS_MAX: Final = 30.0
"""However long the server asks us to wait."""
_CONNECT_SECS: Final = 10.0
_ANSWER_BYTES_MAX: Final = 8 * 2**20
_SAID_CHARS_MAX: Final = 300
_STOPS: Final[Mapping[str, Stop]] = {
    "stop": Stop.DONE,
    "length": Stop.LENGTH,
    "content_filter": Stop.FILTERED,
}
_KEPT_ALIVE: Final = re.compile(rb"(?:\s|:[^\n]*\n)*")
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

Sleep = Callable[[float], Awaitable[None]]


class DeepSeek:
    """A model of DeepSeek's."""

    name = "deepseek"

    def __init__(
        self,
        *,
        key: str,
        base_url: str,
        model: str,
        total_secs: float = 180.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`total_secs` is for one answer, with every retry and pause. Raises `invalid_field` for a
        key that no header can hold, and an address that would carry it unencrypted.
        """
        if not (key.isascii() and key.isprintable()):
            raise _wrong("DEEPSEEK_API_KEY", "must be plain characters without spaces around")
        self.model = MODEL_ALIASES.get(model, model)
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._total_secs = total_secs
        self._sleep = sleep
        self._is_local = _checked_host(self._base_url) in _LOOPBACK

    def __repr__(self) -> str:
        return f"DeepSeek(model={self.model!r})"

    async def complete(self, request: CompletionRequest) -> Completion:
        """The answer, within the total time."""
        try:
            async with asyncio.timeout(self._total_secs):
                status, body = await self._answered(_body(request, self.model))
        except TimeoutError:
            raise self._failed(f"gave no answer within {self._total_secs:g} s") from None
        except httpx.HTTPError as error:
            problem = f"cannot be reached at {self._base_url} ({type(error).__name__})"
            raise self._failed(problem) from None
        except httpx.InvalidURL:
            raise self._failed(f"has no usable address: {self._base_url}") from None
        if status in (401, 402, 403):
            raise self._refused(status, body)
        if status != 200:
            raise self._failed(f"answered with status {status}{self._said(body)}")
        return self._completion(body)

    async def _answered(self, body: bytes) -> tuple[int, bytes]:
        """Status and body, after as many tries as help."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        timeout = httpx.Timeout(None, connect=_CONNECT_SECS)
        # No proxy stands between us and ourselves.
        async with httpx.AsyncClient(timeout=timeout, trust_env=not self._is_local) as client:
            for pause in (*_BACKOFF_SECS, None):
                status, said, wanted = await self._asked(client, headers, body)
                if status not in _RETRIED or pause is None:
                    break
                await self._sleep(min(max(pause, wanted), _PAUSE_SECS_MAX))
        return status, said

    async def _asked(
        self, client: httpx.AsyncClient, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, float]:
        """Status, body and the pause that the server wants, in seconds."""
        url = f"{self._base_url}/chat/completions"
        async with client.stream("POST", url, headers=headers, content=body) as response:
            said = b""
            async for chunk in response.aiter_bytes():
                said += chunk
                if len(said) > _ANSWER_BYTES_MAX:
                    raise self._failed(f"answered with more than {_ANSWER_BYTES_MAX:,} bytes")
            return response.status_code, said, _wanted_pause(response.headers)

    def _completion(self, body: bytes) -> Completion:
        answer = _object(body)
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        text = message.get("content") if isinstance(message, dict) else None
        if not isinstance(choice, dict) or not isinstance(text, str):
            raise self._failed(f"answered with something that is no completion{self._said(body)}")
        model = answer.get("model")
        return Completion(
            text=text,
            model=printable(model) if isinstance(model, str) else self.model,
            usage=_usage(answer.get("usage")),
            stop=_STOPS.get(text_of(choice.get("finish_reason")), Stop.OTHER),
        )

    def _refused(self, status: int, body: bytes) -> PermissionDenied:
        hint = (
            "The account's balance is used up; top it up, or use another key."
            if status == 402
            else "Correct DEEPSEEK_API_KEY in the environment or in the env file."
        )
        return PermissionDenied(
            "provider_refused",
            f"deepseek does not take the key (status {status}{self._said(body)})",
            hint=hint,
        )

    def _failed(self, what: str) -> DependencyFailed:
        return DependencyFailed(
            "provider_failed",
            f"deepseek {what}",
            hint="Try again later, or look at DEEPSEEK_BASE_URL and DEEPSEEK_MODEL.",
        )

    def _said(self, body: bytes) -> str:
        """What the server said, short, harmless and without the key."""
        error = _object(body).get("error")
        said = error.get("message") if isinstance(error, dict) else None
        text = said if isinstance(said, str) else body.decode("utf-8", "replace").strip()
        text = printable(text.replace(self._key, "***"))[:_SAID_CHARS_MAX]
        return f": {text}" if text else ""


def _wanted_pause(headers: Mapping[str, str]) -> float:
    """What `Retry-After` asks for, in seconds: a number, or a moment by the server's own clock."""
    wanted = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(wanted):
        return float(wanted)
    try:
        until, now = (parsedate_to_datetime(each) for each in (wanted, headers.get("date", "")))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _checked_host(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if not host or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        rule = "must be an address such as https://api.deepseek.com"
    elif parts.scheme == "http" and host not in _LOOPBACK:
        rule = "must begin with https://, so that nobody on the way reads the key"
    else:
        return host
    raise _wrong("DEEPSEEK_BASE_URL", rule)


def _wrong(variable: str, rule: str) -> InvalidParams:
    return InvalidParams(
        "invalid_field",
        f"{variable} {rule}",
        hint=f"Correct {variable} in the environment or in the env file.",
        path=variable,
        rule=rule,
    )


def _body(request: CompletionRequest, model: str) -> bytes:
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": message.role.value, "content": message.content} for message in request.messages
        ],
        "max_tokens": request.tokens_max,
        "stream": False,
        "thinking": {"type": "enabled" if request.thinking else "disabled"},
    }
    if request.json_object:
        body["response_format"] = {"type": "json_object"}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    return orjson.dumps(body)


def _object(body: bytes) -> dict[str, Any]:
    """A JSON object; empty where the body is none.

    While the model thinks, the server sends blank lines and comments to keep the line open.
    """
    kept_alive = _KEPT_ALIVE.match(body)
    try:
        value = orjson.loads(body[kept_alive.end() :] if kept_alive else body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _usage(said: object) -> Usage:
    usage, details = object_of(said), object_of(said, "completion_tokens_details")

    return Usage(
        prompt_tokens=count_of(usage.get("prompt_tokens")),
        cached_tokens=count_of(usage.get("prompt_cache_hit_tokens")),
        completion_tokens=count_of(usage.get("completion_tokens")),
        reasoning_tokens=count_of(details.get("reasoning_tokens")),
    )
