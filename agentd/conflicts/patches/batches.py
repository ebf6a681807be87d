"""Applies many plain patches to their bases, with as few questions to git as for one.

The trees are those that `git apply` gives for each. What is not plain, or does not fit, is left
out: git is to judge it by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.git.names import ObjectId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.patches.plain_patch import PlainFile, parents, plain_files
from agentd.conflicts.trees.edits import Edits, NewFile
from agentd.conflicts.trees.entries import BYTES_AT_ONCE

_PATCHED_BYTES_MAX: Final = 8 * 2**20
"""What a patch may edit to be applied here; git does without holding so much in many pieces."""

_Entries = Mapping[tuple[str, str], tuple[str, ObjectId]]


@dataclass(frozen=True, slots=True)
class _Plain:
    number: int
    base: TreeId
    files: tuple[PlainFile, ...]
    patch_bytes: int


def plain_trees(
    quarantine: Quarantine, patches: Mapping[int, tuple[TreeId, bytes]]
) -> dict[int, TreeId]:
    """The trees of those patches that are plain and fit their base (a tree) exactly, by number."""
    plain = [
        _Plain(number, base, files, len(patch))
        for number, (base, patch) in patches.items()
        if (files := plain_files(patch)) is not None
    ]
    entries = quarantine.entries_at(
        (each.base, path)
        for each in plain
        for file in each.files
        for path in (file.path, *(parents(file.path) if file.new else ()))
    )
    plain = [each for each in plain if all(_is_ready(each.base, f, entries) for f in each.files)]
    trees: dict[int, TreeId] = {}
    for portion in _portions(quarantine, plain, entries):
        edits = _edits(quarantine, portion, entries)
        fitting = [each for each in portion if each.number in edits]
        made = quarantine.make_trees([(each.base, edits[each.number]) for each in fitting])
        trees |= {each.number: tree for each, tree in zip(fitting, made, strict=True)}
    return trees


def _portions(
    quarantine: Quarantine, plain: Sequence[_Plain], entries: _Entries
) -> Iterator[list[_Plain]]:
    """So many patches at a time as may be held with what they make; the largest ones never."""
    edited = {
        each.number: [entries[each.base, file.path][1] for file in each.files if not file.new]
        for each in plain
    }
    sizes = quarantine.sizes_of([blob for blobs in edited.values() for blob in blobs])
    portion: list[_Plain] = []
    held = 0
    for each in plain:
        size = each.patch_bytes + sum(sizes[blob] for blob in edited[each.number])
        if size > _PATCHED_BYTES_MAX:
            continue
        if portion and held + size > BYTES_AT_ONCE:
            yield portion
            portion, held = [], 0
        portion.append(each)
        held += size
    if portion:
        yield portion


def _is_ready(base: TreeId, file: PlainFile, entries: _Entries) -> bool:
    """Whether the base has an ordinary file there; of a new one, nothing in its way."""
    there = entries.get((base, file.path))
    if file.new:
        above = (entries.get((base, parent)) for parent in parents(file.path))
        return there is None and all(each is None or each[0] == "040000" for each in above)
    return there is not None and there[0] in ("100644", "100755") and file.mode in (None, there[0])


def _edits(quarantine: Quarantine, plain: Sequence[_Plain], entries: _Entries) -> dict[int, Edits]:
    """By number, what the patches make of their bases' files, where every hunk fits."""
    wanted: dict[ObjectId, list[tuple[_Plain, PlainFile]]] = {}
    edits: dict[int, dict[str, NewFile | None]] = {each.number: {} for each in plain}
    for each in plain:
        for file in each.files:
            if file.new:
                content = file.applied(b"")
                assert content is not None, "what is new fits nowhere else"
                edits[each.number][file.path] = NewFile(str(file.mode), content)
            else:
                wanted.setdefault(entries[each.base, file.path][1], []).append((each, file))
    for blob, before in quarantine.read_blobs(list(wanted)).items():
        for each, file in wanted[blob]:
            after = file.applied(before)
            if after is None:
                edits.pop(each.number, None)
            elif each.number in edits:
                mode = entries[each.base, file.path][0]
                edits[each.number][file.path] = NewFile(mode, after)
    return dict(edits)
