"""Text that agents wrote, made harmless to look at.

An owner's name or a line of a patch can hold escape sequences that move a terminal's cursor, set
its title or hide what follows, and direction marks that make a line read differently from what it
says. They are spelled out, so that they are seen as what they are. Markup is the business of
whoever prints: this module knows no terminal and no page.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import groupby

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories that print nothing, or something else than they are."""


def printable(text: str, *, keep_newlines: bool = False) -> str:
    """The text with every control, format and lone surrogate character spelled out.

    Tabs become four spaces, newlines `⏎` unless they are kept.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character, keep_newlines=keep_newlines) for character in text)


def pieces(text: str, *, keep_newlines: bool = False) -> Iterator[tuple[str, bool]]:
    """The same text in stretches, each with whether it was spelled out."""
    if text.isascii() and text.isprintable():
        yield text, False
        return
    for spelled, stretch in groupby(
        text, key=lambda one: _is_hidden(one, keep_newlines=keep_newlines)
    ):
        yield (
            "".join(_visible(character, keep_newlines=keep_newlines) for character in stretch),
            spelled,
        )


def _is_hidden(character: str, *, keep_newlines: bool) -> bool:
    """Whether a character cannot be shown as it is."""
    if character == "\t" or (keep_newlines and character == "\n"):
        return False
    return unicodedata.category(character) in _HIDDEN


def _visible(character: str, *, keep_newlines: bool) -> str:
    if character == "\n":
        return "\n" if keep_newlines else "⏎"
    if character == "\t":
        return "    "
    if not _is_hidden(character, keep_newlines=keep_newlines):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
