"""Reads what conflicts between two trees, and puts a resolution into git's merge of them.

Only plain content conflicts are read: a file that all three trees have, with one mode. Everything
else (renames, deletions, modes, binary files) is a question of intent that no proposal answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agentd.conflicts.git.names import ObjectId, TreeId, encoded
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.conflict_kinds import ConflictKind, conflict_kinds
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.result import MergeResult
from agentd.conflicts.proposals.sides import Conflict, Declined, FileSides, Party

FILES_MAX: Final = 50
_FILE_MODES: Final = ("100644", "100755")
_MERGED_BY_LINES: Final = (ConflictKind.CONTENT, ConflictKind.ADJACENT)


def read_conflict(
    quarantine: Quarantine,
    merger: Merger,
    trees: tuple[TreeId, TreeId, TreeId],
    left: Party,
    right: Party,
) -> Conflict | Declined:
    """What conflicts between two trees over a third: `trees` is base, left, right."""
    merged = merger.merge(*trees)
    if merged.clean:
        return Declined("git merges the two")
    problem = _unreadable(merged)
    if problem is not None:
        return problem
    blobs = _blobs(quarantine, trees, merged)
    if isinstance(blobs, Declined):
        return blobs
    contents = quarantine.read_blobs([blob for three in blobs.values() for blob in three])
    if any(b"\0" in contents[blob] for three in blobs.values() for blob in three):
        return Declined("a binary file conflicts")
    base, mine, theirs = (str(tree) for tree in trees)
    hunks = quarantine.hunks([(base, mine), (base, theirs)], paths=list(blobs))
    lefts, rights = ({file.change.path: file.hunks for file in side} for side in hunks)
    files = tuple(
        FileSides(
            path,
            contents[base_blob],
            contents[left_blob],
            contents[right_blob],
            lefts.get(path, ()),
            rights.get(path, ()),
        )
        for path, (base_blob, left_blob, right_blob) in blobs.items()
    )
    return Conflict(left, right, files, merged.tree)


def _unreadable(merged: MergeResult) -> Declined | None:
    other = [kind.value for kind in conflict_kinds(merged) if kind not in _MERGED_BY_LINES]
    if other:
        return Declined(f"it is a conflict of another kind ({', '.join(other)})")
    if not merged.conflicted_paths:
        return Declined("git names no file that conflicts")
    if len(merged.conflicted_paths) > FILES_MAX:
        return Declined(f"more than {FILES_MAX} files conflict")
    return None


def _blobs(
    quarantine: Quarantine, trees: Sequence[TreeId], merged: MergeResult
) -> Mapping[str, tuple[ObjectId, ObjectId, ObjectId]] | Declined:
    listings = [quarantine.entries(tree) for tree in trees]
    found: dict[str, tuple[ObjectId, ObjectId, ObjectId]] = {}
    for path in merged.conflicted_paths:
        entries = [listing[path] for listing in listings if path in listing]
        modes = {mode for mode, _ in entries}
        if len(entries) < len(listings) or len(modes) > 1 or not modes <= {*_FILE_MODES}:
            return Declined("one side moved it, removed it or changed what it is", path)
        base, left, right = (blob for _, blob in entries)
        found[path] = (base, left, right)
    return found


def with_contents(quarantine: Quarantine, merged: TreeId, contents: Mapping[str, bytes]) -> TreeId:
    """Git's merge with other contents for some of its files; their modes stay."""
    modes = {path: mode for path, (mode, _) in quarantine.entries(merged).items()}
    records = b"".join(
        encoded(f"{modes[path]} {quarantine.store_blob(content)}\t") + encoded(path) + b"\0"
        for path, content in sorted(contents.items())
    )
    with quarantine.index_of(merged) as environment:
        quarantine.run(
            ["update-index", "-z", "--index-info"],
            stdin=records,
            environment=environment,
            check=True,
        )
        written = quarantine.run(["write-tree"], environment=environment, check=True)
    return TreeId(written.text)
