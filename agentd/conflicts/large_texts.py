"""Which files are too large to be compared and merged by lines, and what is said about that.

git takes them for binary (`Quarantine.within`), so that comparing them costs nothing; here merging
is kept from their lines as well. It must not know who wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentd.conflicts.bundles.admission import Candidate
from agentd.conflicts.findings import Finding, FindingKind, info
from agentd.conflicts.git.isolation import asked_of_each
from agentd.conflicts.git.names import ObjectId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.trees.changes import MODE_ABSENT, MODE_GITLINK, MODE_TREE
from agentd.conflicts.trees.entries import ObjectInfo, look_up

_FILES_SHOWN = 20


def large_texts(
    quarantine: Quarantine, tip_tree: TreeId, candidates: Sequence[Candidate], bytes_max: int
) -> dict[str, int]:
    """The size of the largest version of each changed file that is over the limit, by path."""
    blobs: dict[str, set[ObjectId]] = {}
    for each in candidates:
        for change in each.changes:
            sides = ((change.old_mode, change.old_blob), (change.new_mode, change.new_blob))
            for mode, blob in sides if change.binary else ():
                if mode not in (MODE_ABSENT, MODE_GITLINK):
                    for path in change.paths:
                        blobs.setdefault(path, set()).add(ObjectId(blob))
    paths = {path for each in candidates if each.tree is not None for path in each.paths}
    there = quarantine.entries_at((tip_tree, path) for path in paths)
    for (_, path), (mode, blob) in there.items():
        if mode not in (MODE_TREE, MODE_GITLINK):
            blobs.setdefault(path, set()).add(blob)
    wanted = sorted({blob for those in blobs.values() for blob in those})
    looked = asked_of_each(wanted, lambda some: look_up(quarantine, some))
    sizes = {info.object_id: info.size for info in looked if isinstance(info, ObjectInfo)}
    largest = {
        path: max((sizes.get(blob, 0) for blob in those), default=0)
        for path, those in blobs.items()
    }
    return {path: size for path, size in largest.items() if size > bytes_max}


def compared_whole(
    candidates: Sequence[Candidate], large: Mapping[str, int], bytes_max: int
) -> list[Finding]:
    """What is said to those who change such files."""
    return [
        _finding(paths, large, bytes_max).about(each.bundle_id)
        for each in candidates
        if each.tree is not None and (paths := [path for path in each.paths if path in large])
    ]


def _finding(paths: Sequence[str], large: Mapping[str, int], bytes_max: int) -> Finding:
    first = paths[0]
    more = f", as are {len(paths) - 1} more of its files" if len(paths) > 1 else ""
    return info(
        FindingKind.COMPARED_WHOLE,
        f"{first} has {large[first]:,} bytes, and the policy has {bytes_max:,} compared by lines: "
        f"it is compared and merged as a whole{more}, so that two changes of it never go together; "
        "split the file, or have `[limits] text_bytes_max` raised.",
        first,
        files={path: large[path] for path in paths[:_FILES_SHOWN]},
        limit=bytes_max,
    )
