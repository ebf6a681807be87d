"""What one source file defines and asks for: the values that the symbol guard compares.

A summary depends on nothing but the file's content and name, so it can be kept by blob. Pure: it
must not know other files, sides, or what anybody concludes from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

SELF: Final = "@"
"""First character of the owner of what is reached through `self`: `@Queue` inside class Queue."""
SUPER: Final = "^"
"""The same of what is reached through `super`: what the bases of that class give."""
INSTANCE: Final = "~"
"""The same of an instance: `~app.Queue`, with the class as the file names it.

`~app.make()` is an instance of what that function says it returns.
"""
STAR: Final = "*"
"""The name of an import that takes everything."""
LINES_MAX: Final = 20
"""How many of the lines that use a name are kept, from the last."""


class Language(StrEnum):
    """The languages that are read."""

    PYTHON = "python"
    JAVASCRIPT = "javascript"
    TYPESCRIPT = "typescript"
    GO = "go"
    RUST = "rust"
    JAVA = "java"

    @property
    def family(self) -> Language:
        """The language that stands for all whose files take names from one another."""
        return Language.JAVASCRIPT if self is Language.TYPESCRIPT else self


class Kind(StrEnum):
    """What a definition is."""

    FUNCTION = "function"
    METHOD = "method"
    STATIC = "static"
    """A method that is called on the class itself."""
    CLASS = "class"
    VALUE = "value"
    IMPORT = "import"
    """An import's name, where having it twice in a file is an error."""


@dataclass(frozen=True, slots=True)
class CallShape:
    """What a call hands over."""

    positional: int
    keywords: tuple[str, ...] = ()
    open: bool = False
    """Whether it spreads a sequence or a mapping, so that nobody can count."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes, without the object that a method is called on."""

    positional: tuple[str, ...] = ()
    required: int = 0
    """How many of the positional ones have no default."""
    positional_only: int = 0
    keyword_only: tuple[str, ...] = ()
    keyword_required: tuple[str, ...] = ()
    any_positional: bool = False
    any_keyword: bool = False
    lenient: bool = False
    """Whether the language lets a call hand over too many arguments."""

    def takes(self, shape: CallShape) -> bool:
        """Whether a call of this shape can be bound; what cannot be counted can."""
        return self.refusal(shape) is None

    def refusal(self, shape: CallShape) -> str | None:
        """Why a call of this shape cannot be bound, in a few words; None where it can."""
        if shape.open:
            return None
        if shape.positional > len(self.positional) and not (self.any_positional or self.lenient):
            return f"takes no more than {len(self.positional)} by position"
        by_position = self.positional[: shape.positional]
        by_name = self.positional[self.positional_only :]
        given = set(shape.keywords)
        unknown = given.difference(by_name, self.keyword_only, self.keyword_required)
        if unknown and not self.any_keyword:
            return f"takes no `{min(unknown)}`"
        twice = given.intersection(by_position[self.positional_only :])
        if twice:
            return f"is given `{min(twice)}` twice"
        for name in self.positional[shape.positional : self.required]:
            if name not in given or name not in by_name:
                return f"needs `{name}`"
        missing = set(self.keyword_required) - given
        return f"needs `{min(missing)}`" if missing else None

    def __str__(self) -> str:
        shown = [
            name if index < self.required else f"{name}=…"
            for index, name in enumerate(self.positional)
        ]
        if self.any_positional:
            shown.append("*…")
        elif self.keyword_only or self.keyword_required:
            shown.append("*")
        shown += self.keyword_required
        shown += [f"{name}=…" for name in self.keyword_only]
        if self.any_keyword:
            shown.append("**…")
        return f"({', '.join(shown)})"


