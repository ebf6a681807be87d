"""Finds the text files that several sides changed, for the ledger to look at line by line.

Reads each side's changed stretches from the trees themselves, with the algorithm that git merges
by; what a merge said is not used. What should come out is not this module's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.findings import BundleId
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import ObjectId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.ledger.books import Files, is_opaque
from agentd.conflicts.ledger.line_order import LineFile, LineSide
from agentd.conflicts.trees.changes import FileHunks

_TEXT_MODES: Final = ("100644", "100755")
_PATHSPECS_MAX: Final = 2_000

_ByOldPath = Mapping[str, FileHunks]


@dataclass(frozen=True, slots=True)
class Strands:
    """The text files that each side edits, moved or not, by the path before."""

    own: Mapping[BundleId, _ByOldPath]
    """From a bundle's base to its tree."""
    on_tip: Mapping[BundleId, _ByOldPath]
    """From the target to the target with the bundle."""
    drift: Mapping[TreeId, _ByOldPath]
    """From a base to the target."""


@dataclass(frozen=True, slots=True)
class Woven:
    """A file that several sides edit, before its contents are read."""

    path: str
    """Where the result has it."""
    base: ObjectId
    result: ObjectId
    sides: tuple[LineSide, ...]


def read_strands(
    quarantine: Quarantine, tip_tree: TreeId, accepted: Sequence[Placed], paths: Iterable[str]
) -> Strands:
    """Reads all changed lines; of what the target did since old bases, in some paths alone."""
    pairs = [
        pair
        for each in accepted
        for pair in (
            (str(tip_tree), str(each.tree)),
            (str(each.candidate.base_tree), str(each.candidate.tree)),
        )
    ]
    distinct = list(dict.fromkeys(pairs))
    read = dict(zip(distinct, quarantine.hunks(distinct, renames=True), strict=True))
    bases = sorted({TreeId(base) for base, _ in distinct} - {tip_tree})
    wanted = sorted(set(paths))
    drift = quarantine.hunks(
        [(str(base), str(tip_tree)) for base in bases],
        renames=True,
        paths=wanted if len(wanted) <= _PATHSPECS_MAX else (),
    )
    ids = [each.candidate.bundle_id for each in accepted]
    return Strands(
        on_tip={who: _edited(read[pair]) for who, pair in zip(ids, pairs[::2], strict=True)},
        own={who: _edited(read[pair]) for who, pair in zip(ids, pairs[1::2], strict=True)},
        drift={base: _edited(files) for base, files in zip(bases, drift, strict=True)},
    )


def find_woven(
    strands: Strands, tip_tree: TreeId, accepted: Sequence[Placed], target: Files, result: Files
) -> list[Woven]:
    """The files of the integration, and of the stale bundles' merges onto the tip before it.

    `target` and `result` hold every path that somebody touches.
    """
    return [
        *_woven_together(strands, accepted, result),
        *(
            woven
            for each in accepted
            if each.candidate.base_tree is not None and each.candidate.base_tree != tip_tree
            for woven in _woven_with_target(strands, each, each.candidate.base_tree, target)
        ),
    ]


def read_woven(found: Sequence[Woven], contents: Mapping[ObjectId, bytes]) -> tuple[LineFile, ...]:
    """The files with their contents; what git takes for binary, or is not read, is left out."""
    return tuple(
        LineFile(each.path, contents[each.base], contents[each.result], each.sides)
        for each in found
        if each.base in contents
        and each.result in contents
        and not is_opaque(contents[each.base])
        and not is_opaque(contents[each.result])
    )


def _woven_together(strands: Strands, accepted: Sequence[Placed], result: Files) -> list[Woven]:
    distinct = {str(each.tree): each.candidate.bundle_id for each in accepted}  # Twins are one.
    sides: dict[str, list[tuple[BundleId, FileHunks]]] = {}
    for who in distinct.values():
        for path, file in strands.on_tip[who].items():
            sides.setdefault(path, []).append((who, file))
    found = []
    added = {path for each in accepted for path in _added(each)}
    for path, changes in sorted(sides.items()):
        final = next((f.change.path for _, f in changes if f.change.old_path is not None), path)
        there = result.get(final)
        if there is None or there.mode not in _TEXT_MODES:
            continue  # Gone or something else, which the ledger sees by itself.
        if final != path and final in added:
            continue  # It met a file of somebody's there.
        if all(file.change.new_blob == there.blob for _, file in changes):
            continue  # Exactly what its only side has.
        found.append(
            Woven(
                final,
                ObjectId(changes[0][1].change.old_blob),
                ObjectId(there.blob),
                tuple(LineSide(who, file.hunks) for who, file in changes),
            )
        )
    return found


def _woven_with_target(strands: Strands, each: Placed, base: TreeId, target: Files) -> list[Woven]:
    """What placing one stale bundle on the tip had to weave together."""
    who = each.candidate.bundle_id
    on_tip = {file.change.path: file for file in strands.on_tip[who].values()}
    found = []
    for path, own in sorted(strands.own[who].items()):
        drift = strands.drift[base].get(path)
        final = own.change.path if own.change.old_path or drift is None else drift.change.path
        made = on_tip.get(final) or drift
        if made is not None and made.change.path != final:
            continue  # Moved to two places, which never merges.
        if final != path and final in _added(each):
            continue
        if made is None and final not in target:
            continue  # Gone, which the ledger sees by itself.
        blob = target[final].blob if made is None else made.change.new_blob
        if blob == own.change.new_blob:
            continue
        sides = [LineSide(who, own.hunks)]
        if drift is not None:
            sides.insert(0, LineSide("the target", drift.hunks))
        found.append(
            Woven(
                final,
                ObjectId(own.change.old_blob),
                ObjectId(blob),
                tuple(sides),
            )
        )
    return found


def _added(each: Placed) -> set[str]:
    return {change.path for change in each.candidate.changes if change.status == "A"}


def _edited(files: Iterable[FileHunks]) -> _ByOldPath:
    return {
        file.change.old_path or file.change.path: file
        for file in files
        if file.change.status in "MR"
        and not file.change.binary
        and file.change.old_mode in _TEXT_MODES
        and file.change.new_mode in _TEXT_MODES
    }
