"""What a side takes away and what it asks for, by simple name: how pairs are found cheaply.

Names that meet are a suspicion, nothing more; the guard then looks at the trees. Pure; a delta is
made once for each side, and a pair costs a few set intersections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from agentd.conflicts.symbols.naming import Naming
from agentd.conflicts.symbols.summary import Definition, Language, Signature, Summary


@dataclass(frozen=True)
class FileDelta:
    """One file of a side, before and after; None where it does not exist or is not read."""

    path: str
    language: Language
    before: Summary | None
    after: Summary | None

    @cached_property
    def lost(self) -> frozenset[str]:
        """Simple names that it had and has no more: top-level ones and members."""
        if self.before is None:
            return frozenset()
        gone = self._names(self.before) - self._names(self.after)
        gone |= self.before.importable - (self.after.importable if self.after else frozenset())
        return frozenset(name.rpartition(".")[2] for name in gone)

    @cached_property
    def lost_members(self) -> Mapping[str, Definition]:
        """By simple name, a member of some class that is gone."""
        if self.before is None:
            return {}
        return {
            each.simple_name: each
            for each in self.before.definitions
            if "." in each.name and each.simple_name in self.lost
        }

    @cached_property
    def new_members(self) -> frozenset[str]:
        """Names that follow a dot and did not before."""
        if self.after is None:
            return frozenset()
        return self.after.members - (self.before.members if self.before else frozenset())

    @cached_property
    def resigned(self) -> frozenset[str]:
        """Simple names of what takes something else than before."""
        if self.before is None or self.after is None:
            return frozenset()
        old, now = _signatures(self.before), _signatures(self.after)
        return frozenset(
            name.rpartition(".")[2]
            for name in old.keys() & now.keys()
            if len(old[name] | now[name]) > 1
        )

    @cached_property
    def added(self) -> Mapping[str, tuple[Definition, ...]]:
        """Definitions by qualified name, of which there are more than before."""
        if self.after is None:
            return {}
        before = Counter(each.name for each in self.before.definitions) if self.before else {}
        return {
            name: found
            for name, found in self.after.by_name.items()
            if len(found) > before.get(name, 0)
        }

    @cached_property
    def changed_blocks(self) -> frozenset[str]:
        """Digests of the top-level statements of before that are there no more."""
        if self.before is None:
            return frozenset()
        now = {block.digest for block in self.after.blocks} if self.after else set()
        return frozenset(block.digest for block in self.before.blocks) - now

    @cached_property
    def changed(self) -> tuple[Definition, ...]:
        """Definitions that are new or have another text, with a body."""
        if self.after is None:
            return ()
        before = (
            {(each.name, each.digest) for each in self.before.definitions} if self.before else set()
        )
        return tuple(
            each
            for each in self.after.definitions
            if each.digest and (each.name, each.digest) not in before
        )

    @staticmethod
    def _names(summary: Summary | None) -> frozenset[str]:
        if summary is None:
            return frozenset()
        return summary.bound | frozenset(summary.by_name) | frozenset(summary.by_local)


def _signatures(summary: Summary) -> Mapping[str, set[Signature]]:
    """All signatures of each name; a name may be defined many times over."""
    found: dict[str, set[Signature]] = {}
    for each in summary.definitions:
        if each.signature is not None:
            found.setdefault(each.name, set()).add(each.signature)
    return found


@dataclass(frozen=True)
class SideDelta:
    """All files of a side that are read."""

    files: Mapping[str, FileDelta]
    namings: Mapping[Language, Naming]

    @cached_property
    def lost(self) -> frozenset[str]:
        """Names that it takes away, those of removed files as modules included."""
        gone = {name for each in self.files.values() for name in each.lost}
        for each in self.files.values():
            if each.after is None:
                gone.update(self.namings[each.language].stems(each.path))
        return frozenset(gone)

    @cached_property
    def resigned(self) -> frozenset[str]:
        """Names of what it makes take something else, on the spot or where it moves to."""
        names = {name for each in self.files.values() for name in each.resigned}
        gone = {
            (definition.name, each.language): definition.signature
            for each in self.files.values()
            for definition in (each.before.definitions if each.before is not None else ())
            if definition.signature is not None
            and not (each.after is not None and definition.name in each.after.by_name)
        }
        for each in self.files.values():
            for name, definitions in each.added.items():
                old = gone.get((name, each.language))
                if old is not None and any(now.signature != old for now in definitions):
                    names.add(name.rpartition(".")[2])
        return frozenset(names)

    @cached_property
    def needs(self) -> frozenset[str]:
        """Names that its files use, import or call."""
        names: set[str] = set()
        for each in self.files.values():
            if each.after is None:
                continue
            for imported in each.after.imports:
                names.update(imported.module.replace("::", ".").replace("/", ".").split("."))
                if imported.name is not None:
                    names.add(imported.name)
            names.update(use.name for use in each.after.uses)
            names.update(call.name for call in each.after.calls)
        return frozenset(names)

    @cached_property
    def lost_members(self) -> frozenset[tuple[Language, str]]:
        """Simple names of members that are gone, each with the language that it is a name of."""
        return frozenset(
            (each.language.family, name)
            for each in self.files.values()
            for name in each.lost_members
        )

    @cached_property
    def new_members(self) -> frozenset[tuple[Language, str]]:
        """The same of names that follow a dot and did not before."""
        return frozenset(
            (each.language.family, name)
            for each in self.files.values()
            for name in each.new_members
        )

    @cached_property
    def adds(self) -> frozenset[str]:
        """Qualified names of what it defines anew."""
        return frozenset(name for each in self.files.values() for name in each.added)

    @cached_property
    def changed_names(self) -> frozenset[str]:
        """Simple names of the functions that it changes or adds."""
        return frozenset(
            each.simple_name
            for delta in self.files.values()
            for each in delta.changed
            if each.mentions and not each.simple_name.startswith("__")
        )

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """Names in the bodies of the functions that it changes or adds."""
        return frozenset(
            name
            for delta in self.files.values()
            for each in delta.changed
            for name in each.mentions
        )

    def meets(self, other: SideDelta) -> bool:
        """Whether there is any reason to look at the pair."""
        return bool(
            (self.lost | self.resigned) & other.needs
            or (other.lost | other.resigned) & self.needs
            or self.adds & other.adds
            or self.files.keys() & other.files.keys()
        )
