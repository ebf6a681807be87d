"""Merges the chosen bundles one after another onto the tip: git's last word on the whole set.

It must not know why they were chosen or what is proved about the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentd.conflicts.findings import BundleId
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.conflict_kinds import ConflictKind, conflict_kinds
from agentd.conflicts.merges.integration_commits import one_line, write_history
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.sequential_merges import Step, merge_in_order
from agentd.conflicts.pairs import Footprint


@dataclass(frozen=True, slots=True)
class Clash:
    """A bundle that does not merge onto those before it, although it merges with each."""

    bundle_id: BundleId
    before: tuple[BundleId, ...]
    paths: tuple[str, ...]
    kinds: tuple[ConflictKind, ...]


@dataclass(frozen=True, slots=True)
class Composition:
    """A set of bundles merged in order, up to the first clash."""

    order: tuple[BundleId, ...]
    trees: tuple[TreeId, ...]
    """The tree after each of them."""
    base_tree: TreeId
    clash: Clash | None = None

    @property
    def tree(self) -> TreeId:
        """The tip with all of them."""
        return self.trees[-1] if self.trees else self.base_tree


class Composer:
    """Composes sets of bundles on one tip."""

    def __init__(
        self,
        quarantine: Quarantine,
        tip: CommitId,
        merger: Merger,
        footprints: Sequence[Footprint] = (),
    ) -> None:
        """Bundles with a footprint on the tip are composed faster."""
        self._quarantine = quarantine
        self._tip = tip
        self._tip_tree = quarantine.tree_of(tip)
        self._merger = merger
        self._files = {each.bundle_id: each.files for each in footprints}

    def compose(self, placed: Sequence[Placed]) -> Composition:
        """Merges bundles in the order given, but whoever takes a file away after who edits it."""
        ordered = list(_editors_first(placed))
        steps = [
            Step(TreeId(str(each.tree)), self._files.get(each.candidate.bundle_id))
            for each in ordered
        ]
        results = merge_in_order(self._quarantine, self._merger, self._tip_tree, steps)
        trees = tuple(merged.tree for merged in results if merged.clean)
        order = tuple(each.candidate.bundle_id for each in ordered[: len(trees)])
        if len(trees) == len(results):
            return Composition(order, trees, self._tip_tree)
        last = results[-1]
        paths = last.conflicted_paths or tuple(
            dict.fromkeys(path for message in last.conflicts for path in message.paths)
        )
        late = ordered[len(trees)].candidate.bundle_id
        clash = Clash(late, order, paths, conflict_kinds(last))
        return Composition(order, trees, self._tip_tree, clash)

    def commit(self, composition: Composition, placed: Sequence[Placed]) -> CommitId:
        """Makes the history of the integration: one commit a bundle, merges where it has one."""
        by_id = {each.candidate.bundle_id: each for each in placed}
        steps = [
            (by_id[bundle_id], tree)
            for bundle_id, tree in zip(composition.order, composition.trees, strict=True)
        ]
        return write_history(self._quarantine, self._tip, steps)

    def commit_generated(self, head: CommitId, tree: TreeId, command: str) -> CommitId:
        """Puts what a generator made on top, as nobody's change."""
        message = (
            "Make generated files anew from the merged sources\n\n"
            f"Agentd-Generated-By: {one_line(command)}\n"
        )
        seconds = self._quarantine.commit_seconds(head) + 1
        return self._quarantine.commit(tree, [head], message=message, seconds=seconds)


def _editors_first(placed: Sequence[Placed]) -> Iterator[Placed]:
    """The bundles in their order, each after those that edit what it moves or deletes.

    As long as a file is where it was, git sees what is edited in it. Once it has gone, git may take
    any added file that looks like it for the place where it went.
    """
    edited = {id(each): _edited(each) for each in placed}
    editors = Counter(path for paths in edited.values() for path in paths)
    waiting = list(placed)
    while waiting:
        free = (
            place
            for place, each in enumerate(waiting)
            if all(editors[path] == (path in edited[id(each)]) for path in _taken(each))
        )
        each = waiting.pop(next(free, 0))  # None where each takes away what another edits.
        editors.subtract(edited[id(each)])
        yield each


def _edited(each: Placed) -> set[str]:
    return {change.path for change in each.candidate.changes if change.status in "MT"}


def _taken(each: Placed) -> set[str]:
    return {
        change.old_path or change.path for change in each.candidate.changes if change.status in "DR"
    }
