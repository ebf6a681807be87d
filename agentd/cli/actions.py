"""The signs of actions on a terminal, so that colour is never all that tells, and their styles."""

from __future__ import annotations

from collections.abc import Mapping
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
