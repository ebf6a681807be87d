"""Asks git about many things at once, and finds the one that it fails on where it does.

One bundle's missing object or damaged tree ends a whole `git` process; here it costs the others
nothing but time. It must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from agentd.conflicts.findings import Finding, FindingKind, error
from agentd.conflicts.git.process import TimeRanOut
from agentd.errors import AgentdError, DependencyFailed

_T = TypeVar("_T")
_R = TypeVar("_R")


def retried(call: Callable[[], _T]) -> _T:
    """Tries twice: a gc of the user's may have taken an object away between two looks."""
    try:
        return call()
    except AgentdError as failure:
        if failure.reason != "git_failed" or isinstance(failure, TimeRanOut):
            raise
        return call()


def asked_of_each(
    items: Sequence[_T], ask: Callable[[Sequence[_T]], Sequence[_R]]
) -> list[_R | DependencyFailed]:
    """The answer to each item, or why there is none; they are asked together as far as that works.

    An item is given up only after git has failed twice on it alone.
    """
    if not items:
        return []
    try:
        return list(retried(partial(ask, items)) if len(items) == 1 else ask(items))
    except DependencyFailed as failure:
        if failure.reason != "git_failed":
            raise
        if len(items) == 1:
            return [failure]
        half = len(items) // 2
        return [*asked_of_each(items[:half], ask), *asked_of_each(items[half:], ask)]


def unreadable(failure: AgentdError, what: str = "Its change") -> Finding:
    """The finding on a bundle that git cannot read: it says nothing about the change itself."""
    return error(
        FindingKind.OBJECTS_UNREADABLE,
        f"{what} cannot be read: {failure.message.rstrip('.')}. In a partial clone "
        "`git fetch --refetch --no-filter` brings what is missing, in a shallow one "
        "`git fetch --unshallow`; elsewhere `git fsck` tells what is damaged. Then review again.",
    )
