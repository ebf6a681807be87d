"""Whether a merged file has every line as often as its sides leave it there.

Where no two sides change the same stretch, or neighbouring ones, this is exact: what none removes
stays, what one adds comes. Pure: lines and changed stretches in, answers out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from agentd.conflicts.hunk_overlap import span
from agentd.conflicts.ledger.line_order import LineFile, bare_lines
from agentd.conflicts.patches.changed_text import with_hunks
from agentd.conflicts.trees.changes import Hunk


def is_exactly_woven(file: LineFile) -> bool:
    """Whether the result is the common version with all changes in it, byte for byte.

    Then every line is there as often as it should be, and every side's order is kept; finding out
    takes a fraction of the time. It says nothing where sides meet.
    """
    hunks = _distinct(file)
    return not _meet(hunks) and with_hunks(file.base, hunks) == file.result


def miscounted(file: LineFile) -> tuple[list[bytes], list[bytes]]:
    """The lines of which there are too few, and those of which there are too many.

    Neither where sides meet: then how often a line is right is open, and git let them meet only
    where both say the same or the policy has both kept.
    """
    hunks = _distinct(file)
    if _meet(hunks):
        return [], []
    expected = Counter(bare_lines(file.base))
    for hunk in hunks:
        expected.subtract(line.removesuffix(b"\n") for line in hunk.removed)
        expected.update(line.removesuffix(b"\n") for line in hunk.added)
    result = Counter(bare_lines(file.result))
    differing = {line for line, _ in result.items() ^ expected.items()}
    few = sorted(line for line in differing if result[line] < expected[line])
    many = sorted(line for line in differing if result[line] > expected[line])
    return few, many


def _meet(hunks: Sequence[Hunk]) -> bool:
    return any(span(after)[0] <= span(before)[1] for before, after in pairwise(hunks))


def _distinct(file: LineFile) -> Sequence[Hunk]:
    """All changed stretches in their order; what several sides do alike counts once."""
    found = {(span(hunk), hunk.added): hunk for side in file.sides for hunk in side.hunks}
    return [found[key] for key in sorted(found)]
