"""What a benchmark hands back, and how it is shown: a table, the goals, and JSON.

Decides nothing about how anything is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class BenchmarkFailed(Exception):
    """A benchmark could not be carried out. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that agentd is meant to reach."""

    what: str
    measured: float
    bound: float
    unit: str = ""
    at_least: bool = False
    """The measured figure must not lie below the bound, rather than not above it."""

    @property
    def met(self) -> bool:
        """Whether this run reached it."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def line(self) -> str:
        """One line for people."""
        mark = "met   " if self.met else "MISSED"
        sign = "≥" if self.at_least else "≤"
        unit = f" {self.unit}" if self.unit else ""
        return f"{mark}  {self.what}: {self.measured:.2f}{unit}  (goal {sign} {self.bound:g}{unit})"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one benchmark."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()
    figures: Mapping[str, object] = field(default_factory=dict)
    """Everything that was measured, for `--json`."""

    def text(self) -> str:
        """The report as it is printed."""
        parts = [f"{self.name}: {self.title}", "", *_table(self.columns, self.rows), ""]
        parts += [goal.line() for goal in self.goals]
        parts += [f"note: {note}" for note in self.notes]
        return "\n".join(parts).rstrip() + "\n"

    def to_json(self) -> dict[str, object]:
        """The report for programs."""
        return {
            "name": self.name,
            "title": self.title,
            "figures": dict(self.figures),
            "goals": [
                {
                    "what": goal.what,
                    "measured": goal.measured,
                    "bound": goal.bound,
                    "unit": goal.unit,
                    "at_least": goal.at_least,
                    "met": goal.met,
                }
                for goal in self.goals
            ],
            "notes": list(self.notes),
        }


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, figures to the right."""
    lines = [columns, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]

    def aligned(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [aligned(columns), "  ".join("-" * width for width in widths), *map(aligned, rows)]
