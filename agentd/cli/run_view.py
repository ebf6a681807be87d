"""How a run looks while it goes on, and at its end: lines for people, or JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from agentd.cli.terminal import printable
from agentd.providers.agent_events import (
    AgentEvent,
    Attention,
    Began,
    Failure,
    Intent,
    Progress,
    Refusal,
    Result,
    Spending,
    event_to_json,
)
from agentd.providers.outcome import Outcome

if TYPE_CHECKING:
    from agentd.conflicts.bundles.run_bundle import RunChange

_LINE_CHARS_MAX: Final = 500
_PATHS_SHOWN: Final = 8


class RunView:
    """Standard output for what the run brings, standard error for what we have to say of it."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def event(self, event: AgentEvent) -> None:
        """Shows what the agent's program says."""
        if self._as_json:
            self._print_json(event_to_json(event))
            return
        line = _line(event)
        if line is not None:
            kind, text = line
            shown = printable(text.strip())[:_LINE_CHARS_MAX]
            sys.stdout.write(f"{kind:<9} {shown}\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """Tells the user something, beside what a program reads."""
        sys.stderr.write(f"{printable(text)}\n")

    def ended(self, outcome: Outcome, summary: Mapping[str, Any]) -> None:
        """Shows how the run ended."""
        if self._as_json:
            self._print_json({"event": "ended", **summary})
            return
        why = f": {printable(outcome.why.strip())[:_LINE_CHARS_MAX]}" if outcome.why else ""
        tokens, cost = summary["usage"], summary["cost_usd"]
        spent = f"{tokens['prompt_tokens']:,} tokens in, {tokens['completion_tokens']:,} out"
        money = f", ${cost:.4f}" if cost is not None else ""
        sys.stdout.write(f"{outcome.ended.value:<9} {spent}{money}{why}\n")
        for need in summary["needs"]:
            self.say(f"needs you: {_advised(need['text'], need['advice'])}")

    def warn_of(self, change: RunChange) -> None:
        """Says what of the checkout's changes is not plainly the run's."""
        for paths, what in (
            (change.mixed, "held something uncommitted before, which is in the bundle, too"),
            (change.unclaimed, "changed in the meantime, and nobody has locked it: not in it"),
            (
                change.presumed,
                "changed in the meantime, and nobody has locked it: taken as its own",
            ),
            (change.others, "changed in the meantime by whoever has locked it: not in it"),
        ):
            if paths:
                more = f" and {len(paths) - _PATHS_SHOWN} more" if len(paths) > _PATHS_SHOWN else ""
                self.say(f"{', '.join(paths[:_PATHS_SHOWN])}{more}: {what}")

    def _print_json(self, value: Mapping[str, Any]) -> None:
        sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()


def _advised(text: str, advice: str) -> str:
    return f"{text}. To do: {advice}" if advice else text


def _line(event: AgentEvent) -> tuple[str, str] | None:
    match event:
        case Began():
            model = f" with {event.model}" if event.model else ""
            return "began", f"{event.conversation}{model}"
        case Intent():
            return "intends", event.text
        case Progress():
            return "says", event.text
        case Refusal():
            return "refused", event.text
        case Attention():
            return event.level.value, _advised(event.text, event.advice)
        case Failure():
            return ("failed" if event.final else "trouble"), event.text
        case Result() | Spending():
            return None
