"""Which members a class has, its own and those of the classes that it comes from.

Pure but for looking into a tree. How a class's name is resolved the caller says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.symbols.naming import Naming, siblings_of
from agentd.conflicts.symbols.summary import Definition, Kind
from agentd.conflicts.symbols.tree_view import TreeView

_CLASSES_MAX: Final = 30
"""How many classes are looked at for one member."""


@dataclass(frozen=True, slots=True)
class Found:
    """A definition, and where it stands."""

    path: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the classes say of a member."""

    found: tuple[Found, ...]
    complete: bool
    """Whether everything that could give it was seen."""


def look_up(
    holder: Found,
    name: str,
    view: TreeView,
    naming: Naming,
    resolve: Callable[[str, str], Found | None],
    *,
    bases_only: bool = False,
) -> Lookup:
    """Looks for a member in a class, then in its bases; `resolve` finds a class that a file names.

    A class hides what is above it, but for languages with overloads.
    """
    found: list[Found] = []
    complete = name not in naming.common_members and not naming.elsewhere(view, name)
    pending = [holder]
    seen: set[tuple[str, str]] = set()
    while pending:
        here = pending.pop(0)
        if (here.path, here.definition.name) in seen:
            continue
        seen.add((here.path, here.definition.name))
        if here is not holder or not bases_only:
            own = _own(here, name, view, naming)
            found += own
            if own and not naming.overloads:
                continue
            complete &= here.definition.closed and not (
                naming.opener and _own(here, naming.opener, view, naming)
            )
        for base in here.definition.bases:
            if base.rpartition(".")[2] in naming.plain_bases:
                continue
            above = resolve(here.path, base) if len(seen) < _CLASSES_MAX else None
            if above is None or above.definition.kind is not Kind.CLASS:
                complete = False
            else:
                pending.append(above)
    return Lookup(tuple(found), complete)


def _own(holder: Found, name: str, view: TreeView, naming: Naming) -> list[Found]:
    """What a class itself says of a member, in whatever file its members may stand."""
    qualified = f"{holder.definition.name}.{name}"
    return [
        Found(path, definition)
        for path in dict.fromkeys((holder.path, *siblings_of(naming, view, holder.path)))
        if (summary := view.summary(path)) is not None
        for definition in summary.by_name.get(qualified, ())
    ]
