"""Asks git to merge, once for each question: what was answered before is not asked again.

Answers are found by content: the three trees, the attributes and git's version. It must not know
why somebody asks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import orjson

from agentd.conflicts.git.names import OBJECT_ID, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.result import (
    NO_ATTRIBUTES,
    Merge,
    MergeAttributes,
    MergeMessage,
    MergeResult,
)
from agentd.conflicts.merges.store import MergeStore

_FORMAT: Final = 1
"""Grows when an answer is written otherwise, or git is configured otherwise for merging."""


class Merger:
    """Merges of one review."""

    def __init__(
        self,
        quarantine: Quarantine,
        attributes: MergeAttributes = NO_ATTRIBUTES,
        store: MergeStore | None = None,
        git_version: str = "",
    ) -> None:
        self._quarantine = quarantine
        self._attributes = attributes
        self._store = store
        self._scope = orjson.dumps(
            [_FORMAT, git_version, [list(map(_plain, item)) for item in sorted(attributes.items())]]
        )
        self._known: dict[Merge, MergeResult] = {}
        self._with_tree: set[Merge] = set()

    def merge(self, base: TreeId, left: TreeId, right: TreeId) -> MergeResult:
        """One merge, whose tree is there."""
        return self.merge_all([Merge(base, left, right)])[0]

    def merge_all(self, merges: Sequence[Merge], *, trees: bool = True) -> tuple[MergeResult, ...]:
        """Many merges; without `trees` only the verdicts count, and the trees may be gone."""
        have = self._with_tree if trees else self._known.keys()
        asked = [merge for merge in dict.fromkeys(merges) if merge not in have]
        remembered = self._remembered(asked, trees=trees)
        new = [merge for merge in asked if merge not in remembered]
        made = dict(
            zip(new, self._quarantine.merge_all(new, attributes=self._attributes), strict=True)
        )
        self._known |= remembered | made
        self._with_tree.update(asked if trees else made)
        if self._store is not None:
            self._store.put({self._key(merge): _encode(answer) for merge, answer in made.items()})
        return tuple(self._known[merge] for merge in merges)

    def _remembered(self, merges: Sequence[Merge], *, trees: bool) -> dict[Merge, MergeResult]:
        found = {merge: self._known[merge] for merge in merges if merge in self._known}
        if self._store is not None:
            keys = {self._key(merge): merge for merge in merges if merge not in found}
            for key, answer in self._store.get(keys).items():
                decoded = _decode(answer)
                if decoded is not None:
                    found[keys[key]] = decoded
        if trees and found:
            there = self._there({answer.tree for answer in found.values() if answer.clean})
            return {
                merge: answer
                for merge, answer in found.items()
                if not answer.clean or answer.tree in there
            }
        return found

    def _there(self, trees: set[TreeId]) -> set[TreeId]:
        if not trees:
            return set()
        stdin = "".join(f"{tree}\n" for tree in sorted(trees)).encode()
        told = self._quarantine.run(["cat-file", "--batch-check"], stdin=stdin, check=True)
        return {
            TreeId(line.split(" ")[0])
            for line in told.text.split("\n")
            if line.split(" ")[1:2] == ["tree"]
        }

    def _key(self, merge: Merge) -> bytes:
        digest = hashlib.sha256(self._scope)
        sides = (merge.base, merge.left, merge.right, *(merge.histories or ()))
        digest.update(" ".join(sides).encode())
        return digest.digest()[:20]


def _encode(answer: MergeResult) -> bytes:
    return orjson.dumps(
        [
            answer.tree,
            answer.clean,
            [_plain(path) for path in answer.conflicted_paths],
            [
                [_plain(each.kind), [_plain(path) for path in each.paths], _plain(each.text)]
                for each in answer.messages
                if each.is_conflict
            ],
        ]
    )


def _decode(data: bytes) -> MergeResult | None:
    """The answer that was kept, or None where it is not one: then git is asked."""
    try:
        tree, clean, paths, messages = orjson.loads(data)
        if not OBJECT_ID.fullmatch(tree):
            return None
        return MergeResult(
            TreeId(tree),
            bool(clean),
            tuple(_back(path) for path in paths),
            tuple(
                MergeMessage(_back(kind), tuple(_back(path) for path in named), _back(text))
                for kind, named, text in messages
            ),
        )
    except (ValueError, TypeError, AttributeError):
        return None


def _plain(text: str) -> str:
    """Text that JSON can hold: each byte of the original is a character."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _back(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
