"""Finds the text files that several sides changed, for the ledger to look at their order.

Reads each side's changed stretches from the trees themselves, with the algorithm that git merges
by; what a merge said is not used. What the order should be is not this module's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.freshness import Placed
from agentd.conflicts.git_names import ObjectId, TreeId
from agentd.conflicts.line_order import LineFile, LineSide
from agentd.conflicts.quarantine import Quarantine
from agentd.conflicts.tree_changes import FileHunks

_TEXT_MODES: Final = ("100644", "100755")
_PATHSPECS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Woven:
    """A file before its contents are read."""

    path: str
    base: ObjectId
    result: ObjectId
    sides: tuple[LineSide, ...]


def woven_files(
    quarantine: Quarantine, tip_tree: TreeId, result: TreeId, accepted: Sequence[Placed]
) -> tuple[LineFile, ...]:
    """The files of the integration, and of the stale bundles' merges onto the tip before it."""
    found = [
        *_woven_on_tip(quarantine, tip_tree, result, accepted),
        *_woven_with_target(quarantine, tip_tree, accepted),
    ]
    contents = quarantine.read_blobs([blob for each in found for blob in (each.base, each.result)])
    return tuple(
        LineFile(each.path, contents[each.base], contents[each.result], each.sides)
        for each in found
        if b"\0" not in contents[each.base] + contents[each.result]
    )


def _woven_on_tip(
    quarantine: Quarantine, tip_tree: TreeId, result: TreeId, accepted: Sequence[Placed]
) -> list[_Woven]:
    distinct = {str(each.tree): each for each in accepted}  # Twins are one side.
    changed = quarantine.hunks([(str(tip_tree), tree) for tree in distinct], renames=True)
    sides: dict[str, list[tuple[Placed, FileHunks]]] = {}
    for each, files in zip(distinct.values(), changed, strict=True):
        for file in files:
            if _is_edited_text(file):
                path = file.change.old_path or file.change.path
                sides.setdefault(path, []).append((each, file))
    finals = {
        path: next((f.change.path for _, f in files if f.change.old_path is not None), path)
        for path, files in sides.items()
    }
    there = _blobs(quarantine, result, set(finals.values()))
    found = []
    for path, changes in sorted(sides.items()):
        blob = there.get(finals[path])
        if blob is None or all(file.change.new_blob == blob for _, file in changes):
            continue  # Gone, which is the ledger's to judge, or exactly what its only side has.
        found.append(
            _Woven(
                finals[path],
                ObjectId(changes[0][1].change.old_blob),
                blob,
                tuple(LineSide(one.candidate.bundle_id, file.hunks) for one, file in changes),
            )
        )
    return found


def _woven_with_target(
    quarantine: Quarantine, tip_tree: TreeId, accepted: Sequence[Placed]
) -> list[_Woven]:
    found = []
    by_base: dict[TreeId, list[Placed]] = {}
    for each in accepted:
        base_tree = each.candidate.base_tree
        if base_tree is not None and base_tree != tip_tree:
            by_base.setdefault(base_tree, []).append(each)
    for base_tree, stale in sorted(by_base.items()):
        paths = sorted({path for each in stale for path in each.candidate.paths})
        pairs = [(str(base_tree), str(tree)) for tree in _trees_of(tip_tree, stale)]
        drift, *changed = (
            {file.change.path: file for file in files if _is_edited_text(file)}
            for files in quarantine.hunks(
                pairs, paths=paths if len(paths) <= _PATHSPECS_MAX else ()
            )
        )
        for each, files in zip(stale, changed, strict=True):
            both = {path: (drift[path], files[path]) for path in drift.keys() & files.keys()}
            there = _blobs(quarantine, TreeId(str(each.tree)), set(both)) if both else {}
            found += [
                _Woven(
                    path,
                    ObjectId(own.change.old_blob),
                    there[path],
                    (
                        LineSide("the target", moved.hunks),
                        LineSide(each.candidate.bundle_id, own.hunks),
                    ),
                )
                for path, (moved, own) in sorted(both.items())
                if path in there
            ]
    return found


def _trees_of(tip_tree: TreeId, stale: Sequence[Placed]) -> list[TreeId]:
    return [tip_tree, *(TreeId(str(each.candidate.tree)) for each in stale)]


def _is_edited_text(file: FileHunks) -> bool:
    change = file.change
    return (
        change.status in "MR"
        and not change.binary
        and change.old_mode in _TEXT_MODES
        and change.new_mode in _TEXT_MODES
    )


def _blobs(quarantine: Quarantine, tree: TreeId, paths: set[str]) -> Mapping[str, ObjectId]:
    return {
        path: blob
        for path, (mode, blob) in quarantine.entries(tree).items()
        if path in paths and mode in _TEXT_MODES
    }
