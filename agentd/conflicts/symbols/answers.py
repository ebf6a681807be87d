"""Whether a tree gives a file what it asks for: an import, a name, a member, a call that fits.

The answer is no only where everything that could give it was seen; whatever is dynamic, outside the
tree or not read makes it unknown. Pure but for looking into a tree. It must not know sides: the
guard asks about several trees and compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from agentd.conflicts.symbols.members import Found, Lookup, look_up
from agentd.conflicts.symbols.naming import Naming
from agentd.conflicts.symbols.scopes import shared_scope
from agentd.conflicts.symbols.summary import (
    INSTANCE,
    SELF,
    STAR,
    SUPER,
    Call,
    Import,
    Kind,
    Summary,
    Use,
    bare_owner,
    is_instance,
)
from agentd.conflicts.symbols.tree_view import TreeView

_HOPS_MAX: Final = 8
"""How many re-exports are followed."""


class Answer(Enum):
    """What can be said."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Oracle:
    """Answers about one tree, by one language's rules."""

    view: TreeView
    naming: Naming
    _followed: dict[tuple[str, str], Answer] = field(default_factory=dict)

    # Imports and names

    def imports(self, path: str, wanted: Import) -> Answer:
        """Whether an import finds what it names."""
        places = self.naming.module(self.view, path, wanted.module)
        if not places:
            return Answer.UNKNOWN if self._is_made(path, wanted) else Answer.NO
        if wanted.name is None or wanted.name == STAR:
            return Answer.YES
        return _any(self.offers(place, wanted.name) for place in places)

    def _is_made(self, path: str, wanted: Import) -> bool:
        """Whether a module may be there all the same.

        What holds it may make it while it runs, or have it under another name.
        """
        module = wanted.module
        while (holder := self.naming.holder(module)) and holder != module:
            name = module.rpartition(".")[2]
            module = holder
            for place in self.naming.module(self.view, path, module):
                summaries = map(self.view.summary, self.naming.files(self.view, place))
                return any(
                    each is not None
                    and (each.dynamic or (self.naming.binds_modules and _binds(each, name, wanted)))
                    for each in summaries
                )
        # Where a module is a name, one that begins at nothing in the tree may come from elsewhere.
        return self.naming.binds_modules and module not in self.naming.roots

    def offers(self, place: str, name: str) -> Answer:
        """Whether a name can be imported from a place."""
        key = (place, name)
        if key in self._followed:
            return self._followed[key]
        self._followed[key] = Answer.NO  # A circle of re-exports offers nothing of its own.
        self._followed[key] = answer = self._offers(place, name)
        return answer

    def _offers(self, place: str, name: str) -> Answer:
        if name.startswith("__") or self.naming.submodule(self.view, place, name) is not None:
            return Answer.YES
        answers = []
        for path in self.naming.files(self.view, place):
            summary = self.view.summary(path)
            if summary is None or summary.opaque:
                answers.append(Answer.UNKNOWN)
            elif name in summary.importable:
                return Answer.YES
            else:
                answers.append(self._through_stars(path, summary, name))
        return _any(answers)

    def _through_stars(self, path: str, summary: Summary, name: str) -> Answer:
        """Whether a name that a file does not bind may still exist in it."""
        if not summary.parsed or summary.dynamic or name in summary.spoken:
            return Answer.UNKNOWN
        answers = []
        for module in summary.stars:
            places = self.naming.module(self.view, path, module)
            if not places:
                return Answer.UNKNOWN
            answers.append(_any(self._stars(place, name) for place in places))
        return _any(answers)

    def _stars(self, place: str, name: str) -> Answer:
        for path in self.naming.files(self.view, place):
            summary = self.view.summary(path)
            if summary is not None and summary.star_names is not None:
                return Answer.YES if name in summary.star_names else Answer.NO
        return Answer.NO if name.startswith("_") else self.offers(place, name)

    def names(self, path: str, name: str) -> Answer:
        """Whether a bare name exists on the top level of a file."""
        if name in self.naming.builtins:
            return Answer.YES
        own = self.view.summary(path)
        if own is not None and name in own.by_local:
            return Answer.YES
        scope = shared_scope(self.naming, self.view, path)
        if name in scope.bound:
            return Answer.YES
        answer = _any(self._through_stars(*each, name) for each in scope.doubtful)
        return Answer.UNKNOWN if answer is Answer.NO and scope.unread else answer

    # Members

    def uses(self, path: str, wanted: Use) -> Answer:
        """Whether a name, or a member of something that can be found, exists."""
        if not wanted.owner:
            return self.names(path, wanted.name)
        if wanted.name.startswith("__"):
            return Answer.UNKNOWN
        places = self.module_places(path, wanted.owner)
        if places:
            answer = _any(self.offers(place, wanted.name) for place in places)
        else:
            looked = self._member(path, wanted.owner, wanted.name)
            if looked is None:
                return Answer.UNKNOWN
            answer = Answer.YES if looked.found else Answer.NO
            if answer is Answer.NO and not looked.complete:
                return Answer.UNKNOWN
        if answer is Answer.NO and self._is_assigned(wanted.name):
            return Answer.UNKNOWN
        return answer

    def _member(self, path: str, owner: str, name: str) -> Lookup | None:
        """What the class of an owner says of a member; None where it is no class, or unseen."""
        holder = self._holder(path, owner)
        if holder is None or holder.definition.kind is not Kind.CLASS:
            return None
        resolve = self._resolve
        only = owner.startswith(SUPER)
        return look_up(holder, name, self.view, self.naming, resolve, bases_only=only)

    def _holder(self, path: str, owner: str) -> Found | None:
        """The class that an owner is, or is an instance of."""
        name = bare_owner(owner)
        if owner[:1] in (SELF, SUPER):
            return self._own(path, name)
        if not owner.startswith(INSTANCE) or not name.endswith("()"):
            return self._resolve(path, name)
        maker = self._resolve(path, name.removesuffix("()"))
        if maker is None or maker.definition.kind is Kind.CLASS or not maker.definition.returns:
            return maker
        return self._resolve(maker.path, maker.definition.returns)

    def _resolve(self, path: str, name: str) -> Found | None:
        return self.find(path, *_split(name))

    def _is_assigned(self, name: str) -> bool:
        """Whether some changed file sets a member of that name from outside."""
        return any(
            name in summary.assigned
            for path, blob in self.view.changed.items()
            if blob is not None and (summary := self.view.summary(path)) is not None
        )

    def module_places(self, path: str, owner: str) -> Sequence[str]:
        """The places that a dotted name stands for where it is a module."""
        summary = self.view.summary(path)
        root, _, rest = owner.partition(".")
        if is_instance(owner):
            return ()
        if root in self.naming.roots:
            return self.naming.module(self.view, path, owner)
        if summary is None or root in summary.by_name:
            return ()
        if self.naming.qualified and root not in summary.by_local:
            return self.naming.module(self.view, path, owner)
        places: list[str] = []
        for each in summary.by_local.get(root, ()):
            places += self._import_places(path, each, rest)
        return places

    def _import_places(self, path: str, each: Import, rest: str) -> Iterator[str]:
        if each.name is None:
            whole = each.local == each.module.partition(".")[0] and "." in each.module
            module = each.local if whole else each.module
            starts = self.naming.module(self.view, path, module)
        else:
            starts = [
                inner
                for place in self.naming.module(self.view, path, each.module)
                if (inner := self.naming.submodule(self.view, place, each.name)) is not None
                and not self._binds(place, each.name)
            ]
        for place in starts:
            inner_place: str | None = place
            for part in rest.split(".") if rest else ():
                inner_place = inner_place and self.naming.submodule(self.view, inner_place, part)
            if inner_place is not None:
                yield inner_place

    def _binds(self, place: str, name: str) -> bool:
        """Whether a package itself gives a name that a module inside it has, too."""
        for path in self.naming.files(self.view, place):
            summary = self.view.summary(path)
            if summary is None or name in summary.by_name:
                return True
        return False

    # Definitions and calls

    def calls(self, path: str, wanted: Call) -> Answer:
        """Whether what a call names takes what the call hands over."""
        found = self.find(path, wanted.owner, wanted.name)
        if found is None or found.definition.signature is None or found.definition.repeatable:
            return Answer.UNKNOWN
        if wanted.owner and not is_instance(wanted.owner):
            is_member = "." in found.definition.name
            if is_member and found.definition.kind not in (Kind.STATIC, Kind.CLASS):
                return Answer.UNKNOWN
        return Answer.YES if found.definition.signature.takes(wanted.shape) else Answer.NO

    def find(self, path: str, owner: str, name: str) -> Found | None:
        """The one definition that a name stands for; None where it is not one, or not seen."""
        if not owner:
            return self._find_bare(path, name, _HOPS_MAX)
        places = self.module_places(path, owner)
        if places:
            return _only(self._find_in(place, name, _HOPS_MAX) for place in places)
        looked = self._member(path, owner, name)
        if looked is None:
            # An `impl` may stand in another file than its type.
            own = owner.startswith(SELF)
            return self._own(path, f"{bare_owner(owner)}.{name}") if own else None
        if self.naming.overloads and not looked.complete:
            return None  # Another one of that name may fit.
        return looked.found[0] if len(looked.found) == 1 else None

    def _own(self, path: str, qualified: str) -> Found | None:
        summary = self.view.summary(path)
        definitions = () if summary is None else summary.by_name.get(qualified, ())
        return Found(path, definitions[0]) if len(definitions) == 1 else None

    def _find_bare(self, path: str, name: str, hops: int) -> Found | None:
        summary = self.view.summary(path)
        if summary is None or hops == 0:
            return None
        imported = summary.by_local.get(name, ())
        defined = shared_scope(self.naming, self.view, path).defined.get(name, [])
        if defined or len(imported) != 1:
            return defined[0] if len(defined) == 1 and not imported else None
        wanted = imported[0]
        if wanted.name is None:
            return None
        places = self.naming.module(self.view, path, wanted.module)
        return _only(self._find_in(place, wanted.name, hops - 1) for place in places)

    def _find_in(self, place: str, name: str, hops: int) -> Found | None:
        return _only(
            self._find_bare(path, name, hops) for path in self.naming.files(self.view, place)
        )


def _binds(summary: Summary, name: str, wanted: Import) -> bool:
    """Whether a file binds a name by something else than the import that wants it."""
    own = {(each.module, each.name) for each in summary.by_local.get(name, ())}
    return name in summary.bound and own != {(wanted.module, wanted.name)}


def _any(answers: Iterator[Answer] | Sequence[Answer]) -> Answer:
    """Yes if one says yes, no if all do."""
    combined = Answer.NO
    for answer in answers:
        if answer is Answer.YES:
            return answer
        if answer is Answer.UNKNOWN:
            combined = answer
    return combined


def _only(found: Iterator[Found | None]) -> Found | None:
    """The one that was found; None where several were, or none."""
    every = {(each.path, each.definition): each for each in found if each is not None}
    return next(iter(every.values())) if len(every) == 1 else None


def _split(owner: str) -> tuple[str, str]:
    head, _, last = owner.rpartition(".")
    return head, last
