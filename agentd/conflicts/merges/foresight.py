"""Guesses the trees that come out when bundles are merged one after another.

A merge that was guessed right can be tried together with those after it instead of after the one
before it. A guess is nothing but that: git merges all the same, and where it answers otherwise, its
answer counts. Pure: what each changes on the tip in, what to write out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.git.names import ObjectId
from agentd.conflicts.hunk_overlap import Touch, span, touch
from agentd.conflicts.patches.changed_text import with_hunks
from agentd.conflicts.trees.changes import MODE_ABSENT, FileHunks, Hunk, TreeChange
from agentd.conflicts.trees.edits import Edits, NewFile

_TEXT_MODES: Final = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class _State:
    """A path that some bundle has changed already."""

    change: TreeChange
    """The last one's; where several did, only its old side counts."""
    mode: str
    blob: str | None
    """None where several changed its lines."""
    hunks: tuple[Hunk, ...] | None
    """All changes of its lines; None where nobody can tell what is in it."""


class Foresight:
    """What is foreseen of one composition, bundle after bundle."""

    def __init__(self, states: Mapping[str, _State] | None = None) -> None:
        self._states: dict[str, _State] = dict(states or {})

    def copy(self) -> Foresight:
        """What is foreseen so far, to come back to."""
        return Foresight(self._states)

    def needs(self, steps: Sequence[Sequence[FileHunks]]) -> set[str]:
        """The blobs of the tip's files that it has to read to guess about some more bundles."""
        blobs = {path: state.blob for path, state in self._states.items()}
        needed = set()
        for files in steps:
            for file in files:
                change = file.change
                differs = blobs.setdefault(change.path, change.new_blob) != change.new_blob
                if differs and change.old_mode in _TEXT_MODES:
                    needed.add(change.old_blob)
        return needed

    def add(self, files: Sequence[FileHunks], contents: Mapping[str, bytes]) -> Edits | None:
        """What the next bundle changes in the tree before it; None where that cannot be guessed.

        Then nobody knows any more what is in its files. `contents` has the tip's, by blob.
        """
        self.assume(files)
        states = {file.change.path: self._states[file.change.path] for file in files}
        if any(_unknown(state, contents) for state in states.values()):
            self.forget(files)
            return None
        return {path: _file(state, contents) for path, state in states.items()}

    def assume(self, files: Sequence[FileHunks]) -> None:
        """Notes a bundle that came out as guessed."""
        for file in files:
            path = file.change.path
            self._states[path] = _joined(self._states.get(path), file)

    def forget(self, files: Sequence[FileHunks]) -> None:
        """Notes that what is in some files came out otherwise than was guessed."""
        for file in files:
            self._states[file.change.path] = _State(file.change, file.change.new_mode, None, None)


def _unknown(state: _State, contents: Mapping[str, bytes]) -> bool:
    return state.blob is None and (state.hunks is None or state.change.old_blob not in contents)


def _file(state: _State, contents: Mapping[str, bytes]) -> NewFile | None:
    if state.blob is None:
        content = with_hunks(contents[state.change.old_blob], state.hunks or ())
        return NewFile(state.mode, content)
    return None if state.mode == MODE_ABSENT else NewFile(state.mode, ObjectId(state.blob))


def _joined(state: _State | None, file: FileHunks) -> _State:
    change = file.change
    if state is None:
        return _State(change, change.new_mode, change.new_blob, file.hunks)
    if state.blob == change.new_blob and state.mode == change.new_mode:
        return state
    both_edit = {state.change.status, change.status} == {"M"}
    same_base = (state.change.old_blob, state.change.old_mode) == (change.old_blob, change.old_mode)
    plain = state.change.old_mode in _TEXT_MODES and not (state.change.binary or change.binary)
    hunks = _woven(state.hunks, file.hunks) if both_edit and same_base and plain else None
    # Where one of them changed the mode, that is what stays.
    mode = change.new_mode if state.mode == change.old_mode else state.mode
    return _State(change, mode, None, hunks)


def _woven(some: tuple[Hunk, ...] | None, others: tuple[Hunk, ...]) -> tuple[Hunk, ...] | None:
    """The changed stretches of both in order; None where some meet, unless they say the same."""
    if some is None:
        return None
    woven: list[Hunk] = []
    for hunk in sorted((*some, *others), key=lambda each: (span(each), each.added)):
        met = touch(woven[-1], hunk) if woven else Touch.APART
        if met is Touch.APART:
            woven.append(hunk)
        elif met is not Touch.SAME:
            return None
    return tuple(woven)
