"""Generated sections inside hand-written pages, between markers that a reader does not see."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_SECTION = re.compile(
    r"(?P<begin><!-- begin generated: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end generated -->)",
    re.DOTALL,
)


class SectionMismatch(Exception):
    """The page's markers and the sections made for it are not the same."""


def with_sections(page: str, sections: Mapping[str, str]) -> str:
    """The page with the text between its markers replaced.

    Raises `SectionMismatch` where a marker has no section or a section no marker.
    """
    found = [match["name"] for match in _SECTION.finditer(page)]
    if sorted(found) != sorted(sections):
        raise SectionMismatch(f"markers {sorted(found)}, sections {sorted(sections)}")
    return _SECTION.sub(
        lambda match: f"{match['begin']}\n{sections[match['name']].strip()}\n\n{match['end']}", page
    )


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table. Cells are escaped so that `|` and line ends stay in their cell."""
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
