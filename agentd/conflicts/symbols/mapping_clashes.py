"""Data files that merged say a thing twice or cannot be read any more.

Pure but for reading contents. Asks for the merge only where both sides add a key of one name, or a
file's syntax does not stand on its lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from agentd.conflicts.symbols.findings import (
    LOOK_AND_ADAPT,
    Level,
    Spot,
    SymbolFinding,
    WhichSide,
    both,
    only_apart,
)
from agentd.conflicts.symbols.mapping_keys import (
    MappingKeys,
    is_mapping_file,
    key_at,
    key_line,
    key_names,
    read_mapping,
)
from agentd.conflicts.symbols.sides import Side
from agentd.conflicts.symbols.tree_view import TreeView

FILE_BYTES_MAX: Final = 2_000_000
Read = Callable[[str], bytes | None]
"""Content by blob."""


def mapping_clashes(
    left: Side, right: Side, read: Read, merged: Callable[[], TreeView | None]
) -> Iterator[SymbolFinding]:
    """Keys that stand twice after the merge, and files that cannot be read any more."""
    for path in sorted(left.changes.keys() & right.changes.keys()):
        if not is_mapping_file(path):
            continue
        contents = [_content(read, side.changes[path].new) for side in (left, right)]
        base = _content(read, left.changes[path].base) or b""
        mine, other = contents
        if mine is None or other is None or mine == other:
            continue
        if not path.endswith(".json"):
            before = key_names(base)
            if not (key_names(mine) - before).keys() & (key_names(other) - before).keys():
                continue
        view = merged()
        after = _content(read, view.blob(path)) if view is not None else None
        if after is not None:
            yield from _compare(path, mine, other, after)


def _compare(path: str, left: bytes, right: bytes, merged: bytes) -> Iterator[SymbolFinding]:
    sides = [read_mapping(path, content) for content in (left, right)]
    after = read_mapping(path, merged)
    if not all(each.parsed for each in sides):
        return
    if not after.parsed or (not after.plain and all(each.plain for each in sides)):
        key = key_at(merged, after.line)
        spots = [
            Spot(which, path, key_line(content, key) if key else 1, f"{key or 'it'} changed")
            for which, content in zip(WhichSide, (left, right), strict=True)
        ]
        at = f", near `{key}`" if key else ""
        phrase = only_apart(f"{path} can be read", f"cannot{at}: {after.problem}")
        yield SymbolFinding(Level.PARSE, path, spots[0], spots[1], phrase, LOOK_AND_ADAPT)
    for key in sorted(after.twice):
        if after.twice[key] > max(_times(each, key) for each in sides):
            spots = [
                Spot(which, path, key_line(content, key), f"{key} added")
                for which, content in zip(WhichSide, (left, right), strict=True)
            ]
            twice = both(
                f"add the key `{key}` to {path} (lines {spots[0].line} and {spots[1].line}), and "
                "merged it is there twice"
            )
            advice = "keep one of them"
            yield SymbolFinding(Level.TWICE, key, spots[0], spots[1], twice, advice)


def _times(keys: MappingKeys, key: str) -> int:
    return keys.twice.get(key, 1)


def _content(read: Read, blob: str | None) -> bytes | None:
    content = read(blob) if blob is not None else None
    return content if content is not None and len(content) <= FILE_BYTES_MAX else None
