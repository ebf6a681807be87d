"""Accounts for every line: what the accepted bundles add is there, what they remove is gone.

Independent of whatever merged: it reads the files of each side itself and counts whole lines, with
multiplicity; where several changed a file, each side's lines must stand in its own order as well. A
difference is in order only where a bundle, or the target since a bundle's base, accounts for it by
name. Files that nobody touches must be byte-identical to the target's. Pure: contents in,
discrepancies out; it must not know how the result was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agentd.conflicts.findings import BundleId, JsonObject
from agentd.conflicts.line_order import LineFile, misplaced

_LINES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of a tree, as far as the ledger cares."""

    mode: str
    blob: str


Files = Mapping[str, FileState]
"""The files of a tree that differ somewhere, by path."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one accepted bundle did, as its own two trees show."""

    bundle_id: BundleId
    before: Files
    """Its base: the paths that it touches, or that it renames from."""
    after: Files
    touched: frozenset[str]
    renames: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that is held against each other."""

    target: Files
    result: Files
    entries: tuple[Entry, ...]
    contents: Mapping[str, bytes]
    """Blob to content, for all blobs above."""
    target_renames: tuple[tuple[str, str], ...] = ()
    """What the target moved since some bundle's base."""
    woven: tuple[LineFile, ...] = ()
    """The text files that several sides changed."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something in the result that nobody accounts for."""

    path: str
    bundles: tuple[BundleId, ...]
    problem: str
    lines: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """The discrepancy as evidence."""
        return {
            "path": self.path,
            "bundles": list(self.bundles),
            "problem": self.problem,
            "lines": list(self.lines),
        }


@dataclass(frozen=True, slots=True)
class _Group:
    """Paths that renames tie together; lines may move among them."""

    paths: tuple[str, ...]
    entries: tuple[Entry, ...] = field(default=())


def audit(books: Books) -> tuple[Discrepancy, ...]:
    """Every discrepancy, by path. None means that no line was lost and none came from nowhere."""
    groups = _groups(books)
    touched = {path for group in groups for path in group.paths}
    found = [
        Discrepancy(path, (), "no accepted bundle touches it, but it differs from the target")
        for path in sorted({*books.target, *books.result} - touched)
        if books.target.get(path) != books.result.get(path)
    ]
    for group in groups:
        found += _audit_group(group, books)
    found += _audit_order(books)
    return tuple(sorted(found, key=lambda each: (each.path, each.problem)))


def _audit_order(books: Books) -> list[Discrepancy]:
    known = {entry.bundle_id for entry in books.entries}
    found = []
    for file in books.woven:
        wrong = misplaced(file)
        if wrong is not None:
            sides = (BundleId(side.who) for side in file.sides)
            found.append(
                Discrepancy(
                    file.path,
                    tuple(sorted(side for side in sides if side in known)),
                    f"its lines are not in the order that {wrong[0]} has them in",
                    (_shown(wrong[1]),),
                )
            )
    return found


def accounted_elsewhere(books: Books) -> dict[BundleId, int]:
    """How many lines of each bundle the result has through another's, or the target's, change."""
    found = {entry.bundle_id: 0 for entry in books.entries}
    for group in _groups(books):
        target, result = (_lines(group, books, files) for files in (books.target, books.result))
        nets = [_net(group, books, entry) for entry in group.entries]
        for line in {line for net in nets for line in net if net[line]}:
            delta = result[line] - target[line]
            for sign in (1, -1):
                left = max(sign * delta, 0)
                for entry, net in zip(group.entries, nets, strict=True):
                    claimed = max(sign * net[line], 0)
                    own = min(claimed, left)
                    left -= own
                    found[entry.bundle_id] += claimed - own
    return found


def _net(group: _Group, books: Books, entry: Entry) -> Counter[bytes]:
    net = _lines(group, books, entry.after)
    net.subtract(_lines(group, books, entry.before))
    return net


