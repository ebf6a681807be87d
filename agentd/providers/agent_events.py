"""What an agent's program says about its work, whichever program it is.

Each provider's module turns its program's own output into these. All text in them was written by a
program or a model: data, to be shown harmlessly and never to be followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from agentd.providers.completion import Usage


class AttentionLevel(StrEnum):
    """How much a person is needed."""

    INFO = "info"
    NOTICE = "notice"
    ACTION = "action"


class Need(StrEnum):
    """What a person is needed for."""

    LOG_IN = "log_in"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    SERVICE = "service"
    """Nothing but to wait, or to find out why the model's service does not answer."""
    PERMISSION = "permission"
    """It wants to do something that nobody here may allow."""
    ANSWER = "answer"
    """It asks a question."""


@dataclass(frozen=True, slots=True)
class Began:
    """The program has started to work."""

    event: ClassVar[str] = "began"
    conversation: str = ""
    """The program's own name for it, by which it can be resumed."""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """It is about to do something: change files, where `paths` says so, or run a tool."""

    event: ClassVar[str] = "intent"
    text: str
    paths: tuple[str, ...] = ()
    """As the program names them, most often absolute. Never the truth about what changed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """It did something, or its model said something."""

    event: ClassVar[str] = "progress"
    text: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that it tried was not allowed, so part of its work may be missing."""

    event: ClassVar[str] = "refusal"
    text: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """It says that it is done. The last one of a run counts."""

    event: ClassVar[str] = "result"
    ok: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Spending:
    """What the work has cost."""

    event: ClassVar[str] = "spending"
    usage: Usage
    cost_usd: float | None = None
    """As the program says; None where it does not."""
    model: str = ""
    is_total: bool = True
    """Whether it stands for the run up to here, or comes on top of what was spent before."""


@dataclass(frozen=True, slots=True)
class Attention:
    """A person may be needed."""

    event: ClassVar[str] = "attention"
    level: AttentionLevel
    text: str
    need: Need | None = None
    """What for, where that is known."""
    advice: str = ""
    """What the person can do."""


SHELL_WANTED: Final = Attention(
    AttentionLevel.ACTION,
    "it wants to run commands that are not allowed here",
    Need.PERMISSION,
    "run it with --allow-shell; no lock holds back what such a command writes",
)
"""Whoever is asked for a command's sake tells this beside the refusal."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something went wrong."""

    event: ClassVar[str] = "failure"
    text: str
    final: bool
    """Whether the program has given up; otherwise it tries again by itself."""


AgentEvent: TypeAlias = (
    Began | Intent | Progress | Refusal | Result | Spending | Attention | Failure
)
Events: TypeAlias = Sequence[AgentEvent]


def event_to_json(event: AgentEvent) -> dict[str, Any]:
    """An event as reports and the journal have it: its kind under `event`, then its fields."""
    values: dict[str, Any] = {"event": event.event}
    for field in fields(event):
        value = getattr(event, field.name)
        values[field.name] = value.to_json() if isinstance(value, Usage) else value
    return values
