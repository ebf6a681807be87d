"""Reads TOML that somebody else wrote, so that no text takes more than a text of its size should.

The standard reader goes as deep as the text does and keeps every beginning of a dotted key: one
line of 300 kB takes it tens of gigabytes. Pure.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

KEY_PARTS_MAX: Final = 64
_WORD: Final = r"(?:[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')"
_LONG_KEY: Final = re.compile(rf"(?<![\w.-]){_WORD}(?:[ \t]*+\.[ \t]*+{_WORD}){{{KEY_PARTS_MAX}}}")
"""What stands in a text or a comment and looks so counts, too: hardly any does."""
_AT_LINE: Final = re.compile(r"at line (\d+)")


class NotToml(ValueError):
    """The text is no TOML, or none that is read here. The message says why."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line
        """Where, from 1."""


def load_toml(text: str) -> dict[str, Any]:
    """What a TOML text says. Raises `NotToml`."""
    long_key = _LONG_KEY.search(text)
    if long_key is not None:
        line = text.count("\n", 0, long_key.start()) + 1
        raise NotToml(f"A key has more than {KEY_PARTS_MAX} parts (at line {line})", line)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("It is nested too deeply") from None
    except ValueError as error:  # Numbers of thousands of digits raise a plain one.
        at = _AT_LINE.search(str(error))
        raise NotToml(str(error), int(at[1]) if at else 1) from None
