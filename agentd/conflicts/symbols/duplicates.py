"""The same definition from both sides, and a merged file that no longer parses: S5 and parse.

Pure but for looking into trees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname

from agentd.conflicts.symbols.findings import (
    LOOK_AND_ADAPT,
    Level,
    Spot,
    SymbolFinding,
    WhichSide,
    both,
    only_apart,
)
from agentd.conflicts.symbols.naming import Naming, siblings_of
from agentd.conflicts.symbols.spelling import spelled
from agentd.conflicts.symbols.summary import Definition, Kind
from agentd.conflicts.symbols.tree_view import TreeView
from agentd.conflicts.symbols.trees import PairTrees


@dataclass(frozen=True, slots=True)
class Twin:
    """A definition that both sides add under one name."""

    left_path: str
    right_path: str
    left: Definition
    right: Definition

    @property
    def is_same_value(self) -> bool:
        """Whether both are one value of one text."""
        return self.left.kind is Kind.VALUE and self.left.digest == self.right.digest

    @property
    def is_same_import(self) -> bool:
        """Whether both take one name from one place, where that may be said twice."""
        same = bool(self.left.digest) and self.left.digest == self.right.digest
        return self.left.kind is Kind.IMPORT and same


def suspected_twins(trees: PairTrees) -> Iterator[Twin]:
    """Definitions that both add where they share their names."""
    left, right = trees.left.delta, trees.right.delta
    for name in sorted(left.adds & right.adds):
        for left_path, mine in sorted(left.files.items()):
            if name not in mine.added:
                continue
            view = trees.view(WhichSide.LEFT)
            near = set(siblings_of(trees.namings[mine.language], view, left_path))
            for right_path, other in sorted(right.files.items()):
                if name not in other.added or other.language is not mine.language:
                    continue
                if right_path != left_path and mine.added[name][0].kind is Kind.IMPORT:
                    continue  # An import's name is its own file's.
                if right_path != left_path:
                    if dirname(right_path) != dirname(left_path):
                        continue  # One package in two source roots may be in two modules.
                    naming, there = trees.namings[other.language], trees.view(WhichSide.RIGHT)
                    theirs = siblings_of(naming, there, right_path)
                    if not (near & set(theirs) or (left_path in theirs or right_path in near)):
                        continue
                for twin in _same_variants(
                    left_path, right_path, mine.added[name], other.added[name]
                ):
                    rebinds = trees.namings[mine.language].rebinds
                    if not (rebinds and twin.is_same_value) and not twin.is_same_import:
                        yield twin


def _same_variants(
    left_path: str,
    right_path: str,
    left: tuple[Definition, ...],
    right: tuple[Definition, ...],
) -> Iterator[Twin]:
    """One for each variant: where a side has several of one, they are no twins of the other's."""
    others = _first_variants(right)
    for variant, mine in _first_variants(left).items():
        if variant in others:
            yield Twin(left_path, right_path, mine, others[variant])


def _first_variants(definitions: tuple[Definition, ...]) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for each in definitions:
        if not each.repeatable:
            found.setdefault(each.variant, each)
    return found


def confirm_twin(trees: PairTrees, twin: Twin) -> SymbolFinding | None:
    """The finding, where the merged tree has more of them than either side."""
    merged = trees.merged
    if merged is None:
        return None
    language = trees.left.delta.files[twin.left_path].language
    naming = trees.namings[language]
    here = _count(merged, naming, twin)
    sides = [_count(trees.view(which), naming, twin) for which in WhichSide]
    # Where a side has several by itself, that is the file's way: its decorators keep them.
    if here < 2 or max(sides) > 1:
        return None
    symbol = spelled(twin.left.name, language)
    spots = (
        Spot(WhichSide.LEFT, twin.left_path, twin.left.line, f"{symbol} defined"),
        Spot(WhichSide.RIGHT, twin.right_path, twin.right.line, f"{symbol} defined"),
    )
    does = f"import `{symbol.removeprefix('import ')}`"
    if twin.left.kind is not Kind.IMPORT:
        does = f"define `{symbol}`"
    phrase = both(
        f"{does} ({spots[0].path}:{spots[0].line} and {spots[1].path}:{spots[1].line}), and merged "
        "it is there twice"
    )
    advice = "keep one of them, or give one another name"
    return SymbolFinding(Level.TWICE, symbol, spots[0], spots[1], phrase, advice)


def _count(view: TreeView, naming: Naming, twin: Twin) -> int:
    """How many definitions of the name there are where both look."""
    own = [path for path in (twin.left_path, twin.right_path) if view.exists(path)]
    places = set(own)
    if twin.left.kind is not Kind.IMPORT:
        places.update(
            sibling
            for path in own
            for sibling in siblings_of(naming, view, path)
            if dirname(sibling) == dirname(path)
        )
    return sum(
        each.variant == twin.left.variant and not each.repeatable
        for path in sorted(places)
        if (summary := view.summary(path)) is not None and not summary.conditional
        for each in summary.by_name.get(twin.left.name, ())
    )


def suspected_breakage(trees: PairTrees) -> Iterator[str]:
    """Files of both whose changes lie in the same top-level statement, and that parse on both."""
    left, right = trees.left.delta, trees.right.delta
    for path in sorted(left.files.keys() & right.files.keys()):
        mine, other = left.files[path], right.files[path]
        if mine.after is None or other.after is None or mine.after == other.after:
            continue
        if not (mine.after.parsed and other.after.parsed):
            continue
        if mine.before is None or mine.changed_blocks & other.changed_blocks:
            yield path


def confirm_breakage(trees: PairTrees, path: str) -> SymbolFinding | None:
    """The finding, where the merged file has errors that neither side has."""
    merged = trees.merged
    if merged is None:
        return None
    summary = merged.summary(path)
    left, right = (trees.view(which).summary(path) for which in WhichSide)
    if summary is None or left is None or right is None:
        return None
    weaker = left.strict and right.strict and not summary.strict
    if summary.parsed and not weaker:
        sides = (trees.view(which) for which in WhichSide)
        if merged.stands(path) or not all(view.stands(path) for view in sides):
            return None
    spots = [
        Spot(which, path, _first_changed_line(trees, which, path), "changed") for which in WhichSide
    ]
    phrase = only_apart(f"{path} parses", "does not")
    return SymbolFinding(Level.PARSE, path, spots[0], spots[1], phrase, LOOK_AND_ADAPT)


def _first_changed_line(trees: PairTrees, which: WhichSide, path: str) -> int:
    delta = trees.prepared(which).delta.files[path]
    before = {block.digest for block in delta.before.blocks} if delta.before else set()
    lines = [
        block.line
        for block in (delta.after.blocks if delta.after else ())
        if block.digest not in before
    ]
    return min(lines, default=1)
