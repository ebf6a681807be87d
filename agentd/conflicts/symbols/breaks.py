"""What one side takes away or changes while the other comes to need it: S1, S2 and S4.

A need counts where its own side's tree fulfils it, the other side does not break it for itself, and
the merged tree does not fulfil it any more. What somebody provides for (a handler, a condition, a
type-only import) is no need. Pure but for looking into trees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from agentd.conflicts.symbols.answers import Answer, Oracle
from agentd.conflicts.symbols.deltas import FileDelta
from agentd.conflicts.symbols.findings import Level, Phrase, Spot, SymbolFinding, WhichSide
from agentd.conflicts.symbols.ignored import is_ignored
from agentd.conflicts.symbols.moves import moved_to
from agentd.conflicts.symbols.naming import siblings_of
from agentd.conflicts.symbols.spelling import Need, spelled, symbol_of, text_of
from agentd.conflicts.symbols.summary import Call, Import, Summary, Use
from agentd.conflicts.symbols.tree_view import TreeView
from agentd.conflicts.symbols.trees import PairTrees

NEEDS_MAX: Final = 5_000
"""How many needs of a side are looked at for one pair."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A need whose name the other side took away or changed."""

    path: str
    need: Need


@dataclass(frozen=True)
class Breaks:
    """Looks for what `user` needs and the other side breaks."""

    trees: PairTrees
    user: WhichSide

    def suspicions(self) -> list[Suspicion]:
        """The needs that the merge may not fulfil, as far as the two sides alone can tell."""
        mine = self.trees.prepared(self.user).delta
        other = self.trees.prepared(self.user.other).delta
        if not (other.lost | other.resigned) & mine.needs:
            return []
        found: list[Suspicion] = []
        looked = 0
        for path in sorted(mine.files):
            summary = mine.files[path].after
            if summary is None:
                continue
            for need in _needs(summary, other.lost, other.resigned):
                looked += 1
                if looked > NEEDS_MAX:
                    return found
                if self._suspicious(path, summary, need):
                    found.append(Suspicion(path, need))
        return found

    def confirm(self, suspicion: Suspicion) -> SymbolFinding | None:
        """The finding, where the merged tree proves it."""
        merged = self.trees.merged
        if merged is None:
            return None
        there = merged.summary(suspicion.path)
        left = _find(there, suspicion.need) if there is not None and there.parsed else None
        if there is None or left is None:
            return None
        if _ask(self.trees.oracle(merged, there), suspicion.path, suspicion.need) is not Answer.NO:
            return None
        found = self._finding(suspicion, left)
        if found is None or self._is_made(merged, found.change.path):
            return None
        return found

    @staticmethod
    def _is_made(merged: TreeView, path: str) -> bool:
        """Whether a file that is gone is one that a build makes, and that git now ignores."""
        return not merged.exists(path) and is_ignored(merged, path)

    def _suspicious(self, path: str, summary: Summary, need: Need) -> bool:
        if _ask(self._oracle(self.user, summary), path, need) is not Answer.YES:
            return False
        theirs = self._other_view.summary(path)
        if theirs is not None and _find(theirs, need) is not None:
            broken = _ask(self._oracle(self.user.other, summary), path, need)
            if broken is not Answer.YES:
                return False  # The other side is broken without this one, or nobody can say.
        delta = self._other_files.get(path)
        if delta is not None and _simple_name(need) in delta.lost | delta.resigned:
            return True
        mixed = self.trees.with_file_of(self.user, path)
        return _ask(self.trees.oracle(mixed, summary), path, need) is Answer.NO

    @cached_property
    def _other_files(self) -> dict[str, FileDelta]:
        return dict(self.trees.prepared(self.user.other).delta.files)

    @property
    def _other_view(self) -> TreeView:
        return self.trees.view(self.user.other)

    def _oracle(self, which: WhichSide, summary: Summary) -> Oracle:
        return self.trees.oracle(self.trees.view(which), summary)

    # Evidence

    def _finding(self, suspicion: Suspicion, left: Need) -> SymbolFinding | None:
        need = suspicion.need
        culprit = self._culprit(suspicion)
        if culprit is None:
            return None
        language = self.trees.prepared(self.user).delta.files[suspicion.path].language
        meets = Spot(self.user, suspicion.path, _line(need, left), text_of(need, language))
        place, where = f"{meets.path}:{meets.line} of ", f"{culprit.path}:{culprit.line}"
        other = self.user.other
        phrase: Phrase
        if isinstance(need, Call):
            calls = f" calls `{meets.text}`, and as "
            phrase = (place, self.user, calls, other, f" has it ({where}) {culprit.text}")
        else:
            uses = f" {'imports' if isinstance(need, Import) else 'uses'} `{meets.text}`, which "
            moved = moved_to(_simple_name(need), culprit.path, self._other_files)
            now = f" (it is now in {moved})" if moved else ""
            phrase = (place, self.user, uses, other, f" removed from {where}{now}")
        return SymbolFinding(_level(need), symbol_of(need, language), culprit, meets, phrase)

    def _culprit(self, suspicion: Suspicion) -> Spot | None:
        """Where the other side changed what is needed: the definition's place in the base."""
        side = self.user.other
        summary = self.trees.view(self.user).summary(suspicion.path)
        if summary is None:
            return None
        if isinstance(suspicion.need, Call):
            return self._new_signature(suspicion, summary)
        names = _names(suspicion.need)
        choices = sorted(
            (path != suspicion.path, rank, path, name)
            for path, delta in self._other_files.items()
            for rank, name in enumerate(names)
            if name in delta.lost or (delta.after is None and name in self._stems(delta))
        )
        near = [each for each in choices if self._is_provider(suspicion, summary, each[2])]
        if not choices:
            return None
        _, _, path, name = (near or choices)[0]
        before = self._other_files[path].before
        return Spot(side, path, _line_of(before, name), f"{name} removed")

    def _stems(self, delta: FileDelta) -> Sequence[str]:
        return self.trees.namings[delta.language].stems(delta.path)

    def _is_provider(self, suspicion: Suspicion, summary: Summary, path: str) -> bool:
        need = suspicion.need
        oracle = self._oracle(self.user, summary)
        if isinstance(need, Import):
            places = oracle.naming.module(oracle.view, suspicion.path, need.module)
        elif need.owner:
            found = oracle.find(suspicion.path, need.owner, need.name)
            if found is not None:
                return path == found.path
            places = oracle.module_places(suspicion.path, need.owner)
        else:
            return path in siblings_of(oracle.naming, oracle.view, suspicion.path)
        return any(path in oracle.naming.files(oracle.view, place) for place in places)

    def _new_signature(self, suspicion: Suspicion, summary: Summary) -> Spot | None:
        merged = self.trees.merged
        need = suspicion.need
        if merged is None or not isinstance(need, Call):
            return None
        found = self.trees.oracle(merged, summary).find(suspicion.path, need.owner, need.name)
        if found is None:
            return None
        definition = found.definition
        refusal = definition.signature.refusal(need.shape) if definition.signature else None
        name = spelled(definition.name, summary.language)
        text = f"it {refusal}" if refusal is not None else f"{name} changed"
        return Spot(self.user.other, found.path, definition.line, text)


