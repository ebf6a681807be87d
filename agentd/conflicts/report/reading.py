"""Reads JSON of which nothing is certain: what has another type than it should is left out.

A record may come from another version, from the daemon's shortened copy, or from a client that
wrote what it liked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = Mapping[str, object]


def text_of(source: Json, key: str, default: str = "") -> str:
    """A text, or a number as text."""
    value = source.get(key)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else default


def number_of(source: Json, key: str, default: int = 0) -> int:
    """A whole number."""
    value = source.get(key)
    return value if isinstance(value, int) else default


def seconds_of(source: Json, key: str) -> float | None:
    """A number that need not be whole."""
    value = source.get(key)
    return float(value) if isinstance(value, int | float) else None


def object_of(source: Json, key: str) -> Json:
    """An object; empty where there is none."""
    value = source.get(key)
    return _with_text_keys(value) if isinstance(value, Mapping) else {}


def objects_of(source: Json, key: str) -> list[Json]:
    """The objects of a list."""
    value = source.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [_with_text_keys(each) for each in value if isinstance(each, Mapping)]


def texts_of(source: Json, key: str) -> tuple[str, ...]:
    """The texts of a list."""
    value = source.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(each for each in value if isinstance(each, str))


def _with_text_keys(value: Mapping[object, object]) -> Json:
    return {str(key): item for key, item in value.items()}
