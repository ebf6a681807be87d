"""Merges changes of one tree one after another, many at a time.

Each merge needs the tree that the one before it made. Where that can be guessed, it is: the merges
are tried together, and count as far as git made the trees that were guessed. What comes out is what
merging one by one gives. It must not know whose changes they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentd.conflicts.git.names import ObjectId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.foresight import Foresight
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.result import Merge, MergeResult
from agentd.conflicts.merges.trial_merges import BATCH_MAX
from agentd.conflicts.trees.changes import FileHunks
from agentd.conflicts.trees.edits import Edits, size_of
from agentd.conflicts.trees.entries import BYTES_AT_ONCE
from agentd.errors import DependencyFailed


@dataclass(frozen=True, slots=True)
class Step:
    """A change to be merged."""

    tree: TreeId
    """The base with the change."""
    files: Sequence[FileHunks] | None
    """What it changes, without looking for moved files; None where nobody knows."""


def merge_in_order(
    quarantine: Quarantine, merger: Merger, base: TreeId, steps: Sequence[Step]
) -> list[MergeResult]:
    """What merging each onto those before it gives, up to the first that does not merge."""
    return _Sequence(quarantine, merger, base).merge(steps)


class _Sequence:
    def __init__(self, quarantine: Quarantine, merger: Merger, base: TreeId) -> None:
        self._quarantine = quarantine
        self._merger = merger
        self._base = base
        self._foresight = Foresight()
        self._blind = False
        """Whether there was a tree that git could not make by itself: then nothing is guessed."""

    def merge(self, steps: Sequence[Step]) -> list[MergeResult]:
        results: list[MergeResult] = []
        tree, at_once = self._base, BATCH_MAX
        while len(results) < len(steps):
            before = self._foresight.copy()
            waiting = steps[len(results) : len(results) + at_once]
            guesses, tried = self._guesses(tree, waiting)
            answers = self._merged([tree, *guesses], tried)
            surprise = _first_surprise(answers, guesses)
            results += answers if surprise is None else answers[: surprise + 1]
            if not results[-1].clean:
                break
            tree = results[-1].tree
            at_once = min(2 * at_once, BATCH_MAX)
            if surprise is not None:
                self._foresight = _after(before, tried[: surprise + 1])
                at_once = surprise + 1  # What is tried in vain stays in proportion.
        return results

    def _guesses(self, tree: TreeId, steps: Sequence[Step]) -> tuple[list[TreeId], Sequence[Step]]:
        """The steps to be tried, and the trees after all of these but the last, as guessed."""
        if self._blind:
            return [], steps[:1]
        before = self._foresight.copy()
        contents = self._contents([step.files for step in steps if step.files is not None])
        edits: list[Edits] = []
        held = 0
        while len(edits) < len(steps) and held < BYTES_AT_ONCE:
            files = steps[len(edits)].files
            edit = self._foresight.add(files, contents) if files is not None else None
            if edit is None:
                steps = steps[: len(edits) + 1]
                break
            held += sum(size_of(file) for file in edit.values())
            edits.append(edit)
        else:
            steps = steps[: len(edits)]
        before_last = edits[: len(steps) - 1]
        wanted = [(tree if place == 0 else None, edit) for place, edit in enumerate(before_last)]
        try:
            return list(self._quarantine.make_trees(wanted)), steps
        except DependencyFailed as failure:
            if failure.reason != "git_failed":
                raise
            self._blind, self._foresight = True, before
            return [], steps[:1]

    def _contents(self, steps: Sequence[Sequence[FileHunks]]) -> Mapping[str, bytes]:
        needed = [ObjectId(blob) for blob in sorted(self._foresight.needs(steps))]
        # Beyond what may be held together nothing is guessed.
        portion = next(self._quarantine.portions(needed), [])
        read = self._quarantine.read_blobs(portion)
        return {str(blob): content for blob, content in read.items()}

    def _merged(self, lefts: Sequence[TreeId], steps: Sequence[Step]) -> list[MergeResult]:
        merges = [
            Merge(self._base, left, step.tree) for left, step in zip(lefts, steps, strict=False)
        ]
        asked = [merge for merge in merges if self._base not in (merge.left, merge.right)]
        answers = dict(zip(asked, self._merger.merge_all(asked), strict=True))
        return [
            answers[merge]
            if merge in answers
            else MergeResult(merge.right if merge.left == self._base else merge.left, clean=True)
            for merge in merges
        ]


def _after(foresight: Foresight, steps: Sequence[Step]) -> Foresight:
    """What is foreseen after some steps, of which the last came out otherwise."""
    *expected, surprising = [step.files or () for step in steps]
    for files in expected:
        foresight.assume(files)
    foresight.forget(surprising)
    return foresight


def _first_surprise(answers: Sequence[MergeResult], guesses: Sequence[TreeId]) -> int | None:
    """The place of the first answer that was guessed wrong."""
    for place, (answer, guess) in enumerate(zip(answers, guesses, strict=False)):
        if not answer.clean or answer.tree != guess:
            return place
    return None