def _needs(summary: Summary, lost: frozenset[str], resigned: frozenset[str]) -> Iterator[Need]:
    """The needs of a file that may be touched, each once."""
    seen: set[tuple[str, ...]] = set()
    for imported in summary.imports:
        if not imported.guarded and lost.intersection(_names(imported)):
            yield imported
    for use in summary.uses:
        if use.name in lost and not use.guarded and ("", use.owner, use.name) not in seen:
            seen.add(("", use.owner, use.name))
            yield use
    for call in summary.calls:
        if not call.guarded and resigned.intersection(_called(summary, call)):
            key = (call.owner, call.name, str(call.shape))
            if key not in seen:
                seen.add(key)
                yield call


def _called(summary: Summary, call: Call) -> Iterator[str]:
    """The simple names that a call may stand for: its own, or what an import calls so here."""
    yield call.name
    if not call.owner:
        for each in summary.by_local.get(call.name, ()):
            if each.name is not None:
                yield each.name


def _ask(oracle: Oracle, path: str, need: Need) -> Answer:
    match need:
        case Import():
            return oracle.imports(path, need)
        case Use():
            return oracle.uses(path, need)
        case Call():
            return oracle.calls(path, need)


def _find(summary: Summary, need: Need) -> Need | None:
    """The same need in another file."""
    match need:
        case Import(module=module, name=name):
            for imported in summary.imports:
                if (imported.module, imported.name) == (module, name) and not imported.guarded:
                    return imported
        case Use(owner=owner, name=name):
            for use in summary.uses:
                if (use.owner, use.name) == (owner, name) and not use.guarded:
                    return use
        case Call(owner=owner, name=name, shape=shape):
            for call in summary.calls:
                if (call.owner, call.name, call.shape, call.guarded) == (owner, name, shape, False):
                    return call
    return None


def _line(need: Need, left: Need) -> int:
    """Where a need stands: the first of so many last lines as the merge leaves it."""
    if isinstance(need, Import) or isinstance(left, Import):
        return need.line if isinstance(need, Import) else 1
    return need.lines[-min(len(left.lines), len(need.lines))]


def _names(need: Need) -> list[str]:
    """The simple names that a need stands on, nearest first."""
    if not isinstance(need, Import):
        return [need.name]
    parts = need.module.replace("::", ".").replace("/", ".").split(".")
    own = [need.name] if need.name is not None else []
    return own + [part for part in reversed(parts) if part]


def _simple_name(need: Need) -> str:
    return _names(need)[0]


def _level(need: Need) -> Level:
    match need:
        case Import():
            return Level.IMPORT
        case Use():
            return Level.NAME
        case Call():
            return Level.CALL


def _line_of(summary: Summary | None, name: str) -> int:
    """Where a file defined or imported a name; 1 where it was the file itself."""
    if summary is None:
        return 1
    lines = [each.line for each in summary.definitions if each.simple_name == name]
    lines += [each.line for each in summary.by_local.get(name, ())]
    return min(lines, default=1)
