"""Reads the tables of small cases: a base, two sides, and the strong signs that are wanted.

=== name of the case
> S1 load                (none: the pair must stay silent)
--- base app/store.py    (then the file's lines)
--- left app/store.py
--- right app/new.py
--- left app/old.py removed
--- both app/x.py        (in either side, as it is here)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DIRECTORY = Path(__file__).parent / "cases"


@dataclass
class Case:
    """One row of a table."""

    name: str
    wanted: list[str] = field(default_factory=list)
    base: dict[str, str | None] = field(default_factory=dict)
    left: dict[str, str | None] = field(default_factory=dict)
    right: dict[str, str | None] = field(default_factory=dict)


def read_cases(language: str) -> list[Case]:
    """The cases of one language's table."""
    cases: list[Case] = []
    sinks: list[dict[str, str | None]] = []
    path = ""
    for line in (DIRECTORY / f"{language}.txt").read_text().splitlines(keepends=True):
        if line.startswith("=== "):
            cases.append(Case(line[4:].strip()))
            sinks, path = [], ""
        elif line.startswith("> ") and not path:
            cases[-1].wanted.append(line[2:].strip())
        elif line.startswith("--- "):
            where, path, *removed = line[4:].split()
            sinks = _open(cases[-1], where, path, removed=bool(removed))
        else:
            for sink in sinks:
                sink[path] = (sink[path] or "") + line
    return cases


def _open(case: Case, where: str, path: str, *, removed: bool) -> list[dict[str, str | None]]:
    """The files that the lines after a heading go into."""
    sides = {
        "base": [case.base],
        "left": [case.left],
        "right": [case.right],
        "both": [case.left, case.right],
    }[where]
    for files in sides:
        files[path] = None if removed else ""
    return [] if removed else sides
