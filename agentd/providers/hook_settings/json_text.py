"""JSON as people write it into settings files, with where everything stands.

Comments (`//` and `/* */`), trailing commas and a byte order mark are understood, because the
vendors' programs understand them. Nothing is changed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

_SCALAR: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null')
_SPACE: Final = re.compile(r"[ \t\r\n]+")
_COMMENT: Final = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_DEPTH_MAX: Final = 100
_CLOSERS: Final = {"{": "}", "[": "]"}


class NotJson(ValueError):
    """The text is no JSON. The message says where it stops to be."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the stretch of text that it is."""

    value: Any
    start: int
    end: int
    items: tuple[Item, ...] = ()
    """What an object or an array holds, in order."""

    def member(self, key: str) -> Item | None:
        """The member of an object, the last of several."""
        return next((item for item in reversed(self.items) if item.key == key), None)


@dataclass(frozen=True, slots=True)
class Item:
    """An element of an array, or a member of an object with its key."""

    key: str | None
    start: int
    node: Node

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.node.end


def parse(text: str) -> Node:
    """The value that a text is. Raises `NotJson`."""
    reader = _Reader(text)
    start = reader.skip(1 if text.startswith("\ufeff") else 0)
    root = reader.value(start, 0)
    end = reader.skip(root.end)
    if end < len(text):
        reader.fail(end, "there is more after the end")
    return root


def is_blank(text: str) -> bool:
    """Whether nothing is written yet, as in a file that was only made."""
    return not text.strip(" \t\r\n\ufeff")


def filled(text: str) -> str:
    """The text, or an empty object where nothing is written."""
    return "{}\n" if is_blank(text) else text


def skip_blank(text: str, position: int) -> int:
    """The place of the next character that is neither space nor in a comment."""
    while found := _SPACE.match(text, position) or _COMMENT.match(text, position):
        position = found.end()
    return position


def comments(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches of the comments between two places that are both outside of values."""
    position = start
    while position < end:
        if found := _COMMENT.match(text, position):
            yield found.span()
            position = found.end()
        else:
            position += 1


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def skip(self, position: int) -> int:
        return skip_blank(self._text, position)

    def fail(self, position: int, why: str) -> NoReturn:
        line = self._text.count("\n", 0, position) + 1
        column = position - self._text.rfind("\n", 0, position)
        raise NotJson(f"line {line}, column {column}: {why}")

    def value(self, start: int, depth: int) -> Node:
        if depth > _DEPTH_MAX:
            self.fail(start, "it is nested too deeply")
        opener = self._text[start : start + 1]
        if opener in _CLOSERS:
            return self._container(start, opener, depth)
        found = _SCALAR.match(self._text, start)
        if found is None:
            self.fail(start, "there is no value")
        try:
            return Node(json.loads(found[0]), start, found.end())
        except ValueError:
            self.fail(start, f"{found[0][:40]!r} is no value")

    def _container(self, start: int, opener: str, depth: int) -> Node:
        items: list[Item] = []
        position = self.skip(start + 1)
        while self._text[position : position + 1] != _CLOSERS[opener]:
            item = self._item(position, opener, depth)
            items.append(item)
            position = self.skip(item.end)
            if self._text[position : position + 1] == ",":
                position = self.skip(position + 1)
            elif self._text[position : position + 1] != _CLOSERS[opener]:
                self.fail(position, f"a comma or {_CLOSERS[opener]!r} is missing")
        nodes = [item.node.value for item in items]
        if opener == "[":
            return Node(nodes, start, position + 1, tuple(items))
        members = dict(zip((str(item.key) for item in items), nodes, strict=True))
        return Node(members, start, position + 1, tuple(items))

    def _item(self, start: int, opener: str, depth: int) -> Item:
        if opener == "[":
            return Item(None, start, self.value(start, depth + 1))
        key = self.value(start, depth + 1) if self._text[start : start + 1] == '"' else None
        if key is None:
            self.fail(start, "a key is missing")
        colon = self.skip(key.end)
        if self._text[colon : colon + 1] != ":":
            self.fail(colon, "a colon is missing")
        return Item(key.value, start, self.value(self.skip(colon + 1), depth + 1))
