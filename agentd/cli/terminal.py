"""What may reach a terminal: text that agents wrote, made harmless, and the consoles to print on.

An owner's name or a line of a patch can hold escape sequences that move the cursor, set the title
or hide what follows, and direction marks that make a line read differently from what it says.
They are shown as what they are. Colour is for people only; what a program reads stays plain.
"""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories that print nothing, or something else than they are."""


def printable(text: str, *, keep_newlines: bool = False) -> str:
    """The text with every control, format and lone surrogate character spelled out.

    Tabs become four spaces, newlines `⏎` unless they are kept.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character, keep_newlines) for character in text)


def _visible(character: str, keep_newlines: bool) -> str:
    if character == "\n":
        return "\n" if keep_newlines else "⏎"
    if character == "\t":
        return "    "
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def styled(text: str, style: str = "", *, keep_newlines: bool = False) -> Text:
    """Harmless rich text: never read as markup, never as escape sequences."""
    from rich.text import Text

    return Text(printable(text, keep_newlines=keep_newlines), style=style)


def console(*, stderr: bool = False) -> Console:
    """A console for people; plain text where it is no terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """A value as one JSON document on standard output."""
    import orjson

    sys.stdout.buffer.write(
        orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    sys.stdout.buffer.flush()
