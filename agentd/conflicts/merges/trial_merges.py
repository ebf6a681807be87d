"""Merges trees with `git merge-tree`: many in one process where git can, else one by one.

What git answers is believed only where it has the form of an answer. Its traps are dealt with here:
exit status 1 stands for a conflict and for a missing commit alike; a batch ends at the first line
that cannot be used, with the earlier answers printed; attributes come from a file made for the
occasion. It must not know what is merged or what follows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from agentd.conflicts.git.isolation import retried
from agentd.conflicts.git.names import OBJECT_ID, CommitId, TreeId, decoded
from agentd.conflicts.git.object_writing import store_commits
from agentd.conflicts.git.place import Place
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.merges.result import (
    Merge,
    MergeAttributes,
    MergeResult,
    attributes_line,
    parse_merge,
    parse_merges,
)
from agentd.conflicts.merges.synthetic_commits import stand_in
from agentd.errors import DependencyFailed

BATCH_MAX: Final = 200
"""Merges of one process, so that its time limit is in proportion."""

_MERGE_TREE: Final = (
    "merge-tree",
    "--write-tree",
    "-z",
    "--name-only",
    "--messages",
    "--allow-unrelated-histories",
)
"""Of several merge bases two may have nothing in common."""


class TrialMerges:
    """Merges in one repository."""

    def __init__(self, place: Place, git: GitProcess, object_format: str) -> None:
        self._place = place
        self._git = git
        self._object_format = object_format
        self._seen: set[TreeId] = set()

    def merge_all(
        self, merges: Sequence[Merge], attributes: MergeAttributes
    ) -> tuple[MergeResult, ...]:
        """The results, in the order of the merges."""
        results: list[MergeResult] = []
        with _attributes_file(attributes) as configuration:
            for start in range(0, len(merges), BATCH_MAX):
                sides = self._stand_ins(merges[start : start + BATCH_MAX])
                done = self._batch(sides, configuration) if len(sides) > 1 else ()
                results += done
                for pair in sides[len(done) :]:
                    results.append(retried(partial(self._one, pair, configuration)))
        return tuple(results)

    def _stand_ins(self, merges: Sequence[Merge]) -> list[tuple[CommitId, CommitId]]:
        """The commits to merge; writes those that only stand for a side."""
        written: dict[CommitId, bytes] = {}

        def stand(tree: TreeId, parents: Sequence[CommitId], seconds: int) -> CommitId:
            made = stand_in(tree, parents, seconds=seconds, object_format=self._object_format)
            written[made.commit] = made.content
            return made.commit

        self._must_exist(dict.fromkeys(t for m in merges for t in (m.base, m.left, m.right)))
        pairs = []
        for merge in merges:
            if merge.histories is not None:
                pairs.append(merge.histories)
                continue
            root = stand(merge.base, (), 0)
            pairs.append((stand(merge.left, [root], 1), stand(merge.right, [root], 1)))
        store_commits(self._place, written)
        return pairs

    def _must_exist(self, trees: Collection[TreeId]) -> None:
        """git takes a side that equals the base without looking at the other, missing or not."""
        new = [tree for tree in trees if tree not in self._seen]
        if not new:
            return
        stdin = "".join(f"{tree}\n" for tree in new).encode()
        told = self._place.run(["cat-file", "--batch-check"], stdin=stdin, check=True).text
        for tree, line in zip(new, told.split("\n"), strict=True):
            if line.split(" ")[:2] != [tree, "tree"]:
                raise DependencyFailed("git_failed", f"the tree {tree} cannot be read")
        self._seen.update(new)

    def _batch(
        self, sides: Sequence[tuple[CommitId, CommitId]], configuration: Mapping[str, str]
    ) -> tuple[MergeResult, ...]:
        """The answers that one process gives, from the first on; none where git has no `--stdin`.

        All is written before anything is read: git before 2.49 answers only at the end.
        """
        if not self._git.batches_merges:
            return ()
        stdin = "".join(f"{left} {right}\n" for left, right in sides).encode()
        try:
            answer = self._place.run(
                [*_MERGE_TREE, "--stdin"], stdin=stdin, configuration=configuration, large=True
            )
        except DependencyFailed as failure:
            if failure.reason != "git_failed":
                raise
            return ()
        return parse_merges(answer.stdout)[: len(sides)]

    def _one(self, sides: Sequence[CommitId], configuration: Mapping[str, str]) -> MergeResult:
        answer = self._place.run(
            [*_MERGE_TREE, *sides],
            configuration=configuration,
            large=True,
        )
        tree, _, rest = answer.stdout.partition(b"\0")
        # git exits with 1 both for a conflict and for a missing object; only the former has a tree.
        if answer.status not in (0, 1) or not OBJECT_ID.fullmatch(decoded(tree)):
            raise DependencyFailed("git_failed", f"`git merge-tree` failed: {answer.stderr[:500]}")
        paths, messages = parse_merge(rest)
        return MergeResult(TreeId(decoded(tree)), answer.status == 0, paths, messages)


@contextmanager
def _attributes_file(attributes: MergeAttributes) -> Iterator[dict[str, str]]:
    """The configuration under which the paths, and no others, have their attributes."""
    if not attributes:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="agentd-attributes-") as directory:
        file = Path(directory) / "attributes"
        lines = (attributes_line(path, attributes[path]) for path in sorted(attributes))
        file.write_bytes(b"".join(lines))
        yield {"core.attributesFile": str(file)}
