"""Adds to JSON text and takes out again, so that the one undoes the other to the byte. Pure.

What is added stands after what is there, in the file's own indentation; nothing else moves. How it
was added can be seen when it is taken out: what is put into an empty container that was there
follows its bracket at once, while a container that is made for it begins with a line break. So no
note has to be kept of what was there before.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from agentd.providers.hook_settings.json_text import (
    Item,
    Node,
    comments,
    skip_blank,
)

_BLANKS: Final = " \t\r\n"
_FIRST_INDENT: Final = re.compile(r"\n([ \t]+)\S")


def with_item(text: str, container: Node, value: Any, key: str | None = None) -> str:
    """The text with one more item at the end of an array or, with a key, of an object."""
    if not container.items:
        at = container.start + 1
        indent = _indent_at(text, container.start) + _unit(text)
        return text[:at] + _rendered(text, value, key, indent) + text[at:]
    last = container.items[-1]
    comma = skip_blank(text, last.end)
    has_comma = text[comma : comma + 1] == ","
    stand = comma + 1 if has_comma else last.end
    for _, end in comments(text, stand, container.end - 1):
        stand = end
    lead = _lead(text, container, after_line_comment=_ends_in_line_comment(text, last.end, stand))
    indent = lead.rpartition("\n")[2] if "\n" in lead else _indent_at(text, container.start)
    added = lead + _rendered(text, value, key, indent) + ("," if has_comma else "")
    changed = text[:stand] + added + text[stand:]
    return changed if has_comma else f"{changed[: last.end]},{changed[last.end :]}"


def without_item(text: str, path: tuple[Node, ...], item: Item) -> str | None:
    """The text without an item of the last container in `path`, which leads there from the root.

    Containers that were made for it go with it; None: nothing else was in the text.
    """
    container = path[-1]
    start = item.start
    while text[start - 1] in _BLANKS:
        start -= 1
    comma = skip_blank(text, item.end)
    has_comma = text[comma : comma + 1] == ","
    if len(container.items) == 1:
        was_made = start < item.start and text[start - 1] in "[{"
        has_comments = any(True for _ in comments(text, container.start + 1, item.start)) or any(
            True for _ in comments(text, item.end, container.end)
        )
        if was_made and not has_comments:
            return _without_container(text, path)
    cuts = [(start, item.end)]
    if has_comma:
        cuts.append((comma, comma + 1))
    elif (index := container.items.index(item)) > 0:
        before = skip_blank(text, container.items[index - 1].end)
        cuts.insert(0, (before, before + 1))
    for begin, end in sorted(cuts, reverse=True):
        text = text[:begin] + text[end:]
    return text


def _without_container(text: str, path: tuple[Node, ...]) -> str | None:
    if len(path) == 1:
        root = path[0]
        outside = text[: root.start] + text[root.end :]
        return None if not outside.strip(f"{_BLANKS}\ufeff") else text
    holder = next(item for item in path[-2].items if item.node is path[-1])
    return without_item(text, path[:-1], holder)


def new_text(value: Any) -> str:
    """A file of its own that holds a value."""
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n"


def _rendered(text: str, value: Any, key: str | None, indent: str) -> str:
    said = json.dumps(value, indent=_unit(text), ensure_ascii=False)
    if key is not None:
        said = f"{json.dumps(key, ensure_ascii=False)}: {said}"
    return said.replace("\n", f"{_newline(text)}{indent}")


def _lead(text: str, container: Node, *, after_line_comment: bool) -> str:
    """What comes between the item before and the new one."""
    first = container.items[0]
    between = text[container.start + 1 : first.start]
    if "\n" in between:
        return f"{_newline(text)}{_indent_at(text, first.start)}"
    if after_line_comment:
        return f"{_newline(text)}{_indent_at(text, container.start)}{_unit(text)}"
    return " "


def _ends_in_line_comment(text: str, start: int, end: int) -> bool:
    spans = list(comments(text, start, end))
    return bool(spans) and spans[-1][1] == end and text.startswith("//", spans[-1][0])


def _indent_at(text: str, position: int) -> str:
    """The indentation of the line that a place is in."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    found = _FIRST_INDENT.search(text)
    return found[1] if found else "  "


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
