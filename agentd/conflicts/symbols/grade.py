"""How closely two changes touch: signs too weak to block, strong enough to test both together.

Pure; works on the sides' deltas alone.
"""

from __future__ import annotations

from agentd.conflicts.symbols.deltas import FileDelta, SideDelta
from agentd.conflicts.symbols.findings import Grade, Level, Spot, SymbolFinding, WhichSide
from agentd.conflicts.symbols.spelling import spelled
from agentd.conflicts.symbols.summary import Definition, Kind

_CODE = (Kind.FUNCTION, Kind.METHOD, Kind.STATIC)
_NAMES_SHOWN = 10


def interaction(left: SideDelta, right: SideDelta) -> tuple[Grade, tuple[str, ...]]:
    """The grade of a pair, and the names that it rests on."""
    functions: set[str] = set()
    classes: set[str] = set()
    for path in left.files.keys() & right.files.keys():
        mine, other = left.files[path].changed, right.files[path].changed
        functions |= _placed(left.files[path], _code(mine) & _code(other))
        classes |= _placed(left.files[path], _classes(mine) & _classes(other))
    if functions:
        return Grade.SAME_FUNCTION, _shown(functions)
    if classes:
        return Grade.SAME_CLASS, _shown(classes)
    neighbours = _named_by(left, right) | _named_by(right, left)
    if neighbours:
        return Grade.NEIGHBOURS, _shown(neighbours)
    return Grade.NONE, ()


def member_doubts(user: WhichSide, mine: SideDelta, other: SideDelta) -> tuple[SymbolFinding, ...]:
    """S3: members that one side newly names and the other removed from some class."""
    shared = other.lost_members & mine.new_members
    if not shared:
        return ()
    kept = {
        (delta.language.family, each.simple_name)
        for delta in other.files.values()
        if delta.after is not None
        for each in delta.after.definitions
    }
    gone = {
        (delta.language.family, name): (path, each)
        for path, delta in sorted(other.files.items())
        for name, each in delta.lost_members.items()
    }
    found = []
    for path, delta in sorted(mine.files.items()):
        family = delta.language.family
        for name in sorted(delta.new_members):
            if (family, name) not in shared - kept or delta.after is None:
                continue
            where, definition = gone[family, name]
            member = spelled(definition.name, delta.language)
            change = Spot(user.other, where, definition.line, f"{member} removed")
            meets = Spot(user, path, _line(delta.after.definitions, name), f"use of .{name}")
            phrase = (
                f"{path} of ",
                user,
                f" newly uses a member `{name}`, and ",
                user.other,
                f" removes `{member}` ({where}:{definition.line})",
            )
            advice = "test the two together"
            found.append(SymbolFinding(Level.MEMBER, name, change, meets, phrase, advice))
    return tuple(found)


def _line(definitions: tuple[Definition, ...], name: str) -> int:
    lines = [each.line for each in definitions if name in each.mentions]
    return min(lines, default=1)


def _placed(delta: FileDelta, names: set[str]) -> set[str]:
    return {f"{delta.path}::{spelled(name, delta.language)}" for name in names}


def _code(changed: tuple[Definition, ...]) -> set[str]:
    return {each.name for each in changed if each.kind in _CODE}


def _classes(changed: tuple[Definition, ...]) -> set[str]:
    return {each.name.rpartition(".")[0] for each in changed if "." in each.name}


def _named_by(user: SideDelta, other: SideDelta) -> set[str]:
    changed = other.changed_names & user.mentioned
    if not changed:
        return set()
    return {
        f"{place} -> {name}"
        for delta in user.files.values()
        for each in delta.changed
        for place in _placed(delta, {each.name})
        for name in each.mentions & changed
    }


def _shown(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names)[:_NAMES_SHOWN])
