"""Says why what two sides add in one place is not independent, if it is not. Pure.

Whatever is refused here is left to people. Each rule names what ties the two together: a name, a
use, an issue, the same thing done twice, or imports that share a module.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Final

from agentd.conflicts.proposals.blocks import Block, Kind, Part
from agentd.conflicts.proposals.regions import Lines

_ALIKE: Final = 0.75
"""So much of the words in one order, or of the shorter one's lines in any, are one thing twice."""
_SHARED: Final = 0.5
_SHARED_MIN: Final = 4
"""Fewer lines are alike by chance."""
_FROM: Final = re.compile(
    rb"\s*from\s+(\S+)\s+import\b|\s*(?:import|export)\b.*\bfrom\s+(\"[^\"]*\"|'[^']*')"
)
_ISSUE: Final = re.compile(r"(?:#|\bgh-?|\bissue[ #-]?)(\d{2,})", re.IGNORECASE)
_NOTE: Final = re.compile(rb"#|//|/\*")
_PLACED: Final = re.compile(rb"[ \t]*#\[macro_use\b")
_WORD: Final = re.compile(rb"[^\W\d]\w*")
_BULLET: Final = re.compile(rb"[ \t]*[-*+\xe2\x80\xa2]+(?=[ \t])")


class Refused(Exception):
    """Why two things are not joined, in a half sentence."""


def check_independent(left: Block, right: Block, kind: Kind) -> None:
    """Refuses two additions that have to do with each other."""
    common = left.names & right.names
    if common:
        raise Refused(f"both add {min(common)}")
    if set(left.texts) & set(right.texts):
        raise Refused("they add the same in part")
    if len(_indents(left) | _indents(right)) > 1 and kind is not Kind.ITEM:
        raise Refused("they are indented differently")  # They stand in different blocks, or will.
    if (
        kind not in (Kind.ITEM, Kind.SECTION)
        and right.parts[0].first == 0
        and _NOTE.match(right.body[0])
    ):
        raise Refused("a comment at the top of a file has to stay there")
    if kind is Kind.DEFINITION:
        _check_uses(left, right)
        issues = _issues(left) & _issues(right)
        if issues:
            raise Refused(f"both are about issue {min(issues)}")
    if kind in (Kind.DEFINITION, Kind.ITEM, Kind.SECTION) and any(
        _alike(one, other) for one in _texts(left) for other in _texts(right)
    ):
        raise Refused("they add nearly the same")
    if kind is Kind.ITEM and len(_bullets(left) | _bullets(right)) > 1:
        raise Refused("their list items have different marks")  # Another mark begins another list.
    if kind is Kind.IMPORT and (_packages(left) & right.names or _packages(right) & left.names):
        raise Refused("one imports a package, the other something of its name")
    if any(_PLACED.match(line) for line in left.body + right.body):
        raise Refused("what it brings is seen only below it")
    if kind is Kind.IMPORT and _sources(left) & _sources(right):
        raise Refused("both import from the same module, in statements of their own")
    if kind is Kind.IMPORT and not _of_one_group(left, right):
        raise Refused("their imports belong to several groups")


def _indents(block: Block) -> set[bytes]:
    """The white space before its parts."""
    return {text[0][: len(text[0]) - len(text[0].lstrip())] for text in block.texts}


def _packages(block: Block) -> set[str]:
    """The names that are bound by imports of modules within packages."""
    return {name.partition(".")[0] for name in block.names if "." in name}


def _check_uses(left: Block, right: Block) -> None:
    for one, other in ((left, right), (right, left)):
        words = {word.decode() for line in other.body for word in _WORD.findall(line)}
        used = {name.rpartition(".")[2] for name in one.names} & words
        if used:
            raise Refused(f"one uses {min(used)}, which the other adds")


def _issues(block: Block) -> set[str]:
    """The issues that its names are about, such as tests have them in their titles."""
    return {issue for name in block.names for issue in _ISSUE.findall(name)}


def _texts(block: Block) -> Iterator[Lines]:
    """Its parts, and the items in its sections, each by itself."""
    start = block.parts[0].first
    yield from block.texts
    for part in block.parts:
        if part.kind is Kind.SECTION:
            for item in _items(part):
                yield block.body[item.first - start : item.last - start]


def _items(part: Part) -> Iterator[Part]:
    for each in part.inside.parts if part.inside is not None else ():
        if each.kind is Kind.ITEM:
            yield each
        yield from _items(each)


def _bullets(block: Block) -> set[bytes]:
    """The marks of its list items, as deep as they stand."""
    found = (_BULLET.match(text[0]) for text in block.texts)
    return {each[0] for each in found if each is not None}


def _of_one_group(left: Block, right: Block) -> bool:
    """Whether neither parts its imports from the others, or both do in one way."""
    within = any(not line.strip() for line in left.body + right.body)
    return not within and left.lead + left.trail == right.lead + right.trail


def check_only_here(block: Block, base: bytes, other: bytes) -> None:
    """Refuses what the other side adds, too, somewhere else in the file."""
    before, now = (_inked(content.split(b"\n")) for content in (base, other))
    for text in map(_inked, block.texts):
        if text in now and text not in before:
            raise Refused("the other side adds the same in another place")


def _inked(lines: Iterable[bytes]) -> bytes:
    """Some lines as one text, without blank ones and white space at their ends."""
    return b"\n".join([b"", *(line.strip() for line in lines if line.strip()), b""])


def still_used(block: Block, side: bytes, merged: bytes) -> None:
    """Refuses an import that its side uses and that nobody uses any more in the merged file."""
    before, after = (Counter(_WORD.findall(content)) for content in (side, merged))
    for part, text in zip(block.parts, block.texts, strict=True):
        own = Counter(_WORD.findall(b"".join(text)))
        for name in part.names:
            word = _WORD.search(name.encode())
            if word is not None and before[word[0]] > own[word[0]] >= after[word[0]]:
                raise Refused(f"{name} is imported, and the other side removes its use")


def _sources(block: Block) -> set[bytes]:
    """The modules that whole statements import names from."""
    found = [_FROM.match(b" ".join(b"".join(text).split())) for text in block.texts]
    return {each[1] or each[2] for each in found if each is not None}


def _alike(left: Lines, right: Lines) -> bool:
    """Whether two texts are so close that they may be the same thing done twice."""
    one, other = (b"".join(lines).split() for lines in (left, right))
    if SequenceMatcher(None, one, other, autojunk=False).ratio() > _ALIKE:
        return True
    mine, others = (
        Counter(line.strip() for line in lines if _WORD.search(line)) for lines in (left, right)
    )
    shorter = min(mine.total(), others.total())
    return shorter >= _SHARED_MIN and (mine & others).total() >= _SHARED * shorter
