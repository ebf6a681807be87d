"""How a run of an agent ended: what its events and its exit code together say.

An exit code of 0 alone proves nothing: programs end with it after a refused edit, after a signal,
and with no result at all. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agentd.providers.agent_events import AgentEvent, Began, Failure, Refusal, Result, Spending
from agentd.providers.completion import Usage


class Ended(StrEnum):
    """How."""

    DONE = "done"
    """It did what it was asked, as far as it knows."""
    REFUSED = "refused"
    """It ended well, but something that it tried was not allowed."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, and why that is so."""

    ended: Ended
    why: str


@dataclass(slots=True)
class Tally:
    """What the events of a run add up to."""

    conversation: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    """As the program says; None where it never did."""
    result: Result | None = None
    failure: Failure | None = None
    """The last one that was final and that no result followed."""
    last_trouble: str = ""
    """Of the failures that were not final, the last one."""
    refusals: list[Refusal] = field(default_factory=list)

    def add(self, event: AgentEvent) -> None:
        """Counts an event in."""
        match event:
            case Began():
                self.conversation = event.conversation or self.conversation
                self.model = event.model or self.model
            case Result():
                self.result, self.failure = event, None
            case Failure(final=True):
                self.failure = event
            case Failure():
                self.last_trouble = event.text
            case Refusal():
                self.refusals.append(event)
            case Spending():
                self._spend(event)
            case _:
                return

    def _spend(self, event: Spending) -> None:
        self.model = event.model or self.model
        if event.is_total:
            self.usage = event.usage
            self.cost_usd = self.cost_usd if event.cost_usd is None else event.cost_usd
        else:
            self.usage = _sum(self.usage, event.usage)
            if event.cost_usd is not None:
                self.cost_usd = (self.cost_usd or 0.0) + event.cost_usd

    def outcome(self, exit_code: int, *, says_result: bool = True) -> Outcome:
        """How the run ended.

        `exit_code` is negative where a signal ended the program. `says_result`: whether the program
        says by itself that it is done; for one that does not, the exit code has to do.
        """
        if self.failure is not None:
            return Outcome(Ended.FAILED, self.failure.text)
        if exit_code != 0:
            return Outcome(Ended.FAILED, self._ended_with(exit_code))
        if says_result and self.result is None:
            why = "it ended without saying that it was done"
            return Outcome(Ended.FAILED, f"{why}{self._trouble()}")
        if self.result is not None and not self.result.ok:
            return Outcome(Ended.FAILED, self.result.text or "it says that it did not succeed")
        if self.refusals:
            return Outcome(Ended.REFUSED, self.refusals[0].text)
        return Outcome(Ended.DONE, self.result.text if self.result is not None else "")

    def _ended_with(self, exit_code: int) -> str:
        if exit_code < 0:
            return f"it was ended by signal {-exit_code}{self._trouble()}"
        return f"it ended with exit code {exit_code}{self._trouble()}"

    def _trouble(self) -> str:
        return f"; before that: {self.last_trouble}" if self.last_trouble else ""


def _sum(left: Usage, right: Usage) -> Usage:
    return Usage(
        prompt_tokens=left.prompt_tokens + right.prompt_tokens,
        cached_tokens=left.cached_tokens + right.cached_tokens,
        completion_tokens=left.completion_tokens + right.completion_tokens,
        reasoning_tokens=left.reasoning_tokens + right.reasoning_tokens,
    )
