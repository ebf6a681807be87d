"""Migrations that both sides add under one number.

Pure; works on paths alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename, dirname
from typing import Final

from agentd.conflicts.symbols.findings import Level, Spot, SymbolFinding, WhichSide
from agentd.conflicts.symbols.sides import Side

_MIGRATION_DIRECTORIES: Final = frozenset(
    ("migrations", "migrate", "migration", "versions", "upgrades", "schema_migrations")
)
_NUMBERED: Final = re.compile(r"[Vv]?(\d{1,6})(?:__?|[-.])(.+)")


def twin_migrations(left: Side, right: Side) -> Iterator[SymbolFinding]:
    """New migrations of both sides under one number."""
    theirs = new_migrations(right)
    for (directory, number, kind), mine in sorted(new_migrations(left).items()):
        other = theirs.get((directory, number, kind))
        if other is None or other == mine:
            continue
        spots = (
            Spot(WhichSide.LEFT, mine, 1, f"migration {number}"),
            Spot(WhichSide.RIGHT, other, 1, f"migration {number}"),
        )
        message = (
            f"both sides add a migration number {number} ({mine} and {other}); "
            "number one of them anew, and let it follow the other."
        )
        yield SymbolFinding(Level.TWICE, f"{directory}/{number}", spots[0], spots[1], message)


def new_migrations(side: Side) -> dict[tuple[str, str, str], str]:
    """The migrations that a side adds, by directory, number and ending."""
    found = {}
    for path in sorted(side.changes):
        change = side.changes[path]
        number = _number(path)
        if change.base is None and change.new is not None and number is not None:
            kind = ".".join(basename(path).split(".")[1:])
            found[dirname(path), number, kind] = path
    return found


def is_migration(path: str) -> bool:
    """Whether a path is that of a numbered migration."""
    return _number(path) is not None


def _number(path: str) -> str | None:
    """The number of a migration; None where the path is none."""
    numbered = _NUMBERED.fullmatch(basename(path))
    inside = _MIGRATION_DIRECTORIES.intersection(dirname(path).split("/")[-2:])
    return numbered[1] if numbered is not None and inside else None
