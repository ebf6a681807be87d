"""Accounts for every line: what the accepted bundles add is there, what they remove is gone.

Independent of whatever merged: it reads the files of each side itself and counts whole lines, with
multiplicity; where several changed a file, each side's lines must stand in its own order as well. A
difference is in order only where a bundle, or the target since a bundle's base, accounts for it by
name. Files that nobody touches must be byte-identical to the target's. Pure: contents in,
discrepancies out; it must not know how the result was made.
"""

from __future__ import annotations

from agentd.conflicts.findings import BundleId
from agentd.conflicts.ledger.books import Books, Discrepancy, Entry, Group, groups
from agentd.conflicts.ledger.files import audit_files
from agentd.conflicts.ledger.line_counts import is_exactly_woven, miscounted
from agentd.conflicts.ledger.line_order import misplaced
from agentd.conflicts.ledger.lines import audit_lines, shown, wrong_lines
from agentd.conflicts.trees.changes import MODE_GITLINK


def audit(books: Books) -> tuple[Discrepancy, ...]:
    """Every discrepancy, by path. None means that no line was lost and none came from nowhere."""
    tied = groups(books)
    touched = {path for group in tied for path in group.paths}
    found = [
        Discrepancy(path, (), "no accepted bundle touches it, but it differs from the target")
        for path in sorted({*books.target, *books.result} - touched)
        if books.target.get(path) != books.result.get(path)
    ]
    for group in tied:
        found += _audit_group(group, books)
    found += _audit_woven(books)
    return tuple(sorted(set(found), key=_in_order))


def _in_order(each: Discrepancy) -> tuple[object, ...]:
    """By all that it says: what two have in common must not leave their order to chance."""
    return each.path, each.problem, each.bundles, each.lines


def blobs_to_read(books: Books) -> set[str]:
    """The blobs whose lines are counted, by the books without contents.

    Not those of files that one bundle alone touches: there the blobs themselves must be the same.
    """
    return {
        files[path].blob
        for group in groups(books)
        if len(group.entries) > 1 or _only_author(group, books) is None
        for files in (
            books.target,
            books.result,
            *(side for entry in group.entries for side in (entry.before, entry.after)),
        )
        for path in group.paths
        if path in files and files[path].mode != MODE_GITLINK
    }


def _audit_group(group: Group, books: Books) -> list[Discrepancy]:
    author = _only_author(group, books)
    if author is not None:
        return _audit_exact(group, books, author)
    return audit_files(group, books) + audit_lines(group, books)


def _only_author(group: Group, books: Books) -> Entry | None:
    """The bundle that alone touches these files, where the target has not changed them since.

    Several that do exactly the same count as one.
    """
    entry = group.entries[0]
    if any(not _alike(group, entry, other) for other in group.entries[1:]):
        return None
    in_step = all(books.target.get(path) == entry.before.get(path) for path in group.paths)
    return entry if in_step else None


def _alike(group: Group, one: Entry, other: Entry) -> bool:
    return all(
        one.before.get(path) == other.before.get(path)
        and one.after.get(path) == other.after.get(path)
        for path in group.paths
    )


def _audit_exact(group: Group, books: Books, entry: Entry) -> list[Discrepancy]:
    return [
        Discrepancy(
            path,
            (entry.bundle_id,),
            "only this bundle touches it, but the result is not what the bundle has",
        )
        for path in group.paths
        if books.result.get(path) != entry.after.get(path)
    ]


def _audit_woven(books: Books) -> list[Discrepancy]:
    """What is wrong, line by line, in the files that several sides changed."""
    known = {entry.bundle_id for entry in books.entries}
    found = []
    for file in books.woven:
        if is_exactly_woven(file):
            continue
        sides = tuple(sorted({BundleId(side.who) for side in file.sides} & known))
        found += wrong_lines(file.path, sides, *miscounted(file))
        wrong = misplaced(file)
        if wrong is not None:
            problem = f"its lines are not in the order that {wrong[0]} has them in"
            found.append(Discrepancy(file.path, sides, problem, (shown(wrong[1]),)))
    return found
