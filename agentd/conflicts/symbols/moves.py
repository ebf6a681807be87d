"""Where a definition went that a side took out of a file, where that is sure. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agentd.conflicts.symbols.deltas import FileDelta
from agentd.conflicts.symbols.summary import Definition, Summary

_NAMELESS: Final = "default"
"""What a module exports under no name of its own: any other module may, too."""


def moved_to(name: str, old_path: str, files: Mapping[str, FileDelta]) -> str:
    """Where a side has the definition that it took out of a file, as `path:line`; empty: unsure.

    It must have been there for other files to import, as what came elsewhere in the same change is;
    both must be of one name, kind and text, or name mostly the same; and there must be but one.
    """
    old = files[old_path]
    if name == _NAMELESS or old.before is None or name not in old.before.importable:
        return ""
    before = old.before
    places = [
        f"{path}:{each.line}"
        for path, delta in files.items()
        if path != old_path and delta.language.family is old.language.family
        if delta.after is not None and name in delta.after.importable
        for each in delta.added.get(name, ())
        if any(_is_same(each, delta.after, gone, before) for gone in before.by_name.get(name, ()))
    ]
    return places[0] if len(places) == 1 else ""


def _is_same(one: Definition, at_one: Summary, other: Definition, at_other: Summary) -> bool:
    if one.kind is not other.kind:
        return False
    inside = _names_in(one, at_one), _names_in(other, at_other)
    mostly = 2 * len(inside[0] & inside[1]) > len(inside[0] | inside[1])
    return one.digest == other.digest or mostly


def _names_in(definition: Definition, summary: Summary) -> frozenset[str]:
    """The names in a body; of a class, its members."""
    start = f"{definition.name}."
    members = (each.name for each in summary.definitions if each.name.startswith(start))
    return definition.mentions.union(members) - {definition.name}
