"""Takes values out of JSON that a program wrote, which may be anything.

Nothing here raises: what has not the type that it should have counts as not there, and what is long
is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

Message: TypeAlias = Mapping[str, Any]
"""A JSON object."""

TEXT_CHARS_MAX: Final = 4_000
PATHS_MAX: Final = 200
PATH_CHARS_MAX: Final = 4_096
_TOKENS_MAX: Final = 10**15

_NOTHING: Final[Message] = {}


def object_of(value: object, *keys: str) -> Message:
    """The object at the end of a chain of keys, or an empty one."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else _NOTHING


def objects_of(value: object) -> Sequence[Message]:
    """Those of a list that are objects; none where it is no list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text_of(value: object, chars_max: int = TEXT_CHARS_MAX) -> str:
    """A text, cut where it is long; empty where it is none."""
    return valid(value)[:chars_max] if isinstance(value, str) else ""


def whole_text_of(value: object) -> str:
    """A text however long it is, for what must not be cut, such as a diff."""
    return value if isinstance(value, str) else ""


def texts_of(value: object) -> tuple[str, ...]:
    """Those of a list that are texts and not empty."""
    if not isinstance(value, list):
        return ()
    return tuple(text for each in value if (text := text_of(each)))[:PATHS_MAX]


def paths_of(*values: object) -> tuple[str, ...]:
    """Those of some values that can be paths, each once, in their order."""
    paths = (text_of(value, PATH_CHARS_MAX) for value in values[:PATHS_MAX])
    return tuple(dict.fromkeys(path for path in paths if path))


def count_of(value: object) -> int:
    """A number of tokens or the like: not negative, and 0 where it is no whole number."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= _TOKENS_MAX else 0  # type: ignore[operator, return-value]


def money_of(value: object) -> float | None:
    """An amount of money, not negative; None where it is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e9 else None  # type: ignore[operator, arg-type]


def valid(text: str) -> str:
    """A text that can be written as UTF-8: lone surrogates are replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
