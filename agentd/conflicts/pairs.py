"""Which bundles meet: the pair pass, in memory, over what each changes on the same tip.

An inverted index leads from a path to the bundles that touch it, so that bundles without a path in
common cost nothing. Pairs whose lines meet are suspected; pairs with a rename, a directory in play
or a kind of change that lines do not describe are for git to judge; the others merge. Pure: it
must not know git, the policy or who wins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from agentd.conflicts.findings import BundleId
from agentd.conflicts.git.names import folded
from agentd.conflicts.hunk_overlap import HunkPair, Touch, meeting_hunks
from agentd.conflicts.merges.conflict_kinds import ConflictKind
from agentd.conflicts.trees.changes import MODE_GITLINK, FileHunks, TreeChange


@dataclass(frozen=True)
class Footprint:
    """What one bundle changes on the tip."""

    bundle_id: BundleId
    files: tuple[FileHunks, ...]
    """Without renames: a moved file is a deletion and an addition."""
    renames: tuple[tuple[str, str], ...] = ()
    """Old and new path of files that moved."""

    @cached_property
    def by_path(self) -> Mapping[str, FileHunks]:
        """The files by their paths."""
        return {file.change.path: file for file in self.files}

    @cached_property
    def result(self) -> frozenset[tuple[str, str, str]]:
        """Path, mode and content that it leaves behind: equal for identical changes."""
        return frozenset(
            (file.change.path, file.change.new_mode, file.change.new_blob) for file in self.files
        )

    @cached_property
    def added(self) -> frozenset[str]:
        """Paths that are new, or a new kind of thing."""
        return frozenset(file.change.path for file in self.files if file.change.status in "AT")

    @property
    def occupies(self) -> Iterator[str]:
        """What others can meet it at."""
        for file in self.files:
            yield f"path:{file.change.path}"
        for path in self.added:
            yield f"name:{folded(path)}"
            yield f"leaf:{path}"
            yield from (f"within:{parent}" for parent in _parents(path))
        yield from self._moved

    @property
    def looks_for(self) -> Iterator[str]:
        """Where it can meet others: the mirror image of what they occupy."""
        for file in self.files:
            yield f"path:{file.change.path}"
        for path in self.added:
            yield f"name:{folded(path)}"
            yield f"within:{path}"  # A directory of the other's where this has a file,
            for parent in _parents(path):
                yield f"leaf:{parent}"  # or the other way round.
                yield f"moved:{parent}"
        for moved in self._moved:
            yield moved
            yield moved.replace("moved:", "within:", 1)

    @property
    def _moved(self) -> Iterator[str]:
        """The directories that its renames could carry along."""
        for old, new in self.renames:
            yield from (f"moved:{parent}" for parent in (*_parents(old), *_parents(new)))


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two bundles that share something, and what the lines say about it."""

    left: BundleId
    right: BundleId
    paths: tuple[str, ...] = ()
    """The paths that both touch."""
    suspicions: tuple[tuple[ConflictKind, str], ...] = ()
    """Why they would not merge, with the path; empty where the lines say that they do."""
    hunks: tuple[HunkPair, ...] = ()
    ask_git: bool = False
    """Whether lines cannot tell."""
    identical: bool = False
    """Whether both change exactly the same into the same."""

    @property
    def predicted(self) -> bool:
        """Whether they conflict as far as lines can tell."""
        return bool(self.suspicions)

    @property
    def doubtful(self) -> bool:
        """Whether git should be asked."""
        return self.predicted or self.ask_git


@dataclass(slots=True)
class PairIndex:
    """Footprints by what they occupy; a new one costs only its own paths."""

    _footprints: dict[BundleId, Footprint] = field(default_factory=dict)
    _by_key: dict[str, list[BundleId]] = field(default_factory=lambda: defaultdict(list))

    def add(self, footprint: Footprint) -> tuple[Meeting, ...]:
        """Takes in a footprint and gives its meetings with those that are there."""
        shared: dict[BundleId, set[str]] = defaultdict(set)
        for key in dict.fromkeys(footprint.looks_for):
            for other in self._by_key.get(key, ()):
                shared[other].add(key)
        for key in dict.fromkeys(footprint.occupies):
            self._by_key[key].append(footprint.bundle_id)
        self._footprints[footprint.bundle_id] = footprint
        found = []
        for other, keys in shared.items():
            meeting = _meet(self._footprints[other], footprint, keys)
            if meeting is not None:
                found.append(meeting)
        return tuple(found)


