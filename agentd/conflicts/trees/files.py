"""What lies at some paths of some trees: looked up in one git call, remembered for a review.

It must not know who asks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from agentd.conflicts.git.names import ObjectId, TreeId, encoded
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.symbols.languages import NotRead, summarise
from agentd.conflicts.trees.unsafe_names import is_relative


class Lookup:
    """Looks up paths in trees of one quarantine."""

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine
        self._found: dict[tuple[TreeId, str], tuple[str, ObjectId] | None] = {}
        self._contents: dict[ObjectId, bytes] = {}

    def look_up(self, places: Iterable[tuple[TreeId, str]]) -> None:
        """Finds out about many places at once."""
        asked = dict.fromkeys(places)
        self._found |= {place: None for place in asked if is_relative(place[1])}
        wanted = [place for place in asked if place not in self._found]
        if not wanted:
            return
        stdin = b"".join(encoded(f"{tree}:{path}") + b"\n" for tree, path in wanted)
        listed = self._quarantine.run(["cat-file", "--batch-check"], stdin=stdin, check=True)
        for place, line in zip(wanted, listed.stdout.split(b"\n"), strict=False):
            fields = line.split(b" ")
            if len(fields) == 3 and fields[1] in (b"blob", b"tree"):
                self._found[place] = fields[1].decode(), ObjectId(fields[0].decode())
            else:
                # Nothing, or a submodule, whose commit is in no repository of ours.
                self._found[place] = self._listed(*place)

    def _listed(self, tree: TreeId, path: str) -> tuple[str, ObjectId] | None:
        found = self._quarantine.run(["ls-tree", "-z", tree, "--", path], check=True).stdout
        fields = found.split(b"\t", 1)[0].split(b" ")
        return (fields[1].decode(), ObjectId(fields[2].decode())) if len(fields) == 3 else None

    def at(self, tree: TreeId, path: str) -> tuple[str, ObjectId] | None:
        """Kind (`blob`, `tree`, `commit`) and object of what is there."""
        self.look_up([(tree, path)])
        return self._found[tree, path]

    def content(self, tree: TreeId, path: str) -> bytes | None:
        """The content of a file."""
        found = self.at(tree, path)
        if found is None or found[0] != "blob":
            return None
        if found[1] not in self._contents:
            self._contents |= self._quarantine.read_blobs([found[1]])
        return self._contents[found[1]]


@dataclass(frozen=True, slots=True)
class LookedUpTree:
    """One tree, as an assumption asks about it."""

    lookup: Lookup
    tree: TreeId

    def exists(self, path: str) -> bool:
        """Whether there is anything of this name."""
        return self.lookup.at(self.tree, path) is not None

    def content(self, path: str) -> bytes | None:
        """The content of a file."""
        return self.lookup.content(self.tree, path)

    def symbols(self, path: str) -> Collection[str] | str:
        """The names that a file defines, or why nobody can tell."""
        content = self.content(path)
        summary = summarise(path, content or b"")
        if isinstance(summary, NotRead):
            return summary.reason
        if not summary.parsed or not summary.definitions:
            return "nothing could be read from it"
        defined: Mapping[str, object] = summary.by_name
        return {*defined, *summary.bound}
