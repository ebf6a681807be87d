"""Who can make a resolution of a conflicting file, and how several are asked in turn.

Whoever it is, the gates have the last word on what he makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agentd.conflicts.findings import JsonObject
from agentd.conflicts.proposals.confidence import Confidence
from agentd.conflicts.proposals.entities import Merged, merge_entities
from agentd.conflicts.proposals.gates import Refusal, check_file, is_read
from agentd.conflicts.proposals.sides import Conflict, Declined, FileSides

ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a maker comes back with for one file."""

    outcome: bytes | Declined | Refusal
    """The whole file without a conflict; or why there is none; or what is wrong with its form."""
    details: JsonObject = field(default_factory=dict)
    """What made it, as far as the maker's name does not say so: a model and its usage."""


class Maker(Protocol):
    """Whoever resolves files."""

    @property
    def name(self) -> str:
        """What a proposal says that it was made with."""
        ...

    def resolve(self, file: FileSides, conflict: Conflict) -> Answer:
        """Resolves one file of a conflict."""
        ...


@dataclass(frozen=True, slots=True)
class EntityMaker:
    """Merges what both sides add in one place."""

    mechanical_only: bool = False
    """Whether not where people may well make something else of it."""
    name: str = ENTITY

    def resolve(self, file: FileSides, conflict: Conflict) -> Answer:
        """One file, merged by entity."""
        merged = merge_entities(file)
        if not isinstance(merged, Merged):
            return Answer(merged)
        if merged.doubt is None:
            return Answer(merged.content, {"confidence": Confidence.MECHANICAL.value})
        details = {"confidence": Confidence.PLAUSIBLE.value, "doubt": merged.doubt}
        if not self.mechanical_only:
            return Answer(merged.content, details)
        reason = f"a merge would not be mechanical: {merged.doubt}"
        return Answer(Declined(reason), details)


@dataclass(frozen=True, slots=True)
class AbsentMaker:
    """Somebody who is asked for, and cannot be had on this machine."""

    name: str
    reason: str

    def resolve(self, file: FileSides, conflict: Conflict) -> Answer:
        """Says why."""
        return Answer(Declined(self.reason))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One maker at one file, and what stands against it."""

    path: str
    maker: str
    details: JsonObject
    problem: str | None
    """None: what he made is taken."""
    refusals: tuple[Refusal, ...] = ()

    def to_json(self) -> JsonObject:
        """The attempt as a report has it."""
        return {
            "path": self.path,
            "with": self.maker,
            "parsed": is_read(self.path),
            "problem": self.problem,
            **self.details,
        }


@dataclass(frozen=True, slots=True)
class Resolution:
    """How the makers fared with the files of a conflict, in the order in which they were asked."""

    attempts: tuple[Attempt, ...]
    contents: Mapping[str, bytes] | None
    """All files that conflict; None where nobody resolved one of them: half a merge is none."""

    @property
    def taken(self) -> tuple[Attempt, ...]:
        """What the contents come from."""
        return tuple(each for each in self.attempts if each.problem is None)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What the gates said to the file that is left."""
        return tuple(refusal for each in self._left for refusal in each.refusals)

    @property
    def problem(self) -> str:
        """Why there are no contents: what became of everybody at the file that is left."""
        left = self._left
        path = f"{left[0].path}: "
        if len(left) == 1:
            return f"{path}{left[0].problem}"
        return path + "; ".join(f"{each.maker}: {each.problem}" for each in left)

    @property
    def _left(self) -> tuple[Attempt, ...]:
        return tuple(each for each in self.attempts if each.path == self.attempts[-1].path)


def resolve(
    conflict: Conflict,
    makers: Sequence[Maker],
    progress: Callable[[str], None] = lambda _: None,
) -> Resolution:
    """All files of a conflict, each by the first maker whose resolution passes the gates."""
    attempts: list[Attempt] = []
    contents: dict[str, bytes] = {}
    for file in conflict.files:
        for maker in makers:
            progress(f"asking {maker.name} about {file.path}")
            answer = maker.resolve(file, conflict)
            attempts.append(_attempt(file, maker, answer))
            if attempts[-1].problem is None and isinstance(answer.outcome, bytes):
                contents[file.path] = answer.outcome
                break
        else:
            return Resolution(tuple(attempts), None)
    return Resolution(tuple(attempts), contents)


def _attempt(file: FileSides, maker: Maker, answer: Answer) -> Attempt:
    outcome = answer.outcome
    if isinstance(outcome, Declined):
        return Attempt(file.path, maker.name, answer.details, outcome.reason)
    refusals = (outcome,) if isinstance(outcome, Refusal) else check_file(file, outcome)
    problem = refusals[0].message if refusals else None
    return Attempt(file.path, maker.name, answer.details, problem, refusals)
