"""What the ledger says of files as wholes: whether one is there, its mode, content without lines.

A file is followed through renames, so that what one bundle does to it is found where another has
moved it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentd.conflicts.ledger.books import (
    Books,
    Discrepancy,
    Entry,
    FileState,
    Group,
    ids,
    is_opaque,
)
from agentd.conflicts.trees.changes import MODE_GITLINK, MODE_SYMLINK


def audit_files(group: Group, books: Books) -> list[Discrepancy]:
    """Every discrepancy of files as wholes."""
    return [*_audit_presence(group, books), *_audit_states(group, books)]


def _audit_presence(group: Group, books: Books) -> list[Discrepancy]:
    """A file is there if somebody leaves it there and nobody takes it away."""
    found = []
    moved = {old for entry in group.entries for old, _ in entry.renames}
    moved |= {old for old, _ in books.target_renames}
    for path in group.paths:
        # What the target took away itself, another bundle may bring back.
        removed_by = [
            entry
            for entry in group.entries
            if path in entry.before and path not in entry.after and path in books.target
        ]
        kept_by = [e for e in group.entries if path in e.touched and path in e.after]
        if path in books.result and removed_by:
            found.append(Discrepancy(path, ids(removed_by), "it was removed, but is still there"))
        if path not in books.result and kept_by and not removed_by and path not in moved:
            found.append(Discrepancy(path, ids(kept_by), "it is missing from the result"))
        elif path not in books.result and path in books.target and not removed_by:
            found.append(Discrepancy(path, group.bundles, "it is missing from the result"))
    return found


def _audit_states(group: Group, books: Books) -> list[Discrepancy]:
    """The mode of a file, and content that has no lines, is as one who changed it has it."""
    found = []

    def _ends(state: FileState) -> str | None:
        content = books.contents.get(state.blob)
        return str(content.endswith(b"\n")) if content else None

    for path in group.paths:
        if path not in books.result:
            continue
        result = books.result[path]
        origins = _origins(path, group, books)
        if result.mode not in _allowed(origins, group, books, _mode):
            found.append(Discrepancy(path, group.bundles, "its mode is nobody's"))
        if _is_whole(result, books):
            if result.blob not in _allowed(origins, group, books, _blob):
                found.append(Discrepancy(path, group.bundles, "its content as a whole is nobody's"))
        elif _ends(result) not in (None, *_allowed(origins, group, books, _ends)):
            found.append(Discrepancy(path, group.bundles, "whether its last line ends is nobody's"))
    return found


def _origins(path: str, group: Group, books: Books) -> tuple[str, ...]:
    """The path, and those from which a file may have come there: by a bundle, by the target before.

    Not the other way round: what the target had moved away when a bundle moved a file to that place
    was another file.
    """
    renames = [rename for entry in group.entries for rename in entry.renames]
    moved = [path, *(old for old, new in renames if new == path)]
    before = [old for old, new in books.target_renames if new in moved]
    return tuple(dict.fromkeys([*moved, *before]))


def _allowed(
    origins: Sequence[str], group: Group, books: Books, what: Callable[[FileState], str | None]
) -> set[str]:
    """What those have who changed it; where nobody did, what was there before.

    The origins are those of the path that comes first. None is no opinion.
    """
    changed: set[str | None] = set()
    kept = {what(books.target[path]) for path in origins if path in books.target}
    unchanged: set[str | None] = set()
    for entry in group.entries:
        for path in origins:
            if path not in entry.after:
                continue
            if path not in entry.before and path != origins[0]:
                continue  # A file of its own, where another had been before it moved.
            before, after = _before(entry, path), entry.after[path]
            if before is None or what(before) != what(after):
                changed.add(what(after))
            else:
                unchanged.add(what(after))
    said = ({each for each in found if each is not None} for found in (changed, kept, unchanged))
    return next((found for found in said if found), set())


def _before(entry: Entry, path: str) -> FileState | None:
    """What one bundle had before of the file that it has at a path now."""
    old = next((old for old, new in entry.renames if new == path), path)
    return entry.before.get(old)


def _is_whole(state: FileState, books: Books) -> bool:
    if state.mode in (MODE_GITLINK, MODE_SYMLINK) or state.blob in books.whole:
        return True
    return is_opaque(books.contents.get(state.blob, b""))


def _mode(state: FileState) -> str:
    return state.mode


def _blob(state: FileState) -> str:
    return state.blob
