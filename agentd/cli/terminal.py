"""What may reach a terminal: text that agents wrote, made harmless, and the consoles to print on.

Colour is for people only; what a program reads stays plain.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agentd.plain_text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = [
    "console",
    "print_indented",
    "print_json",
    "printable",
    "progress_line",
    "say",
    "styled",
    "styled_level",
]

_TEXT_CHARS_MIN = 20
"""Room for indented text, however narrow the terminal says that it is."""
_LEVEL_STYLES = {"guarded": "green", "advisory": "yellow", "none": "red"}


def styled(text: str, style: str = "", *, keep_newlines: bool = False) -> Text:
    """Harmless rich text: never read as markup, never as escape sequences."""
    from rich.text import Text

    return Text(printable(text, keep_newlines=keep_newlines), style=style)


def styled_level(level: str) -> Text:
    """The level at which locks hold an agent back, in a column of its own."""
    return styled(f"{level:<10}", _LEVEL_STYLES[level])


def console(*, stderr: bool = False) -> Console:
    """A console for people; plain text where it is no terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, soft_wrap=False)


def print_indented(out: Console, text: Text, indent: int, first: Text | None = None) -> None:
    """Prints wrapped text with its lines indented alike, without padding that somebody may copy.

    The first line begins with `first` instead, which is as wide as the indentation.
    """
    from rich.text import Text

    room = max(out.width - indent, _TEXT_CHARS_MIN)
    for number, line in enumerate(text.wrap(out, room, tab_size=4)):
        line.rstrip()
        before = first if number == 0 and first is not None else Text(" " * indent)
        out.print(before + line, soft_wrap=True)


def print_json(value: Any) -> None:
    """A value as one JSON document on standard output."""
    import orjson

    sys.stdout.buffer.write(
        orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    sys.stdout.buffer.flush()


def say(text: str) -> None:
    """Tells the user something on standard error, beside what a program reads."""
    sys.stderr.write(f"{printable(text)}\n")


@contextmanager
def progress_line(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A line on the terminal that says what is being done; nothing where there is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with console(stderr=True).status("reviewing") as status:
        yield lambda text: status.update(printable(text))
