"""Migrations that both sides add under one number.

Pure; works on paths alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename, dirname
from typing import Final

from agentd.conflicts.symbols.findings import Level, Spot, SymbolFinding, WhichSide, both
from agentd.conflicts.symbols.sides import Side

_MIGRATION_DIRECTORIES: Final = frozenset(
    ("migrations", "migrate", "migration", "versions", "upgrades", "schema_migrations")
)
_NUMBERED: Final = re.compile(r"[Vv]?(\d+(?:[._-]\d+(?=[._-]))*)(?:__?|[-.])(.+)")
"""A number, version or date, all of it, and what follows: `0002`, `V1_2`, `2024_01_05_120000`."""
_TEXTS: Final = (".md", ".rst", ".txt", ".adoc")
"""Written about migrations, or versions."""


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
        phrase = both(f"add a migration number {number} ({mine} and {other})")
        advice = "number one of them anew, and let it follow the other"
        symbol = f"{directory}/{number}"
        yield SymbolFinding(Level.TWICE, symbol, spots[0], spots[1], phrase, advice)


def new_migrations(side: Side) -> dict[tuple[str, str, str], str]:
    """The migrations that a side adds, by directory, number and ending."""
    found = {}
    for path in sorted(side.changes):
        change = side.changes[path]
        number = _number(path)
        if change.base is None and change.new is not None and number is not None:
            found[dirname(path), *number] = path
    return found


def is_migration(path: str) -> bool:
    """Whether a path is that of a numbered migration."""
    return _number(path) is not None


def _number(path: str) -> tuple[str, str] | None:
    """The number and ending of a migration; None where the path is none."""
    numbered = _NUMBERED.fullmatch(basename(path))
    inside = _MIGRATION_DIRECTORIES.intersection(dirname(path).split("/")[-2:])
    if numbered is None or not inside or path.endswith(_TEXTS):
        return None
    return numbered[1], numbered[2].partition(".")[2]
