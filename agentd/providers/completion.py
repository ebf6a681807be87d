"""What every model behind an HTTP API is to us: messages in, a text with its usage out.

The contract alone. Who asks knows no provider, and no provider knows what it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What is asked of a model."""

    messages: tuple[Message, ...]
    tokens_max: int
    """How long the answer may get."""
    json_object: bool = False
    """Whether the answer has to be one JSON object."""
    temperature: float | None = None
    """0 for the likeliest answer; None for what the provider takes by itself."""
    thinking: bool = True
    """Whether the model may think first, where it can; what it thinks counts as output."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in tokens."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of those of the prompt."""
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    """Of those of the completion."""

    def to_json(self) -> dict[str, int]:
        """The usage as a report has it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "reasoning_tokens": self.reasoning_tokens,
        }


class Stop(StrEnum):
    """Why an answer ended."""

    DONE = "done"
    LENGTH = "length"
    """It got as long as it might, and is cut off."""
    FILTERED = "filtered"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer."""

    text: str
    model: str
    """Which model the provider says that it was."""
    usage: Usage
    stop: Stop


class Completer(Protocol):
    """A model that answers."""

    @property
    def name(self) -> str:
        """The provider's name, as in locks and bundles."""
        ...

    async def complete(self, request: CompletionRequest) -> Completion:
        """The answer. Raises `provider_refused` (not with this key) and `provider_failed`."""
        ...
