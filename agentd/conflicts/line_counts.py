"""Whether a merged file has every line as often as its sides leave it there.

Where no two sides change the same stretch, or neighbouring ones, this is exact: what none removes
stays, what one adds comes. Pure: lines and changed stretches in, answers out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from agentd.conflicts.hunk_overlap import span
from agentd.conflicts.line_order import LineFile, bare_lines
from agentd.conflicts.tree_changes import Hunk


def miscounted(file: LineFile) -> tuple[list[bytes], list[bytes]]:
    """The lines of which there are too few, and those of which there are too many.

    Neither where sides meet: then how often a line is right is open, and git let them meet only
    where both say the same or the policy has both kept.
    """
    hunks = _distinct(file)
    if any(span(after)[0] <= span(before)[1] for before, after in pairwise(hunks)):
        return [], []
    expected = Counter(bare_lines(file.base))
    for hunk in hunks:
        expected.subtract(line.removesuffix(b"\n") for line in hunk.removed)
        expected.update(line.removesuffix(b"\n") for line in hunk.added)
    result = Counter(bare_lines(file.result))
    few = sorted(line for line in expected if result[line] < expected[line])
    many = sorted(line for line in result if result[line] > expected[line])
    return few, many


def _distinct(file: LineFile) -> Sequence[Hunk]:
    """All changed stretches in their order; what several sides do alike counts once."""
    found = {(span(hunk), hunk.added): hunk for side in file.sides for hunk in side.hunks}
    return [found[key] for key in sorted(found)]
