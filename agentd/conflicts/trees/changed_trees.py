"""Looks through what a commit's tree has of its own, before git compares it with anything.

git trusts trees: one with an entry twice or out of order gives wrong answers, one with a missing
object or a bomb of nested directories ends the process that meets it, for everybody whose trees
were asked about with it. Only directories that differ from the base's are read, and what the base
had already is not held against anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agentd.conflicts.findings import Finding, FindingKind, error
from agentd.conflicts.git.isolation import asked_of_each, unreadable
from agentd.conflicts.git.names import ObjectId, TreeId, decoded
from agentd.conflicts.git.place import Place
from agentd.conflicts.trees.entries import ObjectInfo, look_up, read_objects
from agentd.errors import DependencyFailed

_DEPTH_MAX: Final = 250
"""Directories in one another; of single letters that is as long as most tools take a path."""
_TREE_BYTES_MAX: Final = 32 * 2**20
"""Of one directory: half a million names."""
_TREE: Final = "40000"
_GITLINK: Final = "160000"
_MODES: Final = (_TREE, "100644", "100664", "100755", "120000", _GITLINK)
"""`100664` is what git wrote at its very beginning, and reads as `100644`."""

Pair = tuple[TreeId, TreeId]
"""The tree before and the tree after."""
_Level = dict[tuple[str | None, str], tuple[str, int]]
"""Directories (before, after), with a path of each and in how many places it is."""


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: str
    name: str
    object_id: ObjectId


@dataclass(slots=True)
class _Walk:
    """How far one pair of trees has been looked through."""

    level: _Level
    changed: int = 0
    blobs: dict[ObjectId, str] = field(default_factory=dict)
    """The contents that differ, with a path of each."""
    finding: Finding | None = None


def examine(place: Place, pairs: Sequence[Pair], files_max: int) -> list[Finding | None]:
    """What keeps each pair from being compared, None where nothing does.

    Twice as many changed paths as `files_max` are too many however they are counted.
    """
    walks = [
        _Walk({(before, after): ("", 1)} if before != after else {}) for before, after in pairs
    ]
    for _ in range(_DEPTH_MAX):
        going = [walk for walk in walks if walk.level and walk.finding is None]
        if not going:
            break
        wanted = [each for walk in going for key in walk.level for each in key if each is not None]
        trees = _read(place, [ObjectId(each) for each in dict.fromkeys(wanted)])
        for walk in going:
            _descend(walk, trees, files_max)
    for walk in walks:
        if walk.level and walk.finding is None:
            walk.finding = _malformed(f"directories more than {_DEPTH_MAX} deep", "")
    _look_for_blobs(place, [walk for walk in walks if walk.finding is None])
    return [walk.finding for walk in walks]


def _read(
    place: Place, ids: Sequence[ObjectId]
) -> dict[ObjectId, tuple[str, bytes] | DependencyFailed]:
    def read(some: Sequence[ObjectId]) -> list[tuple[str, bytes]]:
        found = read_objects(place, some)
        return [found[each] for each in some]

    return dict(zip(ids, asked_of_each(ids, read), strict=True))


def _descend(
    walk: _Walk,
    trees: Mapping[ObjectId, tuple[str, bytes] | DependencyFailed],
    files_max: int,
) -> None:
    level, walk.level = walk.level, {}
    for (before, after), (directory, places) in level.items():
        old = trees[ObjectId(before)] if before is not None else ("tree", b"")
        new = trees[ObjectId(after)]
        if isinstance(old, DependencyFailed) or isinstance(new, DependencyFailed):
            failure = old if isinstance(old, DependencyFailed) else new
            assert isinstance(failure, DependencyFailed)
            walk.finding = unreadable(failure, f"Its directory {directory or '/'!r}")
            return
        if new[0] != "tree" or old[0] != "tree":
            walk.finding = _malformed(f"a directory that is a {new[0]}", directory)
            return
        flaw = _compare(walk, old[1], new[1], len(after) // 2, directory, places)
        if flaw is not None:
            walk.finding = _malformed(flaw, directory)
            return
    if walk.changed > 2 * files_max:
        walk.finding = error(
            FindingKind.OVER_LIMIT,
            f"It changes {walk.changed:,} paths and the policy allows {files_max:,} files; split "
            "the change, or have `[limits] files_max` raised.",
            count=walk.changed,
            limit=files_max,
        )


def _compare(
    walk: _Walk, old: bytes, new: bytes, id_bytes: int, directory: str, places: int
) -> str | None:
    """Notes what differs in one directory; or what is wrong with it that was not before."""
    if len(new) > _TREE_BYTES_MAX:
        return f"a directory of {len(new):,} bytes"
    try:
        entries = list(_entries(new, id_bytes))
    except ValueError:
        return "a directory that ends in the middle of an entry"
    try:
        before = list(_entries(old, id_bytes))
    except ValueError:
        before = []
    flaw = _flaw(entries)
    if flaw is not None and flaw != _flaw(before):
        return flaw
    known = {entry.name: entry for entry in before}
    gone = known.keys() - {entry.name for entry in entries}
    walk.changed += places * len(gone)
    for entry in entries:
        there = known.get(entry.name)
        if there == entry:
            continue
        if there is None or there.mode != entry.mode:
            flaw = _odd(entry)
            if flaw is not None:
                return flaw
        _note(walk, there, entry, f"{directory}/{entry.name}" if directory else entry.name, places)
    return None


def _note(walk: _Walk, there: _Entry | None, entry: _Entry, path: str, places: int) -> None:
    if entry.mode == _TREE:
        key = (there.object_id if there and there.mode == _TREE else None, str(entry.object_id))
        first, before = walk.level.get(key, (path, 0))
        walk.level[key] = first, before + places
        return
    walk.changed += places
    if entry.mode != _GITLINK:
        walk.blobs.setdefault(entry.object_id, path)
        if there is not None and there.mode not in (_TREE, _GITLINK):
            walk.blobs.setdefault(there.object_id, path)


def _entries(content: bytes, id_bytes: int) -> Iterator[_Entry]:
    """Raises `ValueError` where the content ends too early."""
    offset = 0
    while offset < len(content):
        space = content.index(b" ", offset)
        end = content.index(b"\0", space)
        mode = content[offset:space].decode("ascii", "replace")
        offset = end + 1 + id_bytes
        if offset > len(content):
            raise ValueError("the last id is cut off")
        yield _Entry(
            mode, decoded(content[space + 1 : end]), ObjectId(content[end + 1 : offset].hex())
        )


def _flaw(entries: Sequence[_Entry]) -> str | None:
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            return f"two entries of the name {entry.name!r}"
        seen.add(entry.name)
    keys = [_order(entry) for entry in entries]
    if keys != sorted(keys):
        return "entries that are not in git's order"
    return None


def _order(entry: _Entry) -> bytes:
    """git sorts directories as if their names ended in a slash."""
    name = entry.name.encode("utf-8", "surrogateescape")
    return name + b"/" if entry.mode.lstrip("0") == _TREE else name


def _odd(entry: _Entry) -> str | None:
    if not entry.name:
        return "an entry without a name"
    if "/" in entry.name:
        return f"an entry with a slash in its name, {entry.name!r}"
    if entry.mode not in _MODES:
        return f"{entry.name!r} with the mode {entry.mode!r}"
    return None


def _malformed(flaw: str, directory: str) -> Finding:
    where = f" in {directory!r}" if directory else ""
    return error(
        FindingKind.MALFORMED_TREE,
        f"Its tree has {flaw[:500]}{where}, which git itself would not write; make its commits "
        "with git, and hand it in again.",
        directory or None,
    )


def _look_for_blobs(place: Place, walks: Sequence[_Walk]) -> None:
    wanted = list(dict.fromkeys(blob for walk in walks for blob in walk.blobs))

    def ask(some: Sequence[ObjectId]) -> tuple[ObjectInfo | None, ...]:
        return look_up(place, some)

    found = dict(zip(wanted, asked_of_each(wanted, ask), strict=True))
    for walk in walks:
        for blob, path in walk.blobs.items():
            info = found[blob]
            if isinstance(info, DependencyFailed):
                walk.finding = unreadable(info, f"Its file {path!r}")
            elif info is None:
                missing = DependencyFailed("git_failed", f"the object {blob} is missing")
                walk.finding = unreadable(missing, f"Its file {path!r}")
            elif info.kind != "blob":
                walk.finding = _malformed(f"{path!r} as a file, which is a {info.kind}", "")
