"""Which words differ between the old and the new lines of a hunk.

Pure: lines in, stretches of characters out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, TypeAlias

Stretch: TypeAlias = tuple[int, int]
"""Half-open, counted in characters from the line's beginning."""

WORK_MAX: Final = 100_000
"""Words of one side times words of the other, beyond which no words are compared."""
ALIKE_MIN: Final = 0.35
"""Below this likeness everything has changed, and marks would only be noise."""

_WORD = re.compile(r"\w+|\n|[^\S\n]+|[^\w\s]")


def changed_words(
    old: Sequence[str], new: Sequence[str]
) -> tuple[list[list[Stretch]], list[list[Stretch]]]:
    """For each old and each new line the stretches that the other side does not have."""
    nothing = _no_marks(old), _no_marks(new)
    before, after = _WORD.findall("\n".join(old)), _WORD.findall("\n".join(new))
    if not before or not after or len(before) * len(after) > WORK_MAX:
        return nothing
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    kept_old, kept_new = [False] * len(before), [False] * len(after)
    for match in matcher.get_matching_blocks():
        for offset in range(match.size):
            kept_old[match.a + offset] = kept_new[match.b + offset] = True
    if _likeness(before, kept_old) + _likeness(after, kept_new) < 2 * ALIKE_MIN:
        return nothing
    return _stretches(before, kept_old, len(old)), _stretches(after, kept_new, len(new))


def _likeness(words: Sequence[str], kept: Sequence[bool]) -> float:
    """The share of the words that stay; space between them says nothing."""
    stays = [stay for word, stay in zip(words, kept, strict=True) if not word.isspace()]
    return sum(stays) / len(stays) if stays else 0.0


def _no_marks(lines: Sequence[str]) -> list[list[Stretch]]:
    return [[] for _ in lines]


def _stretches(words: Sequence[str], kept: Sequence[bool], lines: int) -> list[list[Stretch]]:
    found: list[list[Stretch]] = [[] for _ in range(lines)]
    line = column = 0
    for word, stays in zip(words, kept, strict=True):
        if word == "\n":
            line, column = line + 1, 0
            continue
        end = column + len(word)
        if not stays and (column or not word.isspace()):
            if found[line] and found[line][-1][1] == column:
                found[line][-1] = (found[line][-1][0], end)
            else:
                found[line].append((column, end))
        column = end
    return found
