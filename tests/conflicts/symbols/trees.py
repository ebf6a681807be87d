"""Small trees in memory, and their merge by git's own `merge-file`."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentd.conflicts.symbols.findings import GuardResult, WhichSide
from agentd.conflicts.symbols.guard import SymbolGuard
from agentd.conflicts.symbols.sides import FileChange, Side
from agentd.conflicts.symbols.trees import Prepared

Files = Mapping[str, str | None]
NAMES = {WhichSide.LEFT: "ann", WhichSide.RIGHT: "bob"}


class Trees:
    """A base and what sides make of it; reads and merges like a repository."""

    def __init__(self, base: Files, scratch: Path) -> None:
        self._scratch = scratch
        self._blobs: dict[str, bytes] = {}
        self.reads: list[str] = []
        self.merges = 0
        self._listing = {
            path: self._keep(content) for path, content in base.items() if content is not None
        }

    def _keep(self, content: str) -> str:
        raw = content.encode()
        blob = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        self._blobs[blob] = raw
        return blob

    def side(self, changes: Mapping[str, str | None]) -> Side:
        """A side that writes or removes (None) some files."""
        changed = {}
        for path, content in changes.items():
            new = None if content is None else self._keep(content)
            changed[path] = FileChange(self._listing.get(path), new)
        return Side("base", changed)

    # What the guard reads

    def read_blobs(self, blobs: Sequence[str]) -> list[tuple[str, bytes]]:
        self.reads += blobs
        return [(blob, self._blobs[blob]) for blob in blobs if blob in self._blobs]

    def listing(self, tree: str) -> Mapping[str, str]:
        assert tree == "base"
        return self._listing

    def merged(self, left: Side, right: Side) -> Mapping[str, str | None] | None:
        self.merges += 1
        merged: dict[str, str | None] = {**left.overlay, **right.overlay}
        for path in left.changes.keys() & right.changes.keys():
            mine, other = left.changes[path].new, right.changes[path].new
            if mine == other:
                continue
            if mine is None or other is None:
                return None
            text = self._merge_file(left.changes[path].base, mine, other)
            if text is None:
                return None
            merged[path] = self._keep(text)
        return merged

    def _merge_file(self, base: str | None, left: str, right: str) -> str | None:
        names = []
        for name, blob in (("left", left), ("base", base), ("right", right)):
            file = self._scratch / name
            file.write_bytes(self._blobs[blob] if blob is not None else b"")
            names.append(str(file))
        done = subprocess.run(
            ["git", "merge-file", "-p", *names], capture_output=True, cwd=self._scratch, check=False
        )
        return done.stdout.decode() if done.returncode == 0 else None


def guard(
    trees: Trees, left: Mapping[str, str | None], right: Mapping[str, str | None]
) -> GuardResult:
    """What the guard says about two sides; the same, mirrored, when they change places."""
    watch = SymbolGuard(trees)
    sides: tuple[Prepared, Prepared] = (
        watch.prepare(trees.side(left)),
        watch.prepare(trees.side(right)),
    )
    assert trees.merged(sides[0].side, sides[1].side) is not None, "the texts conflict"
    result = watch.pair(*sides)
    mirrored = watch.pair(sides[1], sides[0])
    assert _signs(result, WhichSide.LEFT) == _signs(mirrored, WhichSide.RIGHT)
    return result


def _signs(result: GuardResult, left: WhichSide) -> set[tuple[str, str, frozenset[object]]]:
    return {
        (
            each.level.value,
            each.symbol,
            frozenset(
                (spot.side is left, spot.path, spot.line, spot.text)
                for spot in (each.change, each.meets)
            ),
        )
        for each in result.findings
    }


def strong(result: GuardResult) -> list[str]:
    """The blocking signs as `level symbol`."""
    return [f"{each.level.value} {each.symbol}" for each in result.blocking]
