"""Opens the books for the ledger: reads from the trees themselves what it holds against each other.

It must not use anything that a merge said. What a discrepancy means is the ledger's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.isolation import asked_of_each
from agentd.conflicts.git.names import ObjectId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.ledger.books import Books, Drift, Entry, FileState
from agentd.conflicts.ledger.ledger import audit, blobs_to_read
from agentd.conflicts.ledger.summary import LedgerSummary, summarise_ledger
from agentd.conflicts.ledger.weaving import Strands, find_woven, read_strands, read_woven
from agentd.conflicts.trees.changes import MODE_ABSENT, MODE_TREE, TreeChange
from agentd.conflicts.trees.differences import Pair
from agentd.errors import DependencyFailed


def check_ledger(
    quarantine: Quarantine,
    tip_tree: TreeId,
    result: TreeId,
    accepted: Sequence[Placed],
    *,
    text_bytes_max: int,
) -> LedgerSummary:
    """Accounts for every line between the tip, the accepted bundles and the result.

    What merging took as a whole is accounted for as a whole; a result may be twice as large as the
    texts that it was merged from.
    """
    (integrated,) = quarantine.changes([(str(tip_tree), str(result))], renames=True)
    bytes_max = 2 * text_bytes_max
    books = _open_books(quarantine, tip_tree, result, accepted, integrated, bytes_max)
    return summarise_ledger(
        books,
        audit(books),
        {each.candidate.bundle_id: _lines(each.candidate.changes) for each in accepted},
        target_paths=quarantine.count_files(tip_tree),
        result_lines=_lines(integrated),
    )


def _lines(changes: Sequence[TreeChange]) -> tuple[int, int]:
    return sum(each.additions for each in changes), sum(each.deletions for each in changes)


def _open_books(
    quarantine: Quarantine,
    tip_tree: TreeId,
    result: TreeId,
    accepted: Sequence[Placed],
    integrated: Sequence[TreeChange],
    bytes_max: int,
) -> Books:
    """Reads the files of all sides that differ anywhere; larger ones have no lines."""
    bases = sorted({str(each.candidate.base_tree) for each in accepted})
    pairs = [(base, str(tip_tree)) for base in bases if base != tip_tree]
    target_renames = _renames(_drift(quarantine, pairs))
    paths = {path for change in integrated for path in change.paths}
    for each in accepted:
        paths |= {path for change in each.candidate.changes for path in change.paths}
    paths |= {path for pair in target_renames if paths & set(pair) for path in pair}
    target = _files(quarantine, tip_tree, paths)
    after = _files(quarantine, result, paths)
    strands = read_strands(quarantine, tip_tree, accepted, paths)
    entries = tuple(_entry(each, strands) for each in accepted)
    woven = find_woven(strands, tip_tree, accepted, target, after)
    books = Books(target, after, entries, contents={}, target_renames=target_renames)
    wanted = {ObjectId(blob) for blob in blobs_to_read(books)}
    wanted |= {blob for each in woven for blob in (each.base, each.result)}
    sizes = quarantine.sizes_of(sorted(wanted))
    contents = quarantine.read_blobs([blob for blob in sizes if sizes[blob] <= bytes_max])
    return replace(
        books,
        whole=frozenset(sizes.keys() - contents.keys()),
        contents={str(blob): content for blob, content in contents.items()},
        woven=read_woven(woven, contents),
    )


def _drift(quarantine: Quarantine, pairs: Sequence[Pair]) -> list[TreeChange]:
    """What the target did since the bases. Where an old file of it cannot be read, nothing counts
    as moved there: then less is accounted for, never more."""
    asked = asked_of_each(pairs, partial(quarantine.entry_changes, renames=True))
    read = (drift for drift in asked if not isinstance(drift, DependencyFailed))
    return [change for drift in read for change in drift]


def _entry(each: Placed, strands: Strands) -> Entry:
    before: dict[str, FileState] = {}
    after: dict[str, FileState] = {}
    for change in each.candidate.changes:
        if change.old_mode != MODE_ABSENT and change.status != "C":
            before[change.old_path or change.path] = FileState(change.old_mode, change.old_blob)
        if change.new_mode != MODE_ABSENT:
            after[change.path] = FileState(change.new_mode, change.new_blob)
    return Entry(
        each.candidate.bundle_id,
        before,
        after,
        frozenset(path for change in each.candidate.changes for path in change.paths),
        _renames(each.candidate.changes),
        {file.change.path: file.hunks for file in strands.own[each.candidate.bundle_id].values()},
        {
            path: Drift(file.change.path, file.hunks)
            for path, file in strands.drift.get(TreeId(str(each.candidate.base_tree)), {}).items()
        },
    )


def _renames(changes: Iterable[TreeChange]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(c.old_path, c.path) for c in changes if c.old_path is not None}))


def _files(quarantine: Quarantine, tree: TreeId, paths: set[str]) -> dict[str, FileState]:
    return {
        path: FileState(mode, blob)
        for (_, path), (mode, blob) in quarantine.entries_at((tree, path) for path in paths).items()
        if mode != MODE_TREE
    }