def _groups(books: Books) -> tuple[_Group, ...]:
    parent: dict[str, str] = {}

    def root(path: str) -> str:
        parent.setdefault(path, path)
        while parent[path] != path:
            path = parent[path]
        return path

    for entry in books.entries:
        for path in entry.touched:
            root(path)
        for old, new in entry.renames:
            parent[root(new)] = root(old)
    for old, new in books.target_renames:
        if old in parent or new in parent:
            parent[root(new)] = root(old)
    members: dict[str, list[str]] = {}
    for path in parent:
        members.setdefault(root(path), []).append(path)
    return tuple(
        _Group(
            tuple(sorted(paths)),
            tuple(entry for entry in books.entries if not entry.touched.isdisjoint(paths)),
        )
        for paths in sorted(members.values(), key=min)
    )


def _audit_group(group: _Group, books: Books) -> list[Discrepancy]:
    bundles = tuple(entry.bundle_id for entry in group.entries)
    exact = _only_author(group, books)
    if exact is not None:
        return _audit_exact(group, books, exact)
    found = [
        *_audit_presence(group, books, bundles),
        *_audit_modes(group, books, bundles),
    ]
    if _has_binary(group, books):
        return found + _audit_binary(group, books, bundles)
    return found + _audit_lines(group, books, bundles)


def _only_author(group: _Group, books: Books) -> Entry | None:
    """The bundle that alone touches these files, where the target has not changed them since.

    Several that do exactly the same count as one.
    """
    entry = group.entries[0]
    if any(not _alike(group, entry, other) for other in group.entries[1:]):
        return None
    in_step = all(books.target.get(path) == entry.before.get(path) for path in group.paths)
    return entry if in_step else None


def _alike(group: _Group, one: Entry, other: Entry) -> bool:
    return all(
        one.before.get(path) == other.before.get(path)
        and one.after.get(path) == other.after.get(path)
        for path in group.paths
    )


def _audit_exact(group: _Group, books: Books, entry: Entry) -> list[Discrepancy]:
    return [
        Discrepancy(
            path,
            (entry.bundle_id,),
            "only this bundle touches it, but the result is not what the bundle has",
        )
        for path in group.paths
        if books.result.get(path) != entry.after.get(path)
    ]


def _audit_presence(
    group: _Group, books: Books, bundles: tuple[BundleId, ...]
) -> list[Discrepancy]:
    """A file is there if somebody leaves it there and nobody takes it away."""
    found = []
    for path in group.paths:
        moved = {old for entry in group.entries for old, _ in entry.renames}
        moved |= {old for old, _ in books.target_renames}
        removed_by = [e for e in group.entries if path in e.before and path not in e.after]
        kept_by = [e for e in group.entries if path in e.touched and path in e.after]
        if path in books.result and removed_by:
            found.append(Discrepancy(path, _ids(removed_by), "it was removed, but is still there"))
        if path not in books.result and kept_by and not removed_by and path not in moved:
            found.append(Discrepancy(path, _ids(kept_by), "it is missing from the result"))
        elif path not in books.result and path in books.target and not removed_by:
            found.append(Discrepancy(path, bundles, "it is missing from the result"))
    return found


def _audit_modes(group: _Group, books: Books, bundles: tuple[BundleId, ...]) -> list[Discrepancy]:
    found = []
    for path in group.paths:
        if path not in books.result:
            continue
        allowed = {books.target[path].mode} if path in books.target else set()
        changed = {
            entry.after[path].mode
            for entry in group.entries
            if path in entry.after
            and (path not in entry.before or entry.before[path].mode != entry.after[path].mode)
        }
        if not allowed and not changed:
            # A file that followed a rename of the target's has the mode that it had before.
            continue
        if books.result[path].mode not in (changed or allowed):
            found.append(Discrepancy(path, bundles, "its mode is nobody's"))
    return found


def _has_binary(group: _Group, books: Books) -> bool:
    return any(b"\0" in books.contents.get(blob, b"") for blob in _blobs(group, books))


