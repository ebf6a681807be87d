"""Reads members of JSON values that anybody may have edited, and names the one that is wrong.

Pure. It must not know what the values mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from agentd.conflicts.git.names import OBJECT_ID

_E = TypeVar("_E", bound=StrEnum)


class FieldProblem(Exception):
    """A member that is missing or of another type."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"`{path}` {rule}")
        self.path = path
        self.rule = rule


class Fields:
    """The members of one JSON object. Every method raises `FieldProblem`."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise FieldProblem(path, "must be an object")
        self._value: Mapping[str, Any] = value
        self._path = path

    def _of(self, name: str, *types: type, rule: str) -> Any:
        value = self._value.get(name)
        # A boolean is a number to Python, and to nobody else.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise self.problem(name, rule)
        return value

    def problem(self, name: str, rule: str) -> FieldProblem:
        """That a member breaks a rule."""
        return FieldProblem(f"{self._path}.{name}", rule)

    def has(self, name: str) -> bool:
        """Whether there is such a member, and it is not null."""
        return self._value.get(name) is not None

    def text(self, name: str) -> str:
        """A text."""
        return str(self._of(name, str, rule="must be text"))

    def text_or_none(self, name: str) -> str | None:
        """A text, or null."""
        return self.text(name) if self.has(name) else None

    def path_or_none(self, name: str) -> str | None:
        """A text without a null character, or null."""
        path = self.text_or_none(name)
        if path is not None and "\0" in path:
            raise self.problem(name, "must be a path")
        return path

    def object_id(self, name: str) -> str:
        """The full id of an object of git's."""
        found = self.text(name)
        if not OBJECT_ID.fullmatch(found):
            raise self.problem(name, "must be the full id of a git object")
        return found

    def object_id_or_none(self, name: str) -> str | None:
        """The full id of an object of git's, or null."""
        return self.object_id(name) if self.has(name) else None

    def truth(self, name: str) -> bool:
        """True or false."""
        return bool(self._of(name, bool, rule="must be true or false"))

    def integer(self, name: str) -> int:
        """A whole number."""
        return int(self._of(name, int, rule="must be a whole number"))

    def number(self, name: str) -> int | float:
        """A number, as it stands there."""
        found: int | float = self._of(name, int, float, rule="must be a number")
        return found

    def word(self, name: str, words: type[_E]) -> _E:
        """One of the words of a closed set."""
        try:
            return words(self.text(name))
        except ValueError:
            known = ", ".join(words)
            raise self.problem(name, f"must be one of {known}") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            raise self.problem(name, "must be a list of texts")
        return tuple(values)

    def paths(self, name: str) -> tuple[str, ...]:
        """A list of texts without null characters."""
        found = self.texts(name)
        if any("\0" in path for path in found):
            raise self.problem(name, "must be a list of paths")
        return found

    def json(self, name: str) -> dict[str, Any]:
        """An object whose members are nobody's business."""
        return dict(self._of(name, dict, rule="must be an object"))

    def member(self, name: str) -> Fields:
        """An object."""
        return Fields(self._value.get(name), f"{self._path}.{name}")

    def members(self, name: str) -> tuple[Fields, ...]:
        """A list of objects."""
        return tuple(
            Fields(value, f"{self._path}.{name}[{place}]")
            for place, value in enumerate(self._list(name))
        )

    def _list(self, name: str) -> list[Any]:
        found: list[Any] = self._of(name, list, rule="must be a list")
        return found
