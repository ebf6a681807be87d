"""What the symbol guard found on a pair: the levels, and the value that carries one.

Pure. Left and right are the sides as they were given; which bundles those are, the caller knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias


class Level(StrEnum):
    """How sure a sign is, and of what."""

    IMPORT = "S1"
    """An import of a name that the other side removed or moved."""
    NAME = "S2"
    """A use of a name that the other side removed or renamed."""
    MEMBER = "S3"
    """A member's name, of an object whose type nobody knows, that the other side removed."""
    CALL = "S4"
    """A call that a changed signature no longer takes."""
    TWICE = "S5"
    """The same thing defined by both."""
    PARSE = "parse"
    """A file that parses on both sides and no longer does when merged."""

    @property
    def blocks(self) -> bool:
        """Whether the pair cannot be merged as it is."""
        return self is not Level.MEMBER


class Grade(StrEnum):
    """How closely two changes touch: who must be verified together. From near to far."""

    SAME_FUNCTION = "same_function"
    SAME_CLASS = "same_class"
    NEIGHBOURS = "neighbours"
    """A changed function names another that the other side changed, or a member it removed."""
    NONE = "none"


class WhichSide(StrEnum):
    """One of the two."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> WhichSide:
        """The other one."""
        return WhichSide.RIGHT if self is WhichSide.LEFT else WhichSide.LEFT


Phrase: TypeAlias = tuple[str | WhichSide, ...]
"""A sentence without its full stop; where it speaks of a side, that side's name is to be put in."""


def both(do: str) -> Phrase:
    """That each of the two sides does something."""
    return (WhichSide.LEFT, " and ", WhichSide.RIGHT, f" each {do}")


def only_apart(holds: str, merged: str) -> Phrase:
    """That something holds with the change of either side, and what is so with both."""
    left = (f"{holds} with the change of ", WhichSide.LEFT)
    return (*left, " and with that of ", WhichSide.RIGHT, f", and merged it {merged}")


ADAPT: Final = "adapt one of the two to the other"
"""What to do about most signs."""
LOOK_AND_ADAPT: Final = "look at how the two changes stand together, and adapt one"
"""What to do about a file that cannot be read any more."""


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A place in a file of one side; a line of a removed definition is the base's."""

    side: WhichSide
    path: str
    line: int
    text: str
    """What stands there, in a few words: `def load(path)`."""


@dataclass(frozen=True, slots=True)
class SymbolFinding:
    """One sign, with what both sides did."""

    level: Level
    symbol: str
    change: Spot
    """What one side took away, changed or added."""
    meets: Spot
    """What of the other side that breaks, or meets."""
    phrase: Phrase
    """What is wrong."""
    advice: str = ""
    """What to do about it, where that is more than to adapt one of the two to the other."""

    @property
    def blocks(self) -> bool:
        """Whether the pair cannot be merged as it is."""
        return self.level.blocks

    def sentence(self, names: Mapping[WhichSide, str], advice: str = ADAPT) -> str:
        """What is wrong and what to do, of sides with names; `advice` where it has none itself."""
        told = "".join(names[part] if isinstance(part, WhichSide) else part for part in self.phrase)
        return "; ".join(filter(None, (told, self.advice or advice))) + "."


@dataclass(frozen=True, slots=True)
class NotAnalysed:
    """A file that nobody read."""

    side: WhichSide
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class GuardResult:
    """What the guard says about a pair."""

    findings: tuple[SymbolFinding, ...] = ()
    grade: Grade = Grade.NONE
    grade_names: tuple[str, ...] = ()
    """What the grade rests on."""
    not_analysed: tuple[NotAnalysed, ...] = ()

    @property
    def blocking(self) -> Sequence[SymbolFinding]:
        """The findings that keep the pair apart."""
        return [each for each in self.findings if each.blocks]
