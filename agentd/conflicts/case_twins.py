"""Warns of names that differ only in case: macOS and Windows cannot check out both.

A bundle's new paths are held against the directories of the target that they come to lie in, and
against one another. It looks at nothing else of the tree, and must not know how the bundle fares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from agentd.conflicts.findings import Finding, FindingKind, warning
from agentd.conflicts.freshness import Placed
from agentd.conflicts.git.names import TreeId, encoded, folded
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.trees.entries import tree_records

Names = Mapping[str, Mapping[str, Sequence[str]]]
"""Directory to folded name to the names that are there."""


def with_case_twins(
    placed: Sequence[Placed], quarantine: Quarantine, tip_tree: TreeId
) -> tuple[Placed, ...]:
    """The same, each with its warnings."""
    added = [_added(each) for each in placed]
    directories = {parent for paths in added for path in paths for parent, _ in _steps(path)}
    if not directories:
        return tuple(placed)
    there = _names(quarantine, tip_tree, sorted(directories))
    suspected = [dict(_twins(paths, there)) for paths in added]
    questions = [
        f"{_result(each)}:{twin}"
        for each, twins in zip(placed, suspected, strict=True)
        for twin in twins.values()
    ]
    # A twin that the bundle itself takes away, as in a renaming, is none.
    stays = _existing(quarantine, questions)
    return tuple(
        replace(
            each,
            findings=(
                *each.findings,
                *(
                    _finding(own, twin).about(each.candidate.bundle_id)
                    for own, twin in twins.items()
                    if f"{_result(each)}:{twin}" in stays
                ),
            ),
        )
        for each, twins in zip(placed, suspected, strict=True)
    )


def _added(each: Placed) -> list[str]:
    if not each.candidate.fit:
        return []
    return [change.path for change in each.candidate.changes if change.status in "AR"]


def _result(each: Placed) -> str:
    return str(each.tree if each.tree is not None else each.candidate.tree)


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """Each name of a path with the directory that it lies in."""
    parts = path.split("/")
    for place, name in enumerate(parts):
        yield "/".join(parts[:place]), name


def _twins(paths: Sequence[str], there: Names) -> Iterator[tuple[str, str]]:
    """New names (with their directories) and what they may be twins of."""
    new: dict[tuple[str, str], str] = {}
    for path in paths:
        for parent, name in _steps(path):
            key = folded(name)
            known = there.get(parent, {}).get(key, ())
            first = new.setdefault((parent, key), name)
            others = [other for other in (*known, first) if other != name]
            if others and name not in known:
                yield _joined(parent, name), _joined(parent, others[0])
                break


def _joined(parent: str, name: str) -> str:
    return f"{parent}/{name}" if parent else name


def _difference(own: str, twin: str) -> str:
    return "case" if own.casefold() == twin.casefold() else "how its letters are composed"


def _finding(own: str, twin: str) -> Finding:
    return warning(
        FindingKind.CASE_TWIN,
        f"{own} differs from {twin} only in {_difference(own, twin)}: macOS and Windows cannot "
        "check out both; choose another name.",
        own,
        twin=twin,
    )


def _names(quarantine: Quarantine, tree: TreeId, directories: Sequence[str]) -> Names:
    """What lies in some directories of a tree, in one call; those that are not there are empty."""
    questions = [f"{tree}:{directory}" for directory in directories]
    output = quarantine.run(
        ["cat-file", "--batch", "-z"], stdin=_listed(questions), check=True, large=True
    ).stdout
    names: dict[str, dict[str, list[str]]] = {}
    offset = 0
    for directory, question in zip(directories, questions, strict=True):
        absent = encoded(question) + b" missing\n"
        if output.startswith(absent, offset):
            offset += len(absent)
            continue
        end = output.index(b"\n", offset)
        object_id, kind, size = output[offset:end].split(b" ")
        content = output[end + 1 : end + 1 + int(size)]
        offset = end + int(size) + 2
        if kind == b"tree":
            inside = names.setdefault(directory, {})
            for _, name, _ in tree_records(content, len(object_id) // 2):
                inside.setdefault(folded(name), []).append(name)
    return names


def _existing(quarantine: Quarantine, questions: Sequence[str]) -> set[str]:
    wanted = list(dict.fromkeys(questions))
    if not wanted:
        return set()
    output = quarantine.run(
        ["cat-file", "--batch-check", "-z"], stdin=_listed(wanted), check=True, large=True
    ).stdout
    found, offset = set(), 0
    for question in wanted:
        absent = encoded(question) + b" missing\n"
        if output.startswith(absent, offset):
            offset += len(absent)
            continue
        found.add(question)
        offset = output.index(b"\n", offset) + 1
    return found


def _listed(questions: Sequence[str]) -> bytes:
    return b"".join(encoded(question) + b"\0" for question in questions)
