"""Counts whole lines, with multiplicity, among the files that renames tie together.

A difference from the target is in order only where a bundle, or the target since a bundle's base,
accounts for it by name. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.findings import BundleId
from agentd.conflicts.hunk_overlap import Touch, touch
from agentd.conflicts.ledger.books import (
    Books,
    Discrepancy,
    Drift,
    Entry,
    Files,
    FileState,
    Group,
    groups,
    is_opaque,
)
from agentd.conflicts.trees.changes import Hunk

_LINES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class _Claims:
    """What one bundle says about the lines of a group."""

    bundle_id: BundleId
    added: Counter[bytes]
    removed: Counter[bytes]
    added_before: Counter[bytes]
    """What the target may have added since the bundle's base that is the bundle's addition, too."""
    removed_before: Counter[bytes]


def audit_lines(group: Group, books: Books) -> list[Discrepancy]:
    """Every line of which the result has more or fewer than the sides account for."""
    target = _lines(group, books, books.target)
    result = _lines(group, books, books.result)
    claims = [_claims(group, books, entry) for entry in group.entries]
    # All others are there as often as before, and nobody says anything else.
    concerned = {line for line, _ in target.items() ^ result.items()}
    concerned |= {line for c in claims for line in (*c.added, *c.removed)}
    missing: list[bytes] = []
    surplus: list[bytes] = []
    authors: set[BundleId] = set()
    for line in concerned:
        changes = [each for each in claims if each.added[line] or each.removed[line]]
        low, high = _allowed(line, changes)
        delta = result[line] - target[line]
        if delta < low:
            missing.append(line)
        elif delta > high:
            surplus.append(line)
        else:
            continue
        authors.update(each.bundle_id for each in changes)
    bundles = tuple(sorted(authors)) or group.bundles
    return wrong_lines(group.paths[0], bundles, sorted(missing), sorted(surplus))


def wrong_lines(
    path: str,
    bundles: tuple[BundleId, ...],
    missing: Sequence[bytes],
    surplus: Sequence[bytes],
) -> list[Discrepancy]:
    """The discrepancies of a file that has too few of some lines, or too many."""
    return [
        Discrepancy(path, bundles, problem, tuple(shown(line) for line in lines[:_LINES_SHOWN]))
        for lines, problem in (
            (missing, "lines are missing that a bundle adds or that nobody removes"),
            (surplus, "lines are there that a bundle removes or that nobody adds"),
        )
        if lines
    ]


def accounted_elsewhere(books: Books) -> dict[BundleId, int]:
    """How many lines of each bundle the result has through another's, or the target's, change."""
    found = {entry.bundle_id: 0 for entry in books.entries}
    for group in groups(books):
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


def _allowed(line: bytes, changes: Sequence[_Claims]) -> tuple[int, int]:
    """By how much the number of a line may differ from the target's, at least and at most.

    Two bundles that make the same change may have made it once or twice; what the target itself
    did since a bundle's base may already be the bundle's change.
    """
    added = sum(each.added[line] for each in changes)
    removed = sum(each.removed[line] for each in changes)
    least_added = max((each.added[line] - each.added_before[line] for each in changes), default=0)
    least_removed = max(
        (each.removed[line] - each.removed_before[line] for each in changes), default=0
    )
    return max(least_added, 0) - removed, added - max(least_removed, 0)


def _claims(group: Group, books: Books, entry: Entry) -> _Claims:
    """By changed stretches where they are known: there a line that is only moved counts twice.

    Where the target's are known as well, its change can be the bundle's only where the two meet.
    """
    olds = {new: old for old, new in entry.renames}
    twins = {path for path in group.paths if _has_twin(path, olds, books, entry)}
    edits = {
        olds.get(path, path): entry.edits[path]
        for path in group.paths
        if path in entry.edits and path not in twins
    }
    news = {path for path in group.paths if olds.get(path, path) in edits} | twins
    known = {olds.get(path, path) for path in news}
    net = _difference(
        _lines_at(set(group.paths) - news, books, entry.after),
        _lines_at(set(group.paths) - known, books, entry.before),
    )
    added, removed = +net, -net
    # What moved to where the target had the like already is an addition and a removal.
    added += _lines_at(twins, books, entry.after)
    removed += _lines_at([olds[path] for path in twins], books, entry.before)
    both = {path: entry.drift[path] for path in edits if path in entry.drift}
    drift = _drift(group, books, entry, both)
    added_before, removed_before = +drift, -drift
    for path, hunks in edits.items():
        for hunk in hunks:
            met = _met(hunk, both[path].hunks) if path in both else []
            added += _bare(hunk.added)
            removed += _bare(hunk.removed)
            added_before += _bare(hunk.added) & _bare(line for e in met for line in e.added)
            removed_before += _bare(hunk.removed) & _bare(line for e in met for line in e.removed)
    return _Claims(entry.bundle_id, added, removed, added_before, removed_before)


def _has_twin(path: str, olds: Mapping[str, str], books: Books, entry: Entry) -> bool:
    """Whether the target has a file of its own where the bundle moves one to."""
    if path not in olds or path not in books.target:
        return False
    theirs = entry.drift.get(olds[path])
    return theirs is None or theirs.path != path


def _met(hunk: Hunk, theirs: Sequence[Hunk]) -> list[Hunk]:
    return [each for each in theirs if touch(hunk, each) is not Touch.APART]


def _drift(group: Group, books: Books, entry: Entry, known: Mapping[str, Drift]) -> Counter[bytes]:
    """What the target did since the bundle's base, but in the files of which more is known."""
    after = {theirs.path for theirs in known.values()}
    same = {
        path
        for path in set(group.paths) - after - known.keys()
        if books.target.get(path) == entry.before.get(path)
    }
    return _difference(
        _lines_at(set(group.paths) - after - same, books, books.target),
        _lines_at(set(group.paths) - known.keys() - same, books, entry.before),
    )


def _bare(lines: Iterable[bytes]) -> Counter[bytes]:
    return Counter(line.removesuffix(b"\n") for line in lines)


def _net(group: Group, books: Books, entry: Entry) -> Counter[bytes]:
    return _difference(_lines(group, books, entry.after), _lines(group, books, entry.before))


def _difference(lines: Counter[bytes], less: Counter[bytes]) -> Counter[bytes]:
    """How often each line is there more, or less, often; of most lines of large texts it is not."""
    differing = {line for line, _ in lines.items() ^ less.items()}
    return Counter({line: lines[line] - less[line] for line in differing})


def _lines(group: Group, books: Books, files: Files) -> Counter[bytes]:
    """How often each line stands in the files of a group."""
    return _lines_at(group.paths, books, files)


def _lines_at(paths: Iterable[str], books: Books, files: Files) -> Counter[bytes]:
    lines: Counter[bytes] = Counter()
    for path in paths:
        if path in files:
            lines.update(_lines_of(files[path], books))
    return lines


def _lines_of(state: FileState, books: Books) -> Sequence[bytes]:
    """What is counted of a file: what has no lines counts as one; so does a last line's rest."""
    content = books.contents.get(state.blob)
    if content is None or is_opaque(content):
        return (state.blob.encode(),)
    return content.removesuffix(b"\n").split(b"\n") if content else ()


def shown(line: bytes) -> str:
    """A line as evidence: text of bounded length."""
    return line.decode("utf-8", "replace")[:200]
