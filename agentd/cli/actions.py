"""The signs of actions on a terminal, so that colour is never all that tells, and their styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

ACTION_STYLES: Final[Mapping[str, tuple[str, str]]] = {
    "merge": ("✔", "bold green"),
    "rebase": ("↻", "bold yellow"),
    "wait": ("…", "bold yellow"),
    "reject": ("✘", "bold red"),
    "escalate": ("!", "bold magenta"),
}
"""A sign and a style for each action."""

ACTION_ORDER: Final = tuple(ACTION_STYLES)
"""In which the decisions are shown."""


def tally(actions: Sequence[str]) -> list[tuple[str, int]]:
    """Each action that is there with how often it is, in the order of the decisions."""
    there = (*ACTION_ORDER, *sorted(set(actions) - set(ACTION_ORDER)))
    return [(each, actions.count(each)) for each in there if each in actions]
