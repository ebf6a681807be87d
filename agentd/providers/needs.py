"""What a run needs a person for, and what that person can do: read off the program's troubles.

Each need is told once: a program that is held up repeats itself. Pure.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from agentd.providers.agent_events import (
    AgentEvent,
    Attention,
    AttentionLevel,
    Events,
    Failure,
    Need,
)

_WHY_CHARS_MAX: Final = 300
_SIGNS: Final = (
    (
        Need.QUOTA,
        re.compile(
            r"\b402\b|\bquota|\bbilling|\bbalance\b|\bcredits?\b|usage limit|payment", re.IGNORECASE
        ),
    ),
    (
        Need.RATE_LIMIT,
        re.compile(r"\b429\b|rate[ _-]?limit|too many requests|throttl", re.IGNORECASE),
    ),
    (
        Need.LOG_IN,
        re.compile(
            r"\b401\b|unauthori[sz]ed|\bAPI[ _]key\b|_API_KEY|not logged in|"
            r"\bauth(entication)?(\b|_)|\bmissing environment variable\b",
            re.IGNORECASE,
        ),
    ),
    (
        Need.SERVICE,
        re.compile(
            r"\b(500|502|503|529)\b|overloaded|high demand|waiting for network|unavailable|"
            r"cannot be reached|connection (refused|reset)",
            re.IGNORECASE,
        ),
    ),
)
"""In the order in which they count: what is said of a quota often names a rate as well."""
_TEXTS: Final = {
    Need.QUOTA: "its account's quota or balance is used up",
    Need.RATE_LIMIT: "its provider lets it ask no more for now",
    Need.LOG_IN: "nobody is logged in, as it seems",
    Need.SERVICE: "its provider is overloaded or cannot be reached",
}
_ADVICE: Final = {
    Need.QUOTA: "top it up, wait until its limit begins anew, or use another account or model",
    Need.RATE_LIMIT: "wait, run fewer agents at once, or use another account or model",
    Need.SERVICE: "wait, or look at the network and at its provider's status page",
}


def need_of(failure: Failure) -> Need | None:
    """What a program that fails so needs a person for, as far as its words tell."""
    return next((need for need, sign in _SIGNS if sign.search(failure.text)), None)


class Needs:
    """The needs of one run."""

    def __init__(self, log_in: str) -> None:
        """`log_in`: what a user of the program does who is not logged in."""
        self._log_in = log_in
        self._told: dict[Need, Attention] = {}

    @property
    def told(self) -> tuple[Attention, ...]:
        """All of them, each as it was told last."""
        return tuple(self._told.values())

    def taken_in(self, event: AgentEvent) -> Events:
        """The event and what a person has to know because of it, without what was told before."""
        if isinstance(event, Attention) and event.need is not None:
            return (event,) if self._is_news(event) else ()
        if not isinstance(event, Failure) or (need := need_of(event)) is None:
            return (event,)
        told = self._attention(need, event)
        return (event, told) if self._is_news(told) else (event,)

    def ended_well(self) -> None:
        """What only held the program up does not matter any more."""
        self._told = {
            need: each
            for need, each in self._told.items()
            if each.level is AttentionLevel.ACTION and need not in _TEXTS
        }

    def _is_news(self, attention: Attention) -> bool:
        assert attention.need is not None
        before = self._told.get(attention.need)
        if before is not None and before.level is AttentionLevel.ACTION:
            return False
        if before is not None and attention.level is not AttentionLevel.ACTION:
            return False
        self._told[attention.need] = attention
        return True

    def _attention(self, need: Need, failure: Failure) -> Attention:
        """Whoever tries again by himself may succeed; whoever has given up will not."""
        told = Attention(
            AttentionLevel.ACTION,
            f"{_TEXTS[need]}: {failure.text[:_WHY_CHARS_MAX]}",
            need,
            self._log_in if need is Need.LOG_IN else _ADVICE[need],
        )
        is_urgent = failure.final or need in (Need.LOG_IN, Need.QUOTA)
        return told if is_urgent else replace(told, level=AttentionLevel.NOTICE)
