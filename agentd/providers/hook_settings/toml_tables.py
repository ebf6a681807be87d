"""Adds a table to TOML text and takes it out again, so that the one undoes the other. Pure.

A table is added at the end, where it can change the meaning of nothing that is there; whether that
is so is checked by reading the result. As with JSON, the form shows what was there before: a blank
line comes before a table where the text ended with a line break, and no line break at the end where
it did not.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

_MADE: Final = "# Made by `agentd-coord`, which takes out again what it put in."


class NotToml(ValueError):
    """The text is no TOML. The message says where it stops to be."""


class OddToml(ValueError):
    """The text holds its tables in a form that cannot be added to."""


Path = tuple[str, ...]
Value: TypeAlias = str | int | Sequence[str] | Mapping[str, str]
"""What a table of ours may hold."""


def table_at(text: str, path: Path) -> Any:
    """What a table holds; None where there is none. Raises `NotToml`."""
    value: Any = _read(text)
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def with_table(text: str | None, path: Path, values: Mapping[str, Value]) -> str:
    """The text with a table that holds these values; None: a file of its own.

    Raises `NotToml` and `OddToml`.
    """
    if text is not None and table_at(text, path) == values:
        return text
    if text is not None and table_at(text, path) is not None:
        text = without_table(text, path)
    newline = "\r\n" if text is not None and "\r\n" in text else "\n"
    lines = [_header(path), *(f"{key} = {_rendered(value)}" for key, value in values.items())]
    block = newline.join(lines)
    if text is None:
        made = f"{_MADE}{newline}{block}{newline}"
    elif not text:
        made = f"{block}{newline}"
    elif text.endswith("\n"):
        made = f"{text}{newline}{block}{newline}"
    else:
        made = f"{text}{newline}{block}"
    _check(made, _replaced(_read(text or ""), path, dict(values)), path)
    return made


def without_table(text: str, path: Path) -> str | None:
    """The text without a table; None where nothing is left of a file that was made for it.

    Raises `NotToml` and `OddToml`.
    """
    if table_at(text, path) is None:
        return text
    found = re.search(
        rf"(?m)^{re.escape(_header(path))}[ \t]*(?:\r?\n(?![ \t]*(?:\[|\r?\n|\Z)).*)*(\r?\n|\Z)",
        text,
    )
    if found is None:
        raise OddToml(f"{_header(path)} does not stand on a line of its own")
    before, after = text[: found.start()], text[found.end() :]
    newline = "\r\n" if before.endswith("\r\n") else "\n"
    has_blank_line = before.endswith(newline * 2) or before == newline
    if has_blank_line or not found[1]:
        before = before.removesuffix(newline)
    left = before + after
    _check(left, _replaced(_read(text), path, None), path)
    return None if left.strip() == _MADE else left


def _replaced(data: dict[str, Any], path: Path, values: dict[str, Value] | None) -> dict[str, Any]:
    """What is to be read from the changed text."""
    key, *rest = path
    inner = data.get(key)
    if rest:
        below = _replaced(dict(inner) if isinstance(inner, dict) else {}, tuple(rest), values)
        new: Any = below
    else:
        new = values
    if new is None or new == {}:
        return {name: value for name, value in data.items() if name != key}
    return {**data, key: new}


def _check(text: str, expected: dict[str, Any], path: Path) -> None:
    try:
        changed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        changed = None
    if changed is None or _pruned(changed) != _pruned(expected):
        raise OddToml(f"{_header(path)} cannot be changed without changing something else")


def _pruned(value: Any) -> Any:
    """The same without empty tables, which a removed table may leave or take with it; and with
    values that can be compared."""
    if isinstance(value, dict):
        inner = {key: _pruned(each) for key, each in value.items()}
        return {key: each for key, each in inner.items() if each != {}}
    if isinstance(value, list):
        return [_pruned(each) for each in value]
    return repr(value)


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotToml(str(error)) from None


def _header(path: Path) -> str:
    return f"[{'.'.join(_key(part) for part in path)}]"


def _key(part: str) -> str:
    return part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else _quoted(part)


def _rendered(value: Value) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {_quoted(each)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}"
    return f"[{', '.join(_quoted(each) for each in value)}]"


def _quoted(text: str) -> str:
    """A basic string of TOML, which takes what JSON takes in one."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
