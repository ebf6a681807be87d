"""HTML that cannot be broken out of: every text is escaped unless it is `Html` already.

The only way to make `Html` is through this module, names of elements and attributes come from our
own sources, and links lead nowhere but to another place of the same page.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final, TypeAlias

from agentd.plain_text import pieces, printable


class Html(str):
    """Markup, as it goes onto the page."""

    __slots__ = ()


Child: TypeAlias = "Html | str | int | None"

_VOID: Final = frozenset({"meta"})


def element(name: str, /, *children: Child, **attributes: str | int | None) -> Html:
    """An element. `class_` and `for_` stand for `class` and `for`, `aria_label` for `aria-label`.

    Attributes and children that are None are left out; a link that leaves the page is refused.
    """
    opening = "".join(
        _attribute(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{opening}>")
    return Html(f"<{name}{opening}>{join(children)}</{name}>")


def _attribute(name: str, value: str | int) -> str:
    if name == "href" and not str(value).startswith("#"):
        raise ValueError(f"a link that leaves the page: {value!r}")
    return f' {name}="{html.escape(printable(str(value)))}"'


def text(value: str, *, keep_newlines: bool = False) -> Html:
    """A text that somebody wrote; what had to be spelled out is marked as such."""
    return Html(
        "".join(
            f'<span class="spelled">{html.escape(piece)}</span>' if spelled else html.escape(piece)
            for piece, spelled in pieces(value, keep_newlines=keep_newlines)
        )
    )


def sentence(value: str) -> Html:
    """A message: what it puts between backticks is shown as code."""
    parts = value.split("`")
    if len(parts) % 2 == 0:
        return text(value)
    return join(code(part) if index % 2 else part for index, part in enumerate(parts) if part)


def plain(value: str) -> Html:
    """The same without marks, for places where no element may stand: titles and pictures."""
    return Html(html.escape(printable(value)))


def join(children: Iterable[Child], between: Html | None = None) -> Html:
    """Some children one after another."""
    made = [
        child if isinstance(child, Html) else text(str(child))
        for child in children
        if child is not None
    ]
    return Html((between or Html("")).join(made))


def document(head: Html, body: Html) -> str:
    """A whole page."""
    return f'<!DOCTYPE html>\n<html lang="en">\n{head}\n{body}\n</html>\n'


def stylesheet(css: str) -> Html:
    """Our own style sheet, as an element."""
    if "</" in css:
        raise ValueError("the style sheet would end its element")
    return Html(f"<style>{css}</style>")


def code(value: str) -> Html:
    """A path, command or id."""
    return element("code", value)


def folded(summary: Child, *content: Child, open_: bool = False, class_: str = "") -> Html:
    """Something to be opened by whoever wants to see it."""
    return element(
        "details",
        element("summary", summary),
        *content,
        open="" if open_ else None,
        class_=class_ or None,
    )


def section(identifier: str, title: str, *content: Child) -> Html:
    """A part of the page with its heading."""
    heading = element("h2", title, id=f"{identifier}-title")
    return element(
        "section", heading, *content, id=identifier, aria_labelledby=f"{identifier}-title"
    )


def table(caption: str, heads: Iterable[Child], rows: Iterable[Iterable[Child]]) -> Html:
    """A table whose first column names each row; it scrolls in its own box where it is wide."""
    head = element("tr", *(element("th", each, scope="col") for each in heads))
    body = []
    for row in rows:
        first, *others = row
        cells = (element("td", each) for each in others)
        body.append(element("tr", element("th", first, scope="row"), *cells))
    return scrolling(
        caption,
        element(
            "table",
            element("caption", caption, class_="unseen"),
            element("thead", head),
            element("tbody", *body),
        ),
    )


def scrolling(label: str, content: Html) -> Html:
    """A box that scrolls sideways by itself, also by keyboard."""
    return element("div", content, class_="scroll", tabindex=0, role="region", aria_label=label)
