"""How closely bundles touch each other, and in which order their combination is looked into.

Touching is no conflict. It says who has to be proved together first: where a check fails, the cause
is likelier between two that change one function than between two that share nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.findings import BundleId, JsonObject
from agentd.conflicts.symbols.findings import Grade

_CLOSENESS: Final = (Grade.SAME_FUNCTION, Grade.SAME_CLASS, Grade.NEIGHBOURS)
NAMES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two bundles that git merges, and what they have to do with each other."""

    left: BundleId
    right: BundleId
    grade: Grade
    names: tuple[str, ...]
    """What the grade rests on."""

    @property
    def distance(self) -> int:
        """0 for the closest."""
        return _CLOSENESS.index(self.grade)

    def to_json(self) -> JsonObject:
        """The interaction as the record has it."""
        return {
            "left": self.left,
            "right": self.right,
            "grade": self.grade.value,
            "names": list(self.names[:NAMES_SHOWN]),
        }


def closest_first(
    bundles: Sequence[BundleId], interactions: Sequence[Interaction]
) -> tuple[BundleId, ...]:
    """The bundles with those that interact side by side, the closest ones first.

    Among equals, and for those that interact with nobody, the given order stands.
    """
    place = {bundle: number for number, bundle in enumerate(bundles)}
    ordered: dict[BundleId, None] = {}
    inside = [each for each in interactions if each.left in place and each.right in place]
    for each in sorted(
        inside, key=lambda one: (one.distance, *sorted((place[one.left], place[one.right])))
    ):
        for bundle in sorted((each.left, each.right), key=lambda one: place[one]):
            ordered.setdefault(bundle)
    return (*ordered, *(bundle for bundle in bundles if bundle not in ordered))
