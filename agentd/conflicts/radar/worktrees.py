"""The worktrees of the repository as participants, uncommitted and untracked files included.

Looking at a worktree is cheap and says whether anything changed; seeing it takes a snapshot. Both
go through the quarantine with copies of the worktree's index, so that nothing of the user's is
written, and no filter, hook or file system monitor of his is run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentd.conflicts.bundles.whereabouts import find_worktree
from agentd.conflicts.bundles.worktree_snapshot import Snapshot, take_snapshot
from agentd.conflicts.findings import BundleId
from agentd.conflicts.git.names import decoded
from agentd.conflicts.git.repository import Worktree
from agentd.conflicts.pairs import Footprint
from agentd.conflicts.radar.ground import Ground
from agentd.conflicts.radar.radar import Participant, ParticipantKind
from agentd.conflicts.review import Workplace
from agentd.errors import AgentdError

_PATHS_SHOWN = 3
_READ_BYTES_MAX = 32 * 1024 * 1024
"""Of a larger file only size and time are compared: reading it would hold up all else."""


@dataclass(frozen=True, slots=True)
class _IndexCopy:
    """A copy of a worktree's index, and which state of it that is."""

    path: Path
    state: tuple[int, ...]


class WorktreeSight:
    """Looks at the worktrees of one repository. `private` is a directory for index copies."""

    def __init__(self, workplace: Workplace, ground: Ground, private: Path) -> None:
        self._workplace = workplace
        self._ground = ground
        self._private = private
        self._copies: dict[Path, _IndexCopy] = {}
        self._looks: dict[Path, str] = {}
        self._snapshots: dict[Path, Snapshot] = {}

    def worktrees(self) -> tuple[Worktree, ...]:
        """The checkouts that there are now."""
        return self._workplace.repository.worktrees()

    def forget(self, worktree: Path) -> None:
        """What was known of a worktree is of no use any more."""
        self._looks.pop(worktree, None)
        self._snapshots.pop(worktree, None)

    def has_changed(self, worktree: Worktree) -> bool:
        """Whether it looks different from the last time, which it does the first time."""
        try:
            look = self._look(worktree)
        except (AgentdError, OSError):
            look = ""  # It goes away or is damaged; seeing it will say which.
        changed = not look or look != self._looks.get(worktree.path)
        self._looks[worktree.path] = look
        if changed:
            self._snapshots.pop(worktree.path, None)
        return changed

    def _look(self, worktree: Worktree) -> str:
        """A digest over what could make its content another: head, index, changed files' states.

        Files are told apart by time and size here, as git does; no content is kept or compared.
        What is staged and equal in the worktree shows in the index alone.
        """
        digest = hashlib.sha256(f"{worktree.branch}\0{worktree.head}\0".encode())
        for name, state in self._states(worktree):
            digest.update(name + b"\0")
            if state is not None:
                times = f"{state.st_mtime_ns} {state.st_size} {state.st_mode} {state.st_ino}"
                digest.update(times.encode())
        digest.update(repr(self._copies[worktree.path].state).encode())
        return digest.hexdigest()

    def _states(self, worktree: Worktree) -> Iterator[tuple[bytes, os.stat_result | None]]:
        """The changed files with how they lie there now; None for those that do not."""
        for name in self.changed_names(worktree):
            try:
                yield name, os.lstat(os.path.join(os.fsencode(worktree.path), name))
            except OSError:
                yield name, None

    def changed_names(self, worktree: Worktree, *paths: str) -> tuple[bytes, ...]:
        """The files that differ from the index, and untracked ones; below some paths only.

        Raises `git_failed` where the index cannot be read from a copy.
        """
        index = self._index_copy(worktree.path)
        configuration = {"core.bare": "false"}
        exclude = self._workplace.repository.common_dir / "info" / "exclude"
        if exclude.exists():
            configuration["core.excludesFile"] = str(exclude)
        listed = self._workplace.quarantine.run(
            [
                f"--work-tree={worktree.path}",
                *("-C", str(worktree.path), "ls-files", "-z"),
                *("--modified", "--deleted", "--others", "--exclude-standard", "--", *paths),
            ],
            environment={"GIT_INDEX_FILE": str(index)},
            configuration=configuration,
            check=True,
            large=True,
        )
        return tuple(sorted(set(listed.stdout.split(b"\0")) - {b""}))

    def _index_copy(self, worktree: Path) -> Path:
        """The index as it is now, copied only when it changed.

        The copy keeps the index's own time: by it git tells a file that changed in the second in
        which the index was written from an unchanged one.
        """
        found = find_worktree(worktree)
        git_dir = found.git_dir if found else self._workplace.repository.at(worktree).git_dir
        index = git_dir / "index"
        state = index.stat()
        identity = (state.st_mtime_ns, state.st_size, state.st_ino)
        known = self._copies.get(worktree)
        if known is None or known.state != identity:
            name = hashlib.sha256(os.fsencode(worktree)).hexdigest()[:24]
            known = _IndexCopy(self._private / name, identity)
            shutil.copy2(index, known.path)
            self._copies[worktree] = known
        return known.path

    def see(self, worktree: Worktree) -> Participant:
        """The worktree as a participant. Where it cannot be read, its `trouble` says why.

        Its files are read again only after `has_changed` or `forget`.
        """
        try:
            return self._seen(worktree)
        except (AgentdError, OSError) as failure:
            if isinstance(failure, AgentdError) and failure.reason not in (
                "git_failed",
                "worktree_failed",
            ):
                raise
            self.forget(worktree.path)
            return _participant(worktree, trouble=str(failure))

    def _seen(self, worktree: Worktree) -> Participant:
        quarantine = self._workplace.quarantine
        snapshot = self._snapshots.get(worktree.path)
        if snapshot is None:
            snapshot = take_snapshot(
                quarantine,
                worktree.path,
                self._workplace.repository,
                stand_ins=self._too_large(worktree),
            )
            self._snapshots[worktree.path] = snapshot
        base = self._ground.base_of(snapshot.head)
        if base is None:
            return _participant(worktree, trouble="It has no history in common with the target.")
        placed = self._ground.place(quarantine.tree_of(base), snapshot.tree)
        plain = _participant(worktree)
        trouble = ""
        if snapshot.unmerged:
            shown = ", ".join(snapshot.unmerged[:_PATHS_SHOWN])
            trouble = f"It has unresolved conflicts in {shown}."
        return Participant(
            participant_id=plain.participant_id,
            kind=plain.kind,
            name=plain.name,
            names=plain.names,
            place=plain.place,
            footprint=self._ground.footprint(plain.participant_id, placed),
            tree=placed.tree,
            against_target=placed.conflicts,
            trouble=trouble,
        )

    def _too_large(self, worktree: Worktree) -> dict[bytes, bytes]:
        """Files whose content is not read, and what stands for it, which no text merges with."""
        try:
            states = list(self._states(worktree))
        except (AgentdError, OSError):
            return {}  # Its index is of no use; what lies there is all read.
        return {
            name: b"\0 %d bytes of %d" % (state.st_size, state.st_mtime_ns)
            for name, state in states
            if state is not None and stat.S_ISREG(state.st_mode) and state.st_size > _READ_BYTES_MAX
        }

    def may_touch(self, worktree: Worktree, path: str) -> bool:
        """Whether it may change a path with respect to the target: often a quick no."""
        if path == "." and worktree.head != self._ground.tip:
            return True
        try:
            return bool(self.changed_names(worktree, path)) or self._has_staged(worktree, path)
        except (AgentdError, OSError):
            return True

    def _has_staged(self, worktree: Worktree, path: str) -> bool:
        """Whether its index, which has its commits and what is staged, differs from the target."""
        compared = self._workplace.quarantine.run(
            ["diff-index", "--cached", "--quiet", self._ground.tip, "--", path],
            environment={"GIT_INDEX_FILE": str(self._index_copy(worktree.path))},
        )
        return compared.status != 0


def worktree_id(path: Path) -> BundleId:
    """What a worktree is called among the participants."""
    return BundleId(f"w-{hashlib.sha256(os.fsencode(path)).hexdigest()[:20]}")


def worktree_names(worktree: Worktree) -> frozenset[str]:
    """The names that whoever works there goes by: the branch's and the directory's."""
    return frozenset({worktree.path.name, _branch_of(worktree) or worktree.path.name})


def _branch_of(worktree: Worktree) -> str | None:
    """The short name of its branch, also in the midst of a rebase."""
    if worktree.branch is not None:
        return worktree.branch.removeprefix("refs/heads/")
    found = find_worktree(worktree.path)
    return found.branch if found is not None else None


def _participant(worktree: Worktree, trouble: str = "") -> Participant:
    own_id = worktree_id(worktree.path)
    return Participant(
        participant_id=own_id,
        kind=ParticipantKind.WORKTREE,
        name=_branch_of(worktree) or worktree.path.name,
        names=worktree_names(worktree),
        footprint=Footprint(own_id, ()),
        place=decoded(os.fsencode(worktree.path)),
        trouble=trouble,
    )
