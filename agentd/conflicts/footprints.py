"""Reads what each bundle changes on the tip: its lines and its moved files, all in two git calls.

It must not compare anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentd.conflicts.findings import BundleId
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.pairs import Footprint


def take_footprints(
    quarantine: Quarantine, tip_tree: TreeId, trees: Mapping[BundleId, TreeId]
) -> tuple[Footprint, ...]:
    """The footprint of each tree on the tip."""
    pairs = [(str(tip_tree), str(tree)) for tree in trees.values()]
    hunks = quarantine.hunks(pairs)
    # Nothing can have moved where nothing went or nothing came.
    moving = [
        place
        for place, files in enumerate(hunks)
        if {"A", "D"} <= {file.change.status for file in files}
    ]
    moved = dict(
        zip(
            moving,
            quarantine.changes([pairs[place] for place in moving], renames=True),
            strict=True,
        )
    )
    return tuple(
        Footprint(
            bundle_id,
            files,
            tuple(
                (change.old_path, change.path)
                for change in moved.get(place, ())
                if change.old_path is not None
            ),
        )
        for place, (bundle_id, files) in enumerate(zip(trees, hunks, strict=True))
    )
