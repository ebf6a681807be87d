"""Merges the chosen bundles one after another onto the tip: git's last word on the whole set.

It must not know why they were chosen or what is proved about the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.conflicts.conflict_kinds import ConflictKind, conflict_kinds
from agentd.conflicts.findings import BundleId
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git_names import CommitId, TreeId
from agentd.conflicts.merge_result import MergeResult
from agentd.conflicts.merging import Merger
from agentd.conflicts.quarantine import Quarantine

_SUBJECT_CHARS_MAX: Final = 72


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

    def __init__(self, quarantine: Quarantine, tip: CommitId, merger: Merger) -> None:
        self._quarantine = quarantine
        self._tip = tip
        self._tip_tree = quarantine.tree_of(tip)
        self._merger = merger

    def compose(self, placed: Sequence[Placed]) -> Composition:
        """Merges bundles in the order given, but whoever takes a file away after who edits it."""
        order: list[BundleId] = []
        trees: list[TreeId] = []
        tree = self._tip_tree
        for each in _editors_first(placed):
            merged = self._merge(tree, TreeId(str(each.tree)))
            if not merged.clean:
                paths = merged.conflicted_paths or tuple(
                    dict.fromkeys(path for message in merged.conflicts for path in message.paths)
                )
                clash = Clash(each.candidate.bundle_id, tuple(order), paths, conflict_kinds(merged))
                return Composition(tuple(order), tuple(trees), self._tip_tree, clash)
            tree = merged.tree
            order.append(each.candidate.bundle_id)
            trees.append(tree)
        return Composition(tuple(order), tuple(trees), self._tip_tree)

    def _merge(self, tree: TreeId, change: TreeId) -> MergeResult:
        if tree == self._tip_tree:
            return MergeResult(change, clean=True)
        if change == self._tip_tree:
            return MergeResult(tree, clean=True)
        return self._merger.merge(self._tip_tree, tree, change)

    def commit(self, composition: Composition, placed: Sequence[Placed]) -> CommitId:
        """Makes the history of the integration: one commit a bundle, merges where it has one."""
        head = self._tip
        seconds = self._quarantine.commit_seconds(head)
        by_id = {each.candidate.bundle_id: each for each in placed}
        for bundle_id, tree in zip(composition.order, composition.trees, strict=True):
            each = by_id[bundle_id]
            seconds += 1
            parents = [head]
            branch_head = each.candidate.submission.branch_head
            if branch_head is not None and self._is_plain_merge(each):
                parents.append(branch_head)
                seconds = max(seconds, self._quarantine.commit_seconds(branch_head) + 1)
            head = self._quarantine.commit(
                tree,
                parents,
                message=_commit_message(each),
                seconds=seconds,
                author=_author(each.candidate.bundle.owner),
            )
        return head

    def commit_generated(self, head: CommitId, tree: TreeId, command: str) -> CommitId:
        """Puts what a generator made on top, as nobody's change."""
        message = (
            "Make generated files anew from the merged sources\n\n"
            f"Agentd-Generated-By: {_one_line(command)}\n"
        )
        seconds = self._quarantine.commit_seconds(head) + 1
        return self._quarantine.commit(tree, [head], message=message, seconds=seconds)

    def _is_plain_merge(self, each: Placed) -> bool:
        """Whether naming the branch as a parent tells the truth: all since its base is merged."""
        head, base = each.candidate.submission.branch_head, each.candidate.base
        if head is None or base is None or head == self._tip:
            return False
        if each.candidate.submission.criss_cross:
            return True
        return self._quarantine.merge_base(self._tip, head) == base


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


def _commit_message(each: Placed) -> str:
    bundle = each.candidate.bundle
    intent = " ".join((bundle.intent or bundle.diff_summary).split())
    subject = intent or f"Integrate the change of {bundle.owner}"
    if len(subject) > _SUBJECT_CHARS_MAX:
        subject = subject[: _SUBJECT_CHARS_MAX - 1].rstrip() + "…"
    trailers = [
        f"Agentd-Bundle: {each.candidate.bundle_id}",
        f"Agentd-Owner: {_one_line(bundle.owner)}",
        f"Agentd-Provider: {_one_line(bundle.provider)}",
    ]
    return f"{_one_line(subject)}\n\n" + "\n".join(trailers) + "\n"


def _author(owner: str) -> str:
    # git refuses a name that is empty without these.
    name = _one_line(owner).strip(" .,:;<>\"'\\")
    return "".join(char for char in name if char not in "<>") or "agentd"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200].replace("\0", "")