def find_meetings(footprints: Sequence[Footprint]) -> tuple[Meeting, ...]:
    """All meetings among some bundles, in an order that does not depend on theirs."""
    index = PairIndex()
    found = [
        meeting
        for footprint in sorted(footprints, key=lambda each: each.bundle_id)
        for meeting in index.add(footprint)
    ]
    return tuple(sorted(found, key=lambda meeting: (meeting.left, meeting.right)))


def _meet(first: Footprint, second: Footprint, keys: set[str]) -> Meeting | None:
    left, right = sorted((first, second), key=lambda each: each.bundle_id)
    paths = tuple(sorted(key[5:] for key in keys if key.startswith("path:")))
    if left.result == right.result:
        return Meeting(left.bundle_id, right.bundle_id, paths, identical=True)
    suspicions: list[tuple[ConflictKind, str]] = []
    hunks: list[HunkPair] = []
    ask_git = False
    for path in paths:
        found, pairs, unsure = _compare(path, left.by_path[path], right.by_path[path])
        suspicions += found
        hunks += pairs
        ask_git |= unsure
    suspicions += _name_clashes(left, right, keys)
    ask_git |= _directories_in_play(left, right, keys)
    if not paths and not suspicions and not ask_git:
        return None
    return Meeting(
        left.bundle_id,
        right.bundle_id,
        paths,
        tuple(dict.fromkeys(suspicions)),
        tuple(hunks),
        ask_git=ask_git,
    )


def _compare(
    path: str, left: FileHunks, right: FileHunks
) -> tuple[list[tuple[ConflictKind, str]], list[HunkPair], bool]:
    """Suspicions, meeting hunks, and whether lines cannot tell, for one path of both."""
    mine, other = left.change, right.change
    if (mine.new_blob, mine.new_mode) == (other.new_blob, other.new_mode):
        return [], [], False
    kind = _kind_without_lines(mine, other)
    if kind is not None:
        return [(kind, path)], [], True
    pairs = [
        HunkPair(path, one, two, found)
        for one, two, found in meeting_hunks(left.hunks, right.hunks)
        if found is not Touch.SAME
    ]
    if mine.status == "A":
        return [(ConflictKind.ADD_ADD, path)], pairs, False
    if not pairs:
        return [], [], False
    overlap = any(pair.touch is Touch.OVERLAP for pair in pairs)
    return [(ConflictKind.CONTENT if overlap else ConflictKind.ADJACENT, path)], pairs, False


def _kind_without_lines(left: TreeChange, right: TreeChange) -> ConflictKind | None:
    """The kind of conflict that comparing lines does not show, or None."""
    modes = {left.old_mode, left.new_mode, right.old_mode, right.new_mode}
    if MODE_GITLINK in modes:
        return ConflictKind.SUBMODULE
    if "D" in (left.status, right.status):
        return ConflictKind.MODIFY_DELETE
    if "T" in (left.status, right.status):
        return ConflictKind.TREE
    if (left.binary or right.binary) and left.new_blob != right.new_blob:
        if left.old_blob in (left.new_blob, right.new_blob) or right.old_blob == right.new_blob:
            return None  # One changes only the mode.
        return ConflictKind.BINARY
    changed_modes = [each.new_mode for each in (left, right) if each.old_mode != each.new_mode]
    if len(set(changed_modes)) > 1:
        return ConflictKind.TREE
    return None


def _name_clashes(
    left: Footprint, right: Footprint, keys: set[str]
) -> list[tuple[ConflictKind, str]]:
    """A file of one where the other has a directory, and names that many disks take for one."""
    clashes = []
    for key in sorted(keys):
        kind, _, name = key.partition(":")
        if kind in ("leaf", "within") and (name in left.added) != (name in right.added):
            clashes.append((ConflictKind.TREE, name))
        elif kind == "name":
            mine = {path for path in left.added if folded(path) == name}
            others = {path for path in right.added if folded(path) == name}
            if mine != others:
                clashes.append((ConflictKind.TREE, min(mine | others)))
    return clashes


def _directories_in_play(left: Footprint, right: Footprint, keys: set[str]) -> bool:
    """Whether a rename of one could carry along, or be hidden by, what the other does."""
    if not left.renames and not right.renames:
        return False
    return any(key.startswith(("moved:", "within:", "path:")) for key in keys)


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
