"""Who can make a resolution of a conflicting file, and how several are asked in turn. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agentd.conflicts.proposals.entities import Merged, merge_entities
from agentd.conflicts.proposals.gates import Refusal, check_file
from agentd.conflicts.proposals.sides import Conflict, Declined, FileSides, Resolution


class Maker(Protocol):
    """Whoever resolves files."""

    @property
    def name(self) -> str:
        """What a proposal says that it was made with."""
        ...

    def resolve(self, file: FileSides, conflict: Conflict) -> bytes | Declined:
        """The whole file without a conflict, or why there is none."""
        ...


class EntityMaker:
    """Merges what both sides add in one place."""

    name = "entity"

    def resolve(self, file: FileSides, conflict: Conflict) -> bytes | Declined:
        """One file, merged by entity."""
        merged = merge_entities(file)
        return merged.content if isinstance(merged, Merged) else merged


def resolve(
    conflict: Conflict, makers: Sequence[Maker]
) -> Resolution | Declined | tuple[Refusal, ...]:
    """All files of a conflict, each by the first maker whose resolution passes the gates.

    One file that nobody resolves leaves the conflict as it is: half a merge is none.
    """
    contents: dict[str, bytes] = {}
    how: dict[str, str] = {}
    for file in conflict.files:
        found = _resolved(file, conflict, makers)
        if not isinstance(found, _Made):
            return found
        contents[file.path], how[file.path] = found
    return Resolution(contents, how)


class _Made(tuple[bytes, str]):
    """A content, and who made it."""


def _resolved(
    file: FileSides, conflict: Conflict, makers: Sequence[Maker]
) -> _Made | Declined | tuple[Refusal, ...]:
    last: Declined | tuple[Refusal, ...] = Declined("nobody was asked", file.path)
    for maker in makers:
        made = maker.resolve(file, conflict)
        if isinstance(made, Declined):
            last = Declined(made.reason, file.path)
            continue
        refusals = check_file(file, made)
        if not refusals:
            return _Made((made, maker.name))
        last = refusals
    return last