def _blobs(group: _Group, books: Books) -> Iterable[str]:
    for files in (books.target, books.result, *_sides(group)):
        yield from (files[path].blob for path in group.paths if path in files)


def _sides(group: _Group) -> Iterable[Files]:
    for entry in group.entries:
        yield entry.before
        yield entry.after


def _audit_binary(group: _Group, books: Books, bundles: tuple[BundleId, ...]) -> list[Discrepancy]:
    """A binary file in the result is one of those that a bundle or the target has, as a whole."""
    found = []
    for path in group.paths:
        if path not in books.result:
            continue
        changed = {
            entry.after[path].blob
            for entry in group.entries
            if path in entry.after
            and (path not in entry.before or entry.before[path].blob != entry.after[path].blob)
        }
        kept = {books.target[path].blob} if path in books.target else set()
        if books.result[path].blob not in (changed or kept):
            found.append(Discrepancy(path, bundles, "its binary content is nobody's"))
    return found


def _audit_lines(group: _Group, books: Books, bundles: tuple[BundleId, ...]) -> list[Discrepancy]:
    target = _lines(group, books, books.target)
    result = _lines(group, books, books.result)
    nets: list[tuple[BundleId, Counter[bytes], Counter[bytes]]] = []
    for entry in group.entries:
        before = _lines(group, books, entry.before)
        net = _net(group, books, entry)
        drift = Counter(target)
        drift.subtract(before)
        nets.append((entry.bundle_id, net, drift))
    concerned = {*target, *result, *(line for _, net, _ in nets for line in net)}
    missing: list[bytes] = []
    surplus: list[bytes] = []
    authors: set[BundleId] = set()
    for line in concerned:
        changes = [(bundle, net[line], drift[line]) for bundle, net, drift in nets if net[line]]
        low, high = _allowed(changes)
        delta = result[line] - target[line]
        if delta < low:
            missing.append(line)
        elif delta > high:
            surplus.append(line)
        else:
            continue
        authors.update(bundle for bundle, _, _ in changes)
    found = []
    for lines, problem in (
        (missing, "lines are missing that a bundle adds or that nobody removes"),
        (surplus, "lines are there that a bundle removes or that nobody adds"),
    ):
        if lines:
            found.append(
                Discrepancy(
                    group.paths[0],
                    tuple(sorted(authors)) or bundles,
                    problem,
                    tuple(_shown(line) for line in sorted(lines)[:_LINES_SHOWN]),
                )
            )
    return found


def _allowed(changes: Sequence[tuple[BundleId, int, int]]) -> tuple[int, int]:
    """By how much the number of a line may differ from the target's, at least and at most.

    Two bundles that make the same change may have made it once or twice; what the target itself
    did since a bundle's base may already be the bundle's change.
    """
    added = [net for _, net, _ in changes if net > 0]
    removed = [-net for _, net, _ in changes if net < 0]
    already_added = [min(net, max(drift, 0)) for _, net, drift in changes if net > 0]
    already_removed = [min(-net, max(-drift, 0)) for _, net, drift in changes if net < 0]
    least_added = max(
        (net - done for net, done in zip(added, already_added, strict=True)), default=0
    )
    least_removed = max(
        (net - done for net, done in zip(removed, already_removed, strict=True)), default=0
    )
    return least_added - sum(removed), sum(added) - least_removed


def _lines(group: _Group, books: Books, files: Files) -> Counter[bytes]:
    """How often each line stands in the files of a group; a last line without newline is a line."""
    lines: Counter[bytes] = Counter()
    for path in group.paths:
        if path in files:
            content = books.contents.get(files[path].blob, files[path].blob.encode())
            lines.update(content.removesuffix(b"\n").split(b"\n") if content else ())
    return lines


def _ids(entries: Iterable[Entry]) -> tuple[BundleId, ...]:
    return tuple(sorted(entry.bundle_id for entry in entries))


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace")[:200]
