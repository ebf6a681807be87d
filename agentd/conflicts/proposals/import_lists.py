"""Opens lists of imported names that stand on one line, a name a line, and closes them again.

Two sides that each add a name to `from shop import cart, price` change the same line, so lines
cannot tell that the two have nothing to do with each other. Opened, each inserts a line of its own.
What is opened still parses in its language; a form feed marks it, so that closing gives back what
was there to the byte. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Final, TypeAlias

from agentd.conflicts.hunk_overlap import span
from agentd.conflicts.proposals.regions import LineMerge, Lines, lines_of
from agentd.conflicts.trees.changes import Hunk

_MARK: Final = b"\f"
"""White space to every reader here, and in hardly any file; a file that has one is left alone."""
_BRACKETED: Final = _MARK * 2
"""Marks a list that has its brackets only while it is open."""
_HUNK_LINES_MAX: Final = 2_000
_NAME: Final = rb"[\w$\x80-\xff]+"
_ALIAS: Final = rb"(?: as " + _NAME + rb")?"


def _statement(head: bytes, tail: bytes, name: bytes = _NAME) -> re.Pattern[bytes]:
    names = rb"(?P<names>" + name + _ALIAS + rb"(?:, " + name + _ALIAS + rb")*)"
    return re.compile(rb"(?P<head>" + head + rb")" + names + rb"(?P<tail>" + tail + rb"\r?\n?)")


_PYTHON: Final = (
    _statement(rb"[ \t]*from [^\s#]+ import \(", rb"\)[ \t]*(?:#[^\r\n]*)?"),
    _statement(rb"[ \t]*from [^\s#]+ import ", rb"[ \t]*(?:#[^\r\n]*)?"),
)
_SCRIPT: Final = (
    _statement(
        rb"(?:import|export) (?:type )?(?:" + _NAME + rb", )?\{ ?",
        rb" ?\} from (?:\"[^\"\r\n]*\"|'[^'\r\n]*');?",
        rb"(?:type )?" + _NAME,
    ),
)
_RUST: Final = (
    _statement(
        rb"[ \t]*(?:pub(?:\([\w: ]+\))? )?use (?:::)?(?:" + _NAME + rb"::)+\{",
        rb"\};",
        _NAME + rb"(?:::" + _NAME + rb")*",
    ),
)
_STATEMENTS: Final[Mapping[str, Sequence[re.Pattern[bytes]]]] = {
    **dict.fromkeys((".py", ".pyi"), _PYTHON),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"), _SCRIPT),
    ".rs": _RUST,
}
_Statement: TypeAlias = tuple[bytes, bytes]
"""What stands before the names, and what behind them without the line's end."""


@dataclass(frozen=True, slots=True)
class ImportLists:
    """Some import statements of a file, by what is around their names."""

    path: str
    statements: frozenset[_Statement] = frozenset()

    def opened(self, content: bytes) -> bytes:
        """The content with those statements opened; the same where it holds a form feed."""
        if not self.statements or _MARK in content:
            return content
        return b"".join(line for lines in map(self._opened, lines_of(content)) for line in lines)

    def closed(self, content: bytes) -> bytes:
        """The content as it was before it was opened, with what has been put into the lists."""
        if not self.statements:
            return content
        return b"".join(_closed(lines_of(content)))

    def hunks(self, base: bytes, side: bytes, hunks: Sequence[Hunk]) -> tuple[Hunk, ...]:
        """The hunks between two contents, as they are between the opened ones."""
        old, new = ([self._opened(line) for line in lines_of(each)] for each in (base, side))
        old_places, new_places = (
            list(accumulate(map(len, groups), initial=0)) for groups in (old, new)
        )
        found: list[Hunk] = []
        for hunk in hunks:
            start, end = span(hunk)
            first = hunk.new_start - 1 if hunk.new_count else hunk.new_start
            removed = _flat(old[start:end])
            added = _flat(new[first : first + hunk.new_count])
            at, new_at = old_places[start], new_places[first]
            if (removed, added) == (hunk.removed, hunk.added):
                found.append(_hunk(at, new_at, removed, added))
            else:
                found += _parted(at, new_at, removed, added)
        return tuple(found)

    def _opened(self, line: bytes) -> Lines:
        match = _match(self.path, line)
        if match is None or _key(match) not in self.statements:
            return (line,)
        head, tail = match["head"], match["tail"]
        names = (_MARK + name + b",\n" for name in match["names"].split(b", "))
        if head.endswith(b"import "):
            return (head + b"(" + _BRACKETED + b"\n", *names, b")" + tail)
        return (head + _MARK + b"\n", *names, tail)


def lists_in_conflict(path: str, contents: Iterable[bytes], merge: LineMerge) -> ImportLists:
    """The statements that both sides changed, and only as far as their names go.

    `merge` is that of the contents, base, left and right.
    """
    if PurePosixPath(path).suffix not in _STATEMENTS or any(_MARK in each for each in contents):
        return ImportLists(path)
    found: set[_Statement] = set()
    for region in merge.regions:
        versions = (region.base, region.left, region.right)
        keys = [
            {_key(match) for line in lines if (match := _match(path, line)) is not None}
            for lines in versions
        ]
        found |= set.intersection(*keys)
    return ImportLists(path, frozenset(found))


def _match(path: str, line: bytes) -> re.Match[bytes] | None:
    for pattern in _STATEMENTS[PurePosixPath(path).suffix]:
        match = pattern.fullmatch(line)
        if match is not None:
            return match
    return None


def _key(match: re.Match[bytes]) -> _Statement:
    return match["head"], match["tail"].rstrip(b"\r\n")


def _closed(lines: Lines) -> Iterator[bytes]:
    rest = iter(lines)
    for line in rest:
        if not line.endswith(_MARK + b"\n"):
            yield line
            continue
        names, tail = [], b""
        for tail in rest:
            if not tail.startswith(_MARK):
                break
            names.append(tail.strip().removesuffix(b","))
        head = line.removesuffix(b"\n")
        if head.endswith(b"(" + _BRACKETED):
            head, tail = head.removesuffix(b"(" + _BRACKETED), tail.removeprefix(b")")
        yield head.removesuffix(_MARK) + b", ".join(names) + tail


def _flat(groups: Iterable[Lines]) -> Lines:
    return tuple(line for lines in groups for line in lines)


def _parted(at: int, new_at: int, removed: Lines, added: Lines) -> Iterator[Hunk]:
    """One stretch as the differences that are left in it; as it is where it is very long."""
    if max(len(removed), len(added)) > _HUNK_LINES_MAX:
        yield _hunk(at, new_at, removed, added)
        return
    matcher = SequenceMatcher(None, removed, added, autojunk=False)
    for tag, first, last, new_first, new_last in matcher.get_opcodes():
        if tag != "equal":
            lines = removed[first:last], added[new_first:new_last]
            yield _hunk(at + first, new_at + new_first, *lines)


def _hunk(at: int, new_at: int, removed: Lines, added: Lines) -> Hunk:
    """A hunk by the places, counted from 0, at which its lines stand."""
    return Hunk(
        at + bool(removed),
        len(removed),
        new_at + bool(added),
        len(added),
        removed,
        added,
    )
