"""What the tests need to know of Markdown: fenced blocks, headings and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_BLOCK = re.compile(
    r"(?P<mark><!-- run -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    page: Path
    line_number: int
    language: str
    text: str
    runnable: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line_number}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order; those marked `<!-- run -->` are runnable."""
    source = page.read_text()
    return [
        Block(
            page,
            source.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["text"],
            match["mark"] is not None,
        )
        for match in _BLOCK.finditer(source)
    ]


def anchors(page: Path) -> set[str]:
    """The fragments that links to the page may name, as GitHub makes them from headings."""
    prose = _BLOCK.sub("", page.read_text())
    return {
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose)
    }


def links(page: Path) -> list[str]:
    """The targets of the page's links, without those in fenced blocks."""
    return _LINK.findall(_BLOCK.sub("", page.read_text()))
