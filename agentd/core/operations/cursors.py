"""What stands in a cursor: where the page before it ended, as text that only this daemon reads."""

from __future__ import annotations

import orjson

from agentd.core.storage.lock_listing import Position
from agentd.errors import InvalidParams

_DIGITS_MAX = 18
"""Numbers beyond SQLite's integers would be a crash further down, not a page."""


def number_cursor(text: str) -> int:
    """The row number in a cursor. Raises `InvalidParams`."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise _bad_cursor()
    return int(text)


def position_cursor(text: str) -> Position:
    """The lock's place in a cursor. Raises `InvalidParams`."""
    try:
        resource_key, namespace, token = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError, ValueError):
        raise _bad_cursor() from None
    texts = isinstance(resource_key, str) and isinstance(namespace, str)
    if not (texts and type(token) is int and 0 <= token < 10**_DIGITS_MAX):
        raise _bad_cursor()
    return Position(resource_key, namespace, token)


def cursor_at(position: Position) -> str:
    """The cursor of a page that ends with this lock."""
    return orjson.dumps([*position]).decode()


def _bad_cursor() -> InvalidParams:
    return InvalidParams(
        "invalid_field",
        "`cursor` is not one that this method has returned",
        path="cursor",
        rule="must be the next_cursor of another page",
    )