@dataclass(frozen=True, slots=True)
class Definition:
    """One thing that a file defines."""

    name: str
    """Qualified by the classes that it is in: `Queue.put`."""
    kind: Kind
    line: int
    end_line: int
    digest: str
    """Of its text without comments, blank lines and indentation."""
    signature: Signature | None = None
    """What a call of it may hand over, a class's constructor included; None: unknown."""
    variant: str = ""
    """What tells overloads of one name apart, where the language has them."""
    repeatable: bool = False
    """Whether a second one is no mistake: conditional, an overload, a property's setter …"""
    closed: bool = False
    """Of a class: whether all its members are seen here, but for those of its bases."""
    bases: tuple[str, ...] = ()
    """Of a class: those that it comes from, as the file names them."""
    returns: str = ""
    """Of a function: the class of what it returns, as the file names it; empty: not said."""
    mentions: frozenset[str] = frozenset()
    """The names in its body."""

    @property
    def simple_name(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Import:
    """One name taken from a module, or a module."""

    module: str
    """As written; Python's leading dots included."""
    name: str | None
    """None for the module itself, `*` for everything."""
    local: str
    """What it is called here; empty where it gets no name."""
    line: int
    guarded: bool = False
    """Whether its failing is provided for, or it is for types alone."""


@dataclass(frozen=True, slots=True)
class Use:
    """A name that the file takes from its surroundings, or a member of one."""

    owner: str
    """Dotted name in front of it; empty for a bare name; marked where it is an instance."""
    name: str
    lines: tuple[int, ...]
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call of something that can be found."""

    owner: str
    name: str
    shape: CallShape
    lines: tuple[int, ...]
    guarded: bool = False


def is_instance(owner: str) -> bool:
    """Whether an owner is an instance of a class, and not a name."""
    return owner[:1] in (SELF, SUPER, INSTANCE)


def bare_owner(owner: str) -> str:
    """An owner without its mark."""
    return owner[1:] if is_instance(owner) else owner


def uses_once(uses: Iterable[Use]) -> tuple[Use, ...]:
    """Each name that is used once, with all the lines that it stands on."""
    lines: dict[tuple[str, str, bool], list[int]] = {}
    for use in uses:
        lines.setdefault((use.owner, use.name, use.guarded), []).extend(use.lines)
    return tuple(
        Use(owner, name, _few(at), guarded) for (owner, name, guarded), at in lines.items()
    )


def calls_once(calls: Iterable[Call]) -> tuple[Call, ...]:
    """Each way of calling something once, with all the lines that it stands on."""
    lines: dict[tuple[str, str, CallShape, bool], list[int]] = {}
    for call in calls:
        key = (call.owner, call.name, call.shape, call.guarded)
        lines.setdefault(key, []).extend(call.lines)
    return tuple(
        Call(owner, name, shape, _few(at), guarded)
        for (owner, name, shape, guarded), at in lines.items()
    )


def _few(lines: list[int]) -> tuple[int, ...]:
    return tuple(sorted(lines)[-LINES_MAX:])


@dataclass(frozen=True, slots=True)
class Block:
    """A statement on the top level."""

    line: int
    end_line: int
    digest: str


@dataclass(frozen=True)
class Summary:
    """Everything about one file that the guard looks at."""

    language: Language
    parsed: bool
    """Whether the file is free of syntax errors."""
    strict: bool = True
    """Whether the language's own parser says so, and not only a forgiving one."""
    package: str = ""
    """What the file says it is part of (Go, Java)."""
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    uses: tuple[Use, ...] = ()
    """Each name once, as calls are."""
    calls: tuple[Call, ...] = ()
    bound: frozenset[str] = frozenset()
    """The names that exist on the file's top level, however they came there."""
    offered: frozenset[str] | None = None
    """The names that others can import; None: all that are bound."""
    star_names: tuple[str, ...] | None = None
    """What an import of everything gets, where the file says so."""
    stars: tuple[str, ...] = ()
    """The modules of which everything is taken in, and so is offered again."""
    dynamic: bool = False
    """Whether names may exist that cannot be seen."""
    opaque: bool = False
    """Whether others can take names from it that cannot be seen."""
    spoken: frozenset[str] = frozenset()
    """Names that stand in strings of a file that binds names by strings."""
    conditional: bool = False
    """Whether the file as a whole is only there on some platforms."""
    members: frozenset[str] = frozenset()
    """Every name that follows a dot."""
    assigned: frozenset[str] = frozenset()
    """Names that are set on something else than `self`, and so may exist without a definition."""
    blocks: tuple[Block, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, tuple[Definition, ...]]:
        """Definitions by qualified name."""
        found: dict[str, tuple[Definition, ...]] = {}
        for definition in self.definitions:
            found[definition.name] = (*found.get(definition.name, ()), definition)
        return found

    @cached_property
    def by_local(self) -> Mapping[str, tuple[Import, ...]]:
        """Imports by what they are called here."""
        found: dict[str, tuple[Import, ...]] = {}
        for each in self.imports:
            if each.local:
                found[each.local] = (*found.get(each.local, ()), each)
        return found

    @property
    def may_have_more(self) -> bool:
        """Whether there may be names that it does not bind where they can be seen."""
        return not self.parsed or self.dynamic or bool(self.spoken or self.stars)

    @cached_property
    def importable(self) -> frozenset[str]:
        """The names that others can import."""
        return self.bound if self.offered is None else self.offered
