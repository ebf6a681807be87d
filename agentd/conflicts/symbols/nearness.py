"""Which of many sides have anything in common, without looking at every pair.

Pure; an index leads from a name to the sides that take it away, change it or define it, and the
others are asked for those names alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import TypeVar

from agentd.conflicts.symbols.trees import Prepared

_Key = TypeVar("_Key", bound=Hashable)


def near(prepared: Sequence[Prepared]) -> Sequence[tuple[int, int]]:
    """The pairs, by their numbers, that the guard has to look at, in order."""
    pairs: set[tuple[int, int]] = set()
    for gives, wants in (
        (lambda each: each.delta.lost | each.delta.resigned, lambda each: each.delta.needs),
        (lambda each: each.delta.lost_members, lambda each: each.delta.new_members),
        (lambda each: each.delta.changed_names, lambda each: each.delta.mentioned),
        (lambda each: each.delta.adds, lambda each: each.delta.adds),
        (lambda each: each.side.changes.keys(), lambda each: each.side.changes.keys()),
        (lambda each: each.migrations, lambda each: each.migrations),
    ):
        pairs.update(_meeting(prepared, gives, wants))
    return sorted(pairs)


def _meeting(
    prepared: Sequence[Prepared],
    gives: Callable[[Prepared], Collection[_Key]],
    wants: Callable[[Prepared], Collection[_Key]],
) -> Iterable[tuple[int, int]]:
    givers: dict[_Key, list[int]] = {}
    for number, each in enumerate(prepared):
        for key in gives(each):
            givers.setdefault(key, []).append(number)
    given = givers.keys()
    for number, each in enumerate(prepared):
        for key in given & frozenset(wants(each)):
            for other in givers[key]:
                if other != number:
                    yield min(number, other), max(number, other)
